"""What a step does with memory, before any byte is counted: storages, who needs a gradient, what autograd keeps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

from ...graph import Graph, Node, TensorSpec
from ...graph.ops import Binary, Kept, Loss, Op, Permute, Reduce, Slice, Split
from ...graph.ops.base import NOTHING

LOSS = "loss"


class Step(NamedTuple):
    """One node with all that the simulation asks of it."""

    node: Node
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    needs: list[bool]  # which inputs need a gradient
    kept: Kept
    differentiable: bool
    is_view: bool
    layout: int  # of the first input: PACKED, CHANNELS_LAST, SPARSE or PART


PACKED, CHANNELS_LAST, SPARSE, PART = 0, 1, 2, 3  # SPARSE: axes in another order; PART: some elements of a larger tensor
_KEEPS_LAYOUT = ("conv", "batch_norm", "activation", "arithmetic", "dropout", "max_pool", "avg_pool", "concat", "cast",
                 "interpolate", "pad", "stochastic_depth", "identity", "adaptive_avg_pool", "slice", "split")  # fmt: skip
# these make a packed output of any input that is not channels-last
_PACKS = ("conv", "batch_norm", "max_pool", "avg_pool", "adaptive_avg_pool", "concat", "interpolate", "pad")
_CHANGES_LAYOUT = ("permute", "slice", "split")


@dataclass(slots=True)
class Plan:
    """A graph prepared for simulation.

    Attributes:
        steps: the nodes in order of execution, the loss included.
        storage: value -> storage; views and in-place outputs share their input's.
        size: storage -> bytes.
        needs_grad: value -> whether a gradient flows to it.
        saved: storage -> how many kept references the forward pass makes to it.
        dying: position -> values that Python lets go of after that many nodes.
        persistent: storages that live through the step (parameters, buffers, inputs, constants).

    """

    graph: Graph
    steps: list[Step]
    storage: list[int]
    size: list[int]
    needs_grad: list[bool]
    saved: list[int]
    dying: list[list[int]]
    persistent: set[int]


def with_loss(graph: Graph) -> Graph:
    """The graph with a loss on its outputs: cross-entropy for logits (N, classes), the mean of anything else; summed."""
    result = Graph(
        graph.name, graph.training, list(graph.values), list(graph.nodes), list(graph.inputs), [], graph.parameters,
        graph.buffers, list(graph.constants), graph.modules, dict(graph.released),
    )  # fmt: skip
    total: int | None = None
    for output in graph.outputs:
        spec = graph.values[output]
        if not spec.is_floating:
            continue
        if len(spec.shape) == 2:
            target = result.add_input(TensorSpec(spec.shape[:1], "int64"))
            term = result.add_node(Loss("cross_entropy"), output, target, module=LOSS)
        else:
            term = result.add_node(Reduce("mean", tuple(range(len(spec.shape)))), output, module=LOSS)
        total = term if total is None else result.add_node(Binary("add"), total, term, module=LOSS)
    if total is None:
        raise ValueError(f"{graph.name} has no floating-point output, so nothing to train on")
    result.outputs = [*graph.outputs, total]
    return result


def plan(graph: Graph, channels_last: bool = False, *, inference: bool = False, device: str = "cpu") -> Plan:
    """Prepare a graph.

    Args:
        graph: the network, its loss included if it is trained.
        channels_last: images come, and weights lie, in that memory format.
        inference: nothing takes a gradient.
        device: CUDA's dropout keeps its mask as bool, the CPU's in the input's dtype.

    """
    values, nodes = graph.values, graph.nodes
    count = len(values)
    storage = [-1] * count
    size: list[int] = []

    def fresh(value: int) -> int:
        storage[value] = len(size)
        size.append(values[value].nbytes)
        return storage[value]

    needs_grad = [False] * count
    persistent = set()
    for parameter in graph.parameters:
        persistent.add(fresh(parameter.value))
        needs_grad[parameter.value] = parameter.trainable and not inference
    for value in [*(buffer.value for buffer in graph.buffers), *graph.inputs, *graph.constants]:
        persistent.add(fresh(value))
    layouts = [PACKED] * count
    if channels_last:
        for value in graph.inputs:
            layouts[value] = CHANNELS_LAST if len(values[value].shape) == 4 else PACKED
    steps: list[Step] = []
    references: list[int] = []
    for node in nodes:
        op = node.op
        inputs = [values[i] for i in node.inputs]
        outputs = [values[i] for i in node.outputs]
        is_view = op.is_view
        if is_view and node.inputs:
            shared = storage[node.inputs[0]]
            for value in node.outputs:
                storage[value] = shared
        else:
            for value in node.outputs:
                fresh(value)
        needs = [needs_grad[i] for i in node.inputs]
        differentiable = op.differentiable and not node.no_grad and True in needs
        kept = NOTHING
        if differentiable:
            for value, spec in zip(node.outputs, outputs, strict=True):
                needs_grad[value] = spec.is_floating
            kept = op.kept(inputs, outputs, needs)
            if device == "cuda" and op.kind == "dropout" and kept.extra and kept.extra[0].shape == inputs[0].shape:
                kept = Kept(extra=(TensorSpec(inputs[0].shape, "bool"),))
            references.extend(storage[node.inputs[i]] for i in kept.inputs)
            references.extend(storage[node.outputs[i]] for i in kept.outputs)
        layout = layouts[node.inputs[0]] if node.inputs else PACKED
        if layout or op.kind in _CHANGES_LAYOUT:
            for value in node.outputs:
                layouts[value] = _layout_after(op, layout, values[node.inputs[0]], values[value])
        steps.append(Step(node, inputs, outputs, needs, kept, differentiable, is_view, layout))
    saved = [0] * len(size)
    for reference in references:
        saved[reference] += 1
    return Plan(graph, steps, storage, size, needs_grad, saved, _dying(graph), persistent)


def trained(plan: Plan) -> list[int]:
    """The parameters that a gradient reaches: an optimizer keeps nothing for the others."""
    reached = set(plan.graph.outputs[-1:])
    for step in reversed(plan.steps):
        if step.differentiable and not reached.isdisjoint(step.node.outputs):
            reached.update(compress(step.node.inputs, step.needs))
    return [parameter.value for parameter in plan.graph.parameters if parameter.trainable and parameter.value in reached]


def _layout_after(op: Op, layout: int, source: TensorSpec, result: TensorSpec) -> int:
    """How an op's output lies in memory, given how its first input does."""
    if isinstance(op, Permute):
        return permuted(op.axes, layout)
    if isinstance(op, Slice | Split) and layout in (PACKED, PART):
        return layout if _in_one_piece(source.shape, result.shape) else PART
    if layout in (SPARSE, PART) and op.kind in _PACKS:
        return PACKED
    if layout == PART and not op.is_view:
        return PACKED
    return layout if op.kind in _KEEPS_LAYOUT else PACKED


