"""What the charts show, as rows of plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from ..analysis.cost import UNUSED
from ..graph import Node
from ..graph.ops import POINTWISE
from .labels import FAMILIES, SHORT, family, kernel
from .network import Network
from .numbers import in_bytes, in_short, in_time, percent, square

Rows = list[dict[str, Any]]


class Quantity(NamedTuple):
    """Something that layers cost. ``key`` is a field of their records."""

    key: str
    title: str
    in_bytes: bool = False


MEMORY = Quantity("activation_bytes", "Activation memory", in_bytes=True)
PARAMS = Quantity("params", "Parameters")
MACS = Quantity("macs", "MACs")
MOVED = Quantity("bytes_moved", "Bytes moved", in_bytes=True)
TRAINING = Quantity("training_bytes", "Training memory", in_bytes=True)
INTENSITY = Quantity("intensity", "Intensity")
TIME = Quantity("milliseconds", "Predicted time")
COSTS = (MEMORY, PARAMS, MACS)
TOTALS = (PARAMS, MACS, MEMORY, TRAINING, TIME, MOVED, INTENSITY)
MOST_BARS = 64
MOST_KINDS = 8
LEAST_KIND = 0.005  # of MACs or time; smaller kinds of ops stand together


def shown(quantity: Quantity, value: float) -> str:
    """A value with its unit, for people."""
    if quantity is INTENSITY:
        return f"{value:.1f} FLOPs a byte"
    if quantity is TIME:
        return in_time(value)
    return in_bytes(value) if quantity.in_bytes else f"{in_short(value)} {'MACs' if quantity is MACS else 'parameters'}"


def bar_names(network: Network) -> list[tuple[str, list[int]]]:
    """The bars of a network and the nodes that each one adds up: convolutions, poolings and matrix products.

    Where they are too many, those of one module are put together, as deep in the module tree as there is room for.
    """
    nodes = network.graph.nodes
    places = [place for place, node in enumerate(nodes) if not node.op.counted or family(network.graph, node) != "other"]
    if not places:
        return []
    paths = [nodes[place].module.split(".") for place in places]
    for depth in range(max(map(len, paths)), 0, -1):
        keys = [".".join(path[:depth]) for path in paths]
        if depth == max(map(len, paths)) and len(places) <= MOST_BARS:
            groups = [(key, [place]) for key, place in zip(keys, places, strict=True)]
        else:
            pairs = groupby(zip(keys, places, strict=True), key=lambda pair: pair[0])
            groups = [(key, [place for _, place in group]) for key, group in pairs]
        if len(groups) <= MOST_BARS:
            return groups
    stages = groupby(places, key=lambda place: network.layers[place].stage)
    return [(stage, list(group)) for stage, group in stages]


def of_nodes(network: Network, quantity: Quantity) -> Sequence[float]:
    """A quantity by the nodes of the network, and by what it has beside them."""
    return network.milliseconds if quantity is TIME else [getattr(layer, quantity.key) for layer in network.layers]


def _with_followers(network: Network, bars: list[tuple[str, list[int]]]) -> list[tuple[str, list[int]]]:
    """The bars with every node of the network: each that has none of its own counts to the bar before it."""
    owner = {node: bar for bar, (_, nodes) in enumerate(bars) for node in nodes}
    found: list[list[int]] = [[] for _ in bars]
    bar = 0
    for place in range(len(network.graph.nodes)):
        bar = owner.get(place, bar)
        found[bar].append(place)
    return [(name, nodes) for (name, _), nodes in zip(bars, found, strict=True)]


def layer_rows(network: Network, quantity: Quantity) -> Rows:
    """One row for each bar and family of layers in it, in order of execution; of time, with the ops that follow a layer."""
    rows: Rows = []
    values, bars = of_nodes(network, quantity), bar_names(network)
    if quantity is TIME:
        bars = _with_followers(network, bars)
    total = sum(values)
    for place, (name, nodes) in enumerate(bars):
        held: dict[str, float] = {}
        for node in nodes:
            kind = family(network.graph, network.graph.nodes[node])
            held[kind] = held.get(kind, 0) + values[node]
        unknown = quantity is MACS and not all(network.layers[node].counted for node in nodes)
        for kind, value in held.items():
            share = value / total if total else 0.0
            what = "MACs unknown" if unknown and kind == "other" else f"{shown(quantity, value)}, {percent(share)} of all"
            about = f"{name or 'network'} ({FAMILIES[kind]}): {what}"
            rows.append({"bar": place, "name": name, "family": kind, "value": value, "unknown": unknown, "about": about})
    return rows


def by_stage(network: Network, quantity: Quantity) -> dict[str, float]:
    """A quantity by stage, in order, with what evaluation does not use."""
    sums = {stage.name: 0.0 for stage in network.summary.stages}
    for layer, value in zip(network.layers, of_nodes(network, quantity), strict=False):
        sums[layer.stage] += value
    return sums


def stage_rows(network: Network, quantities: Sequence[Quantity] = COSTS) -> Rows:
    """The share of each stage in each quantity, in per cent."""
    stages = [stage for stage in network.summary.stages if stage.name != UNUSED]
    rows: Rows = []
    for quantity in quantities:
        held = by_stage(network, quantity)
        total = sum(held.values())
        for place, stage in enumerate(stages):
            value = held[stage.name]
            share = value / total if total else 0.0
            about = f"{network.title}, {stage.name}: {shown(quantity, value)}, {percent(share)} of all"
            rows.append({"stage": place, "name": stage.name, "quantity": quantity.title, "share": 100 * share, "about": about})
    return rows


def kind_rows(network: Network) -> Rows:
    """The share of each kind of op in MACs and in predicted time, in per cent; the longest first, small ones together."""
    macs, times = of_nodes(network, MACS), of_nodes(network, TIME)
    held: dict[str, tuple[float, float]] = {}
    for node, own_macs, own_time in zip(network.graph.nodes, macs, times, strict=False):
        kind = _kind(network, node)
        before = held.get(kind, (0.0, 0.0))
        held[kind] = (before[0] + own_macs, before[1] + own_time)
    whole = tuple(map(sum, zip(*held.values(), strict=True)))
    names = sorted(held, key=lambda kind: -held[kind][1])
    told = [kind for kind in names if max(part / of if of else 0 for part, of in zip(held[kind], whole, strict=True)) >= LEAST_KIND]
    groups = {kind: [kind] for kind in told[:MOST_KINDS]}
    if rest := [kind for kind in names if kind not in groups]:
        groups["all others"] = rest
    rows: Rows = []
    for place, (name, kinds) in enumerate(groups.items()):
        for which, quantity in enumerate((MACS, TIME)):
            value = sum(held[kind][which] for kind in kinds)
            share = value / whole[which] if whole[which] else 0.0
            about = f"{name}: {shown(quantity, value)}, {percent(share)} of all"
            rows.append({"kind": place, "name": name, "quantity": quantity.title, "share": 100 * share, "about": about})
    return rows


def _kind(network: Network, node: Node) -> str:
    kind = family(network.graph, node)
    return FAMILIES[kind] if kind != "other" else SHORT.get(node.op.name, node.op.name.replace("_", " "))


def field_rows(network: Network) -> Rows:
    """The receptive field behind each op that can widen it; ``largest`` is the largest so far."""
    rows: Rows = []
    largest = 0.0
    graph = network.graph
    for place, field in network.fields.items():
        node = graph.nodes[place]
        if not field.is_map or node.op.window(graph.specs(node.inputs), graph.specs(node.outputs)) == POINTWISE:
            continue
        size = max(field.size)
        largest = max(largest, size)
        exceeds = all(extent > image for extent, image in zip(field.size, network.image, strict=True))
        about = f"{field.name or field.op} ({field.op}): sees {square(field.size)} px, stride {square(field.stride)} px"
        rows.append(
            {"depth": len(rows) + 1, "network": network.title, "name": field.name or field.op, "size": size, "largest": largest,
             "exceeds": exceeds, "about": about}
        )  # fmt: skip
    return rows


def intensity_rows(network: Network) -> Rows:
    """FLOPs a byte against MACs for each op that has MACs; ops that are alike are one row."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, node in enumerate(network.graph.nodes):
        layer = network.layers[place]
        if layer.macs and layer.bytes_moved:
            key = (family(network.graph, node), kernel(network.graph, node), layer.macs, layer.bytes_moved, layer.elementwise)
            alike.setdefault(key, []).append(place)
    rows: Rows = []
    for (kind, window, *_), places in alike.items():
        layer = network.layers[places[0]]
        others = f" and {len(places) - 1} like it" if len(places) > 1 else ""
        what = f"{window} {FAMILIES[str(kind)]}".strip()
        about = f"{layer.name or layer.op}{others} ({what}): {layer.intensity:.1f} FLOPs a byte, {in_short(layer.macs)} MACs"
        rows.append(
            {"family": kind, "intensity": layer.intensity, "macs": layer.macs, "calls": len(places), "name": layer.name,
             "about": about, "network": network.title}
        )  # fmt: skip
    return rows


