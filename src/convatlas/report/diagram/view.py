"""The block diagram as HTML: a row a stage, a chip an op or block, and behind each block's button its drawing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..document import scrolling
from ..labels import family, kernel
from ..network import Network
from ..numbers import in_bytes, in_short, percent, times
from .draw import drawing
from .items import Block, Item, Repeat, Unit
from .structure import structure

SHADES = {"macs": "MACs", "params": "parameters", "activation_bytes": "activation memory"}
_WEIGHTED = ("conv", "depthwise", "linear")
_MOST_KERNELS = 4
_STRONGEST = 0.62  # of the shade, so that text on it stays readable


def diagram(network: Network) -> str:
    """The whole diagram of a network."""
    stages = structure(network.graph)
    view = _View(network)
    rows = "".join(view.row(stage.name, stage.items) for stage in stages)
    graph = network.graph
    shapes = [" + ".join(times(graph.values[value].shape[1:]) for value in values) for values in (graph.inputs, graph.outputs)]
    buttons = "".join(
        f'<button type="button" data-shade="{key}" aria-pressed="{"true" if key == "macs" else "false"}">{name}</button>'
        for key, name in SHADES.items()
    )
    whole = '<button type="button" class="open-all" aria-expanded="false">Open all blocks</button>' if view.panels else ""
    return (
        '<div class="tools"><div class="switch" role="group" aria-label="Shade by share of">'
        f"<span>Shade and per cent: share of</span>{buttons}</div>{whole}</div>"
        f'<ol class="stages" data-shade="macs"><li class="end">input {shapes[0]}</li>{rows}'
        f'<li class="end">output {shapes[1]}</li></ol>'
    )


class _View:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.panels = 0
        self.totals = {key: sum(getattr(layer, key) for layer in network.layers) for key in SHADES}

    def row(self, name: str, items: tuple[Item, ...]) -> str:
        """One stage."""
        chips, panels = self.flow(items)
        side = name.partition(" ")[0].rpartition("x")[2]
        largest = max(self.network.image, default=1)
        share = (int(side) / largest) ** 0.5 if side.isdigit() else 0
        where = f'<i style="--side:{min(share, 1):.2f}"></i>' if share else ""
        title = escape(name.replace("x", "×") if side.isdigit() else name)
        return (
            f'<li class="stage"><div class="where">{where}<b>{title}</b></div>'
            f'<div class="flow"><ol class="chips">{chips}</ol><div class="opened">{panels}</div></div></li>'
        )

    def flow(self, items: tuple[Item, ...]) -> tuple[str, str]:
        """Chips in a row, and the panels that their buttons open."""
        chips, panels = [], []
        for item in items:
            if not isinstance(item, Repeat):
                chip, panel = self.chip(item, 1, item.nodes)
            elif len(item.items) == 1:
                chip, panel = self.chip(item.items[0], item.times, item.nodes_of[0])
            else:
                pairs = [self.chip(inner, 1, nodes) for inner, nodes in zip(item.items, item.nodes_of, strict=True)]
                series = "".join(f"<li>{chip}</li>" for chip, _ in pairs)
                chip = f'<ol class="chips series">{series}</ol><b class="count">×{item.times}</b>'
                panel = "".join(panel for _, panel in pairs)
            chips.append(f"<li>{chip}</li>")
            panels.append(panel)
        return "".join(chips), "".join(panels)

    def chip(self, item: Item, repeated: int, nodes: Sequence[int]) -> tuple[str, str]:
        """One op or block, and the panel of a block. The shares are of all repetitions together."""
        count = f' <b class="count">×{repeated}</b>' if repeated > 1 else ""
        style, shares = self._shares(nodes)
        if isinstance(item, Unit):
            note = f"<small>{escape(item.tail)}</small>" if item.tail else ""
            kind = family(self.network.graph, self.network.graph.nodes[item.nodes[0]])
            about = escape(item.path, quote=True)
            text = f"<span>{escape(item.text)}{count}</span>"
            return f'<span class="chip {kind}" style="{style}" title="{about}">{text}{note}{shares}</span>', ""
        assert isinstance(item, Block)
        self.panels += 1
        number = f"n{self.network.index}-block{self.panels}"
        width = self.network.layers[item.nodes[-1]].output_shape
        words = [f"{width[1]} wide"] if len(width) > 1 else []
        note = escape(", ".join([*words, *item.traits]))
        kernels = escape(self._kernels(item))
        chip = (
            f'<button type="button" class="chip block" style="{style}" aria-expanded="false" aria-controls="{number}">'
            f"<span>{escape(item.kind)}{count}</span><small>{note}</small><small>{kernels}</small>{shares}</button>"
        )
        return chip, self.panel(item, number, repeated)

    def _kernels(self, block: Block) -> str:
        """The windows of a block's layers in order, as "1×1, 3×3, 1×1"; or how many layers it consists of."""
        if block.parts:
            return f"{sum(part.times if isinstance(part, Repeat) else 1 for part in block.parts)} parts"
        graph = self.network.graph
        nodes = (graph.nodes[unit.nodes[0]] for unit in block.units)
        found = [kernel(graph, node).split(" ")[0] or "linear" for node in nodes if family(graph, node) in _WEIGHTED]
        return ", ".join(found) if len(found) <= _MOST_KERNELS else f"{len(found)} layers"

    def panel(self, block: Block, number: str, repeated: int) -> str:
        """What a block's button opens."""
        layers = [self.network.layers[place] for place in block.nodes]
        macs, params, memory = (sum(getattr(layer, key) for layer in layers) for key in SHADES)
        unknown = "≥ " if not all(layer.counted for layer in layers) else ""
        which = f", the last of {repeated}" if repeated > 1 else ""
        costs = f"{params:,} parameters, {unknown}{in_short(macs)} MACs, {in_bytes(memory)} of activations"
        caption = f"{block.path or block.kind}{which}: {costs}"
        if block.parts:
            chips, panels = self.flow(block.parts)
            body = f'<ol class="chips">{chips}</ol><div class="opened">{panels}</div>'
        else:
            body = (
                f'<div class="drawing">{scrolling(drawing(self.network, block), f"Data flow of {block.path or block.kind}")}</div>'
            )
        return f'<figure class="panel" id="{number}"><figcaption>{escape(caption)}</figcaption>{body}</figure>'

    def _shares(self, nodes: Sequence[int]) -> tuple[str, str]:
        """The style that shades a chip, and its shares in words; one set for each of `SHADES`."""
        known = all(self.network.layers[place].counted for place in nodes)
        style, words = [], []
        for key in SHADES:
            held = sum(getattr(self.network.layers[place], key) for place in nodes)
            share = held / self.totals[key] if self.totals[key] else 0.0
            style.append(f"--{key}:{100 * _STRONGEST * share**0.5:.0f}%")
            shown = "unknown" if key == "macs" and not known else percent(share)
            words.append(f'<span class="share" data-of="{key}">{shown}</span>')
        return ";".join(style), "".join(words)
