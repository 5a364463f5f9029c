"""Draws a part of a graph as SVG: one box a layer, with the normalisation and activation that follow it inside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html import escape

from convatlas.graph import Graph, Node
from convatlas.graph.ops import Window

ABSORBED = ("batch_norm", "layer_norm", "relu", "relu6", "silu", "hardswish", "sigmoid", "hardsigmoid", "gelu", "softmax")
UNSEEN = ("dropout", "identity", "flatten", "view", "stochastic_depth")
SHORT = {"batch norm": "BN", "layer norm": "LN", "relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "gelu": "GELU"}
FUSED = {  # modules drawn as one box
    "LocalResponseNorm": "local response norm",
    "Subsampling": "2×2 subsampling",
    "PartialConv2d": "5×5 conv of some maps, 16",
    "Squash": "squash",
    "RadialBasis": "radial basis, 10",
}
WIDTH, HEIGHT, GAP_X, GAP_Y, CHAR = 120, 26, 18, 20, 6.3
FILLS = {"conv": "#dbe9f6", "linear": "#fde2c8", "pool": "#d9f0dd", "join": "#eadcf4", "": "#eeeeee"}


@dataclass
class Box:
    """A layer, or (without text) the place where an edge passes a rank."""

    text: str = ""
    fill: str = ""
    above: list[Box] = field(default_factory=list)
    rank: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        return max(WIDTH, len(self.text) * CHAR + 16) if self.text else 8.0


def draw(graph: Graph, prefix: str) -> str:
    """The part of the graph under a module's path as SVG text; all of it for an empty path."""
    boxes = _boxes(graph, prefix)
    ranks = _ranked(boxes)
    _place(ranks)
    return _svg(ranks)


def _boxes(graph: Graph, prefix: str) -> list[Box]:
    """One box for each input, layer and fused module, in order of execution."""
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    weights = {item.value for item in (*graph.parameters, *graph.buffers)}
    made: dict[int, Box] = {}
    boxes: list[Box] = []
    running, current = "", None  # the fused module at work, and its box
    for node in graph.nodes:
        if prefix and not f"{node.module}.".startswith(f"{prefix}."):
            continue
        fused = _fused(graph, node.module)
        if fused and fused == running and current:
            made.update(dict.fromkeys(node.outputs, current))
            continue
        running = fused
        for value in node.inputs:
            if value not in made and value not in weights:
                made[value] = Box(text="×".join(map(str, graph.values[value].shape[1:])))
                boxes.append(made[value])
        above = _unique([made[value] for value in node.inputs if value in made])
        text, fill = (FUSED[graph.modules[fused]], "") if fused else _label(graph, node)
        alone = len(above) == 1 and uses[node.inputs[0]] == 1
        if alone and above[0].above and (text == "squash" or (node.op.name in ABSORBED and not fused)):
            current = above[0]
            current.text += f" · {SHORT.get(text, text)}"
        elif len(above) == 1 and not fused and (node.op.name in UNSEEN or text.startswith("1×1 avg")):
            current = above[0]
        else:
            current = Box(text=text, fill=fill, above=above)
            boxes.append(current)
        made.update(dict.fromkeys(node.outputs, current))
    return boxes


def _fused(graph: Graph, path: str) -> str:
    """The module around a path that is drawn as one box; "" if there is none."""
    while path:
        if graph.modules.get(path) in FUSED:
            return path
        path = path.rpartition(".")[0]
    return ""


def _unique(boxes: list[Box]) -> list[Box]:
    return list({id(box): box for box in boxes}.values())


def _label(graph: Graph, node: Node) -> tuple[str, str]:
    """What a box says, and its fill."""
    inputs, outputs = graph.specs(node.inputs), graph.specs(node.outputs)
    name, kind = node.op.name, node.op.kind
    channels = outputs[0].shape[1] if len(outputs[0].shape) > 1 else 0
    window = node.op.window(inputs, outputs)
    if kind == "linear":
        return f"linear, {outputs[0].shape[-1]}", "linear"
    if isinstance(window, Window) and window.kernel:
        size = "×".join(map(str, window.kernel))
        stride = f", /{window.stride[0]}" if max(window.stride) > 1 else ""
        if "pool" in kind and max(outputs[0].shape[2:]) == 1 and max(window.kernel) > 1:
            return "global average", "pool"
        if "pool" in kind:
            return f"{size} {kind.replace('_', ' ').replace('adaptive ', '')}{stride}", "pool"
        groups = getattr(node.op, "groups", 1)
        kind_of = " depthwise" if groups == inputs[0].shape[1] > 1 else f" in {groups} groups" if groups > 1 else ""
        return f"{size} conv{kind_of}, {channels}{stride}", "conv"
    if "pool" in kind or kind == "mean":
        return "global average", "pool"
    return name.replace("_", " "), "join" if name in ("add", "mul", "concat") else ""


def _ranked(boxes: list[Box]) -> list[list[Box]]:
    """Rows of boxes by longest path, with a place kept in each row that an edge passes."""
    ranks: list[list[Box]] = []

    def put(box: Box, rank: int) -> None:
        box.rank = rank
        while len(ranks) <= rank:
            ranks.append([])
        ranks[rank].append(box)

    for box in boxes:
        put(box, 1 + max((above.rank for above in box.above), default=-1))
    for box in boxes:
        for place, above in enumerate(box.above):
            previous = above
            for rank in range(above.rank + 1, box.rank):
                passing = Box(above=[previous])
                put(passing, rank)
                previous = passing
            box.above[place] = previous
    return ranks


def _place(ranks: list[list[Box]]) -> None:
    """Horizontal places: each row in the order of what is above it, centred."""
    for row in ranks:
        row.sort(key=lambda box: sum(above.x for above in box.above) / len(box.above) if box.above else 0.0)
        total = sum(box.width for box in row) + GAP_X * (len(row) - 1)
        left = -total / 2
        for box in row:
            box.x = left + box.width / 2
            left += box.width + GAP_X


def _svg(ranks: list[list[Box]]) -> str:
    boxes = [box for row in ranks for box in row]
    left = min(box.x - box.width / 2 for box in boxes) - 4
    width = max(box.x + box.width / 2 for box in boxes) + 4 - left
    height = len(ranks) * (HEIGHT + GAP_Y) - GAP_Y + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for box in boxes:
        top = 4 + box.rank * (HEIGHT + GAP_Y)
        for above in box.above:
            from_y = 4 + above.rank * (HEIGHT + GAP_Y) + HEIGHT
            from_x, to_x, half = above.x - left, box.x - left, (top - from_y) / 2
            down = "" if box.text else f"V{top + HEIGHT}"
            curve = f"C{from_x:.0f} {from_y + half:.0f} {to_x:.0f} {top - half:.0f} {to_x:.0f} {top}"
            lines.append(f'<path d="M{from_x:.0f} {from_y}{curve}{down}" fill="none" stroke="#778"/>')
    for box in boxes:
        if box.text:
            x, y = box.x - left, 4 + box.rank * (HEIGHT + GAP_Y)
            lines.append(
                f'<rect x="{x - box.width / 2:.0f}" y="{y}" width="{box.width:.0f}" height="{HEIGHT}" rx="4" '
                f'fill="{FILLS[box.fill] if box.above else "#fff"}" stroke="#99a"/>'
                f'<text x="{x:.0f}" y="{y + 17}" text-anchor="middle">{escape(box.text)}</text>'
            )
    return "\n".join([*lines, "</svg>\n"])
