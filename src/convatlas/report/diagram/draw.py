"""A block's data flow as an SVG drawing: a box an op, a sign where paths join, a line for every tensor."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from ..labels import family
from ..network import Network
from ..numbers import in_short, times
from .items import Block, Unit
from .layout import Edge, Layout, arrange

BOX_WIDTH, BOX_HEIGHT, GAP = 158, 38, 20
LANE_WIDTHS = {"op": 176, "join": 96, "empty": 30}
MARGIN = 10
_MOST_PORTS = 2  # tensors from outside that are drawn one by one
SIGNS = {"add": "+", "mul": "×", "sub": "−"}
_LONGEST_TEXT = 25


class Box(NamedTuple):
    """What stands at one place of the drawing. ``kind``: "op", "join" (a sign in a circle) or "port" (a way in or out)."""

    kind: str
    text: str
    tail: str = ""
    about: str = ""
    family: str = ""


def drawing(network: Network, block: Block) -> str:
    """The SVG element."""
    boxes, sources = _boxes(network, block)
    layout = arrange(sources)
    centres = _lane_centres(boxes, layout)
    width = _width(boxes, layout, centres)
    height = 2 * MARGIN + (max(layout.ranks) + 1) * (BOX_HEIGHT + GAP) - GAP
    lines = "".join(_line(boxes, layout, edge, centres) for edge in layout.edges)
    drawn = "".join(_box(box, centres[lane], _top(rank)) for box, rank, lane in zip(boxes, layout.ranks, layout.lanes, strict=True))
    name = escape(f"Data flow of {block.path or block.kind}: {len(block.units)} ops", quote=True)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" aria-label="{name}" tabindex="0">'
        f'<path class="wire" d="{lines}"/>{drawn}</svg>'
    )


def _boxes(network: Network, block: Block) -> tuple[list[Box], list[list[int]]]:
    """The ways in, the ops, and the way out; and what each of them reads."""
    outside = sorted({source for sources in block.sources for source in sources if source < 0}, reverse=True)
    if len(outside) > _MOST_PORTS:
        ports, port_of = [Box("port", f"{len(outside)} tensors", about="all outputs before")], dict.fromkeys(outside, 0)
    else:
        ports, port_of = [Box("port", "in") for _ in outside], {source: place for place, source in enumerate(outside)}
    first = len(ports)
    found: list[list[int]] = [[] for _ in ports]
    for sources in block.sources:
        found.append(list(dict.fromkeys(first + source if source >= 0 else port_of[source] for source in sources)))
    read = {source for sources in found for source in sources}
    ends = [first + place for place in range(len(block.units)) if first + place not in read]
    out = network.layers[block.units[-1].nodes[-1]].output_shape
    boxes = [
        *ports,
        *(_of_unit(network, unit, joins=len(sources) > 1) for unit, sources in zip(block.units, found[first:], strict=True)),
    ]
    return [*boxes, Box("port", f"out {times(out[1:])}")], [*found, ends]


def _of_unit(network: Network, unit: Unit, joins: bool) -> Box:
    layers = [network.layers[place] for place in unit.nodes]
    costs = [f"output {times(layers[-1].output_shape[1:])}"]
    if params := sum(layer.params for layer in layers):
        costs.append(f"{params:,} parameters")
    if macs := sum(layer.macs for layer in layers):
        costs.append(f"{in_short(macs)} MACs")
    if not all(layer.counted for layer in layers):
        costs.append("operations unknown")
    words = " · ".join(part for part in (unit.text, unit.tail) if part)
    about = f"{unit.path or 'network'}: {words}; {', '.join(costs)}"
    if joins and unit.text in SIGNS:
        return Box("join", SIGNS[unit.text], unit.tail, about)
    return Box("op", unit.text, unit.tail, about, family(network.graph, network.graph.nodes[unit.nodes[0]]))


def _lane_centres(boxes: list[Box], layout: Layout) -> list[float]:
    """The middle of each lane; a lane that only lets lines pass is narrow."""
    count = max([*layout.lanes, *(edge.lane for edge in layout.edges)]) + 1
    widths = [LANE_WIDTHS["empty"]] * count
    for box, lane in zip(boxes, layout.lanes, strict=True):
        widths[lane] = max(widths[lane], LANE_WIDTHS["op" if box.kind == "op" else "join"])
    return [MARGIN + sum(widths[:lane]) + widths[lane] / 2 for lane in range(count)]


def _width(boxes: list[Box], layout: Layout, centres: list[float]) -> int:
    reach = [centres[edge.lane] for edge in layout.edges]
    reach += [centres[lane] + BOX_WIDTH / 2 for box, lane in zip(boxes, layout.lanes, strict=True)]
    return round(max(reach)) + MARGIN


def _top(rank: int) -> int:
    return MARGIN + rank * (BOX_HEIGHT + GAP)


def _line(boxes: list[Box], layout: Layout, edge: Edge, centres: list[float]) -> str:
    """The path of one tensor: into its lane below the source, down, and out of it above the target."""
    start, lane, end = (centres[place] for place in (layout.lanes[edge.source], edge.lane, layout.lanes[edge.target]))
    top = _top(layout.ranks[edge.source]) + BOX_HEIGHT / 2
    bottom = _top(layout.ranks[edge.target]) + BOX_HEIGHT / 2
    below, above = top + BOX_HEIGHT / 2, bottom - BOX_HEIGHT / 2
    if layout.ranks[edge.target] == layout.ranks[edge.source] + 1:
        return f"M{start:g},{top:g}V{below:g}{_bend(start, below, end, above)}V{bottom:g}"
    return (
        f"M{start:g},{top:g}V{below:g}{_bend(start, below, lane, below + GAP)}V{above - GAP:g}"
        f"{_bend(lane, above - GAP, end, above)}V{bottom:g}"
    )


def _bend(x: float, y: float, to_x: float, to_y: float) -> str:
    return f"V{to_y:g}" if x == to_x else f"C{x:g},{(y + to_y) / 2:g},{to_x:g},{(y + to_y) / 2:g},{to_x:g},{to_y:g}"


def _box(box: Box, x: float, y: float) -> str:
    middle = y + BOX_HEIGHT / 2
    about = escape(box.about, quote=True)
    text, tail = escape(_cut(box.text)), escape(_cut(box.tail))
    if box.kind == "port":
        return (
            f'<g class="port"><rect x="{x - 44:g}" y="{middle - 10:g}" width="88" height="20" rx="10"/>'
            f'<text x="{x:g}" y="{middle + 4:g}">{text}</text></g>'
        )
    if box.kind == "join":
        note = f'<text class="tail beside" x="{x + 17:g}" y="{middle - 7:g}">{tail}</text>' if tail else ""
        return (
            f'<g class="join" role="img" aria-label="{about}"><circle cx="{x:g}" cy="{middle:g}" r="12"/>'
            f'<text x="{x:g}" y="{middle + 5:g}">{text}</text>{note}</g>'
        )
    rows = f'<text x="{x:g}" y="{middle + (-2 if tail else 4):g}">{text}</text>'
    if tail:
        rows += f'<text class="tail" x="{x:g}" y="{middle + 12:g}">{tail}</text>'
    return (
        f'<g class="op {box.family}" role="img" aria-label="{about}">'
        f'<rect x="{x - BOX_WIDTH / 2:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>{rows}</g>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
