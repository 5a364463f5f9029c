"""Activation checkpointing: which modules can be computed again in backward, and the cheapest set that fits a memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ...errors import ConvatlasError
from ...graph import Graph
from ...names import unknown_name
from ..wiring import within

_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


def with_regions(graph: Graph, modules: Iterable[str]) -> Graph:
    """The graph with each call of the named modules marked as a region that is computed again in backward.

    Raises:
        ConvatlasError: a module does not exist, or is never called; the nearest names are given.

    """
    names = list(modules)
    for name in names:
        if name not in graph.modules:
            raise unknown_name("module to checkpoint", name, [path for path in graph.modules if path])
        if not any(within(node.module, name) for node in graph.nodes):
            raise ConvatlasError(f"module {name!r} makes no call in this forward pass, so it cannot be checkpointed")
    nodes, region, last = [], 0, ""
    for node in graph.nodes:
        inside = next((name for name in names if within(node.module, name)), "")
        if inside and inside != last:
            region += 1
        last = inside
        nodes.append(node._replace(region=region) if inside else node)
    return replace(graph, nodes=nodes)


def blocks(graph: Graph) -> list[str]:
    """The network's building blocks in order of execution: the outermost modules worth checkpointing one by one.

    A plain container, or a module made of like modules, is looked into; a module of several ops is a block.
    """
    children: dict[str, list[str]] = {}
    for path in graph.modules:
        if path:
            children.setdefault(path.rpartition(".")[0], []).append(path)
    calls: dict[str, int] = {}
    for node in graph.nodes:
        parts = node.module.split(".")
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            calls[path] = calls.get(path, 0) + 1
    found: list[str] = []

    def look(path: str) -> None:
        inner = [child for child in children.get(path, []) if calls.get(child)]
        composite = [child for child in inner if children.get(child)]
        kinds = {graph.modules[child] for child in inner}
        container = path == "" or graph.modules[path] in _CONTAINERS
        alike = len(kinds) == 1 and len(composite) == len(inner) > 1
        if container or alike:
            for child in composite:
                look(child)
        elif calls.get(path, 0) > 2:
            found.append(path)

    look("")
    return found


def every(names: Sequence[str], k: int) -> tuple[str, ...]:
    """Every k-th of the blocks.

    Raises:
        ConvatlasError: k is below 1.

    """
    if k < 1:
        raise ConvatlasError(f"every {k}-th block makes no sense; give 1 or more")
    return tuple(names[k - 1 :: k])


def recomputed_macs(graph: Graph, modules: Iterable[str]) -> int:
    """Multiply-accumulates that a step does again for checkpointed modules."""
    names = list(modules)
    return sum(
        node.op.macs(graph.specs(node.inputs), graph.specs(node.outputs))
        for node in graph.nodes
        if any(within(node.module, name) for name in names)
    )


def cheapest_checkpoints(
    graph: Graph, fits: Callable[[tuple[str, ...]], bool], saving: Callable[[str], int]
) -> tuple[str, ...] | None:
    """The set of blocks with the fewest MACs to compute again for which ``fits`` holds; None if no set does.

    ``saving`` is the peak's fall in bytes for one block alone. Blocks are taken by saving for each MAC until the step fits;
    then each is given up again, the dearest first, where it fits without.
    """
    macs = {name: recomputed_macs(graph, [name]) for name in blocks(graph)}
    if fits(()):
        return ()
    order = sorted(macs, key=lambda name: saving(name) / (macs[name] + 1), reverse=True)
    low, high = 0, len(order)
    if not order or not fits(tuple(order)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(tuple(order[:middle])) else (middle, high)
    chosen = order[:high]
    for name in sorted(chosen, key=lambda name: macs[name], reverse=True):
        without = [other for other in chosen if other != name]
        if fits(tuple(without)):
            chosen = without
    return tuple(name for name in macs if name in chosen)