def total_rows(networks: Sequence[Network], quantity: Quantity) -> Rows:
    """The totals of those networks of which they are known."""
    rows: Rows = []
    for network in networks:
        if quantity is TRAINING:
            if network.shown_step is None:
                continue
            value: float = network.shown_step.peak_bytes
        elif quantity is TIME:
            if network.latency is None:
                continue
            value = network.latency.milliseconds
        else:
            value = getattr(network.summary, quantity.key)
        at_least = network.at_least if quantity in (MACS, TRAINING, INTENSITY) else ""
        about = f"{network.title}: {at_least}{shown(quantity, value)}"
        rows.append({"network": network.title, "place": network.index, "value": value, "about": about})
    return rows


def balance_rows(networks: Sequence[Network]) -> Rows:
    """MACs, bytes moved and parameters of several networks that have all of them."""
    rows: Rows = []
    for network in networks:
        total = network.summary
        if total.macs and total.bytes_moved:
            about = (
                f"{network.title}: {network.at_least}{shown(MACS, total.macs)}, {in_bytes(total.bytes_moved)} moved, "
                f"{shown(PARAMS, total.params)}, {network.at_least}{total.intensity:.1f} FLOPs a byte"
            )
            rows.append(
                {
                    "network": network.title,
                    "macs": total.macs,
                    "moved": total.bytes_moved,
                    "params": total.params,
                    "about": about,
                }
            )
    return rows
