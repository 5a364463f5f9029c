"""The full table of a network: a row a call, to be sorted, searched and taken away as CSV."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from ..analysis.cost import UNUSED, LayerCost
from ..sizes import milliseconds
from .document import breakable, scrolling
from .labels import kernel
from .latency import time_in_words
from .network import Network
from .numbers import square, times
from .sections import section

UNKNOWN = '<td class="unknown">unknown'


class Column(NamedTuple):
    """A column. ``key`` heads it in CSV, so it carries the unit."""

    key: str
    title: str
    unit: str = ""
    sort: str = "number"  # or "text", or "shape": by the number of elements
    summed: bool = False


TIME = Column("predicted_ms", "predicted time", "ms", summed=True)
COLUMNS = (
    Column("place", "#"),
    Column("name", "layer", sort="text"),
    Column("op", "op", sort="text"),
    Column("kernel", "kernel", sort="text"),
    Column("output_shape", "output", sort="shape"),
    Column("params", "parameters", summed=True),
    Column("macs", "MACs", summed=True),
    Column("elementwise", "element-wise", summed=True),
    Column("activation_bytes", "memory", "B", summed=True),
    Column("bytes_moved", "moved", "B", summed=True),
    Column("intensity_flops_per_byte", "intensity", "FLOPs/B"),
    Column("receptive_field_px", "field", "px"),
    Column("stage", "stage", sort="shape"),
)


def full_table(network: Network) -> str:
    """The section with the table and its tools."""
    columns = _columns(network)
    rows = "".join(_row(network, place, layer) for place, layer in enumerate(network.layers))
    sums: dict[str, int] = {
        "params": sum(layer.params for layer in network.layers),
        "macs": network.cost.macs,
        "elementwise": network.cost.elementwise,
        "activation_bytes": network.cost.activation_bytes,
        "bytes_moved": network.cost.bytes_moved,
    }
    at_least = dict.fromkeys(("macs", "elementwise", TIME.key), network.at_least)
    shown = {key: f"{value:,}" for key, value in sums.items()} | {TIME.key: milliseconds(sum(network.milliseconds))}
    foot = "".join(f'<td class="n">{at_least.get(c.key, "")}{shown[c.key]}</td>' if c.summed else "<td></td>" for c in columns[2:])
    table = f"""<table class="layers-table" data-name="{escape(network.title, quote=True)}">
<thead><tr>{"".join(map(_head, columns))}</tr></thead>
<tbody>{rows}</tbody><tfoot><tr><td></td><th scope="row">sum of the rows shown</th>{foot}</tr></tfoot></table>"""
    body = f"""<div class="tools"><label class="search">Search
<input type="search" placeholder="conv2d layer3" autocomplete="off" spellcheck="false"></label>
<span class="status" role="status">{len(network.layers)} rows</span>
<span class="buttons"><button type="button" data-csv="copy">Copy CSV</button>
<button type="button" data-csv="download">Download CSV</button></span></div>
{scrolling(table, f"Every op of {network.title}", tall=True)}"""
    hint = f'<p class="hint">Predicted time: {escape(time_in_words(network.latency))}.</p>' if network.latency else ""
    return section(network, "table", "Every op", hint + body)


def _columns(network: Network) -> list[Column]:
    """The columns, time beside MACs where it is known."""
    place = next(place for place, column in enumerate(COLUMNS) if column.key == "macs") + 1
    return [*COLUMNS[:place], *([TIME] if network.latency else []), *COLUMNS[place:]]


def _head(column: Column) -> str:
    unit = f" <small>{column.unit}</small>" if column.unit else ""
    order = "ascending" if column.key == "place" else "none"
    kind = "" if column.sort == "text" else ' class="n"'
    summed = " data-sum" if column.summed else ""
    return (
        f'<th scope="col"{kind} aria-sort="{order}" data-key="{column.key}" data-sort="{column.sort}"{summed}>'
        f'<button type="button">{column.title}{unit}</button></th>'
    )


def _row(network: Network, place: int, layer: LayerCost) -> str:
    """A row; end tags that HTML does not ask for are left out, for there are thousands."""
    unused = layer.op == UNUSED
    window = "" if unused else kernel(network.graph, network.graph.nodes[place])
    field = network.fields.get(place)
    extent = square(field.size) if field is not None and field.is_map else ""
    if layer.counted:
        macs, elementwise = f"<td>{layer.macs:,}", f"<td>{layer.elementwise:,}"
        intensity = f"<td>{layer.intensity:.2f}"
    else:
        macs = elementwise = intensity = UNKNOWN
    time = ""
    if network.latency:
        time = UNKNOWN if not layer.counted else "<td>" if unused else f"<td>{milliseconds(network.milliseconds[place])}"
    shape = times(layer.output_shape)
    stage = escape(layer.stage.replace("x", "×") if layer.stage[:1].isdigit() else layer.stage)
    return (
        f'<tr><td>{place + 1}<th scope="row">{breakable(layer.name) or "(network)"}<td>{escape(layer.op)}<td>{window}<td>{shape}'
        f"<td>{layer.params:,}{macs}{time}{elementwise}<td>{layer.activation_bytes:,}<td>{layer.bytes_moved:,}{intensity}"
        f"<td>{extent}<td>{stage}</tr>"
    )