def permuted(axes: tuple[int, ...], layout: int) -> int:
    """How a tensor lies in memory once its axes are in another order."""
    if axes == (0, 3, 1, 2):
        return {PACKED: CHANNELS_LAST, SPARSE: PACKED}.get(layout, SPARSE)
    if axes == (0, 2, 3, 1):
        return {CHANNELS_LAST: PACKED}.get(layout, SPARSE)
    return SPARSE if axes != tuple(range(len(axes))) else layout


def _in_one_piece(whole: tuple[int, ...], part: tuple[int, ...]) -> bool:
    """Whether a part of a packed tensor is packed itself: it was cut along the first of its axes that has a size."""
    if len(whole) != len(part):
        return True
    cut = [axis for axis, (before, after) in enumerate(zip(whole, part, strict=True)) if before != after]
    return not cut or all(n == 1 for n in part[: cut[-1]])


def _dying(graph: Graph) -> list[list[int]]:
    """For each count of nodes run, the values that the code has let go of; untold ones at their last use."""
    end = len(graph.nodes)
    dying: list[list[int]] = [[] for _ in range(end + 1)]
    if graph.released:
        held = set(graph.outputs)
        for node in graph.nodes:
            for value in node.outputs:
                position = graph.released.get(value, end)
                if value not in held:
                    dying[min(position, end)].append(value)
        return dying
    last = {value: position for position, node in enumerate(graph.nodes) for value in (*node.outputs, *node.inputs)}
    for node in graph.nodes:
        for value in node.outputs:
            if value not in graph.outputs:
                dying[last[value] + 1].append(value)
    return dying
