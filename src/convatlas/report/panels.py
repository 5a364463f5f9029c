"""The bars that charts are made of, by altair: one network and one quantity each, or one quantity of several networks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from . import rows
from .axes import last_parts, shortened, width_of
from .labels import FAMILIES
from .network import Network
from .numbers import scale
from .theme import INKS, SERIES, Margins

TIME_AND_MACS = (rows.MACS, rows.TIME)
_WIDTH, _HEIGHT = 318, 160
_PANEL = 372  # a small chart with its margins
_MOST_LETTERS = 14  # of the name of a bar
_MOST_LETTERS_OF_NETWORKS = 20
_MOST_LETTERS_OF_KINDS = 24
_BAR_FONT = 10
QUANTITY_INKS = {rows.MEMORY: "pool", rows.PARAMS: "linear", rows.MACS: "conv", rows.TIME: "linear"}  # of bars side by side
_STEP = 22  # from one bar of the totals to the next


def drawn(data: rows.Rows) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=data))


def family_colour(present: list[str], legend: bool) -> Any:
    import altair as alt

    return alt.Color(
        "family:N",
        scale=alt.Scale(domain=present, range=[INKS[kind] for kind in present]),
        legend=alt.Legend(title=None, orient="top", labelExpr=f"({_lookup(FAMILIES)})[datum.value]") if legend else None,
    )


def _lookup(table: dict[str, str]) -> str:
    return "{" + ", ".join(f"'{key}': '{value}'" for key, value in table.items()) + "}"


def _names(found: Sequence[str]) -> str:
    """A Vega expression that writes the name of the bar at a place."""
    return f"({json.dumps(list(found))})[datum.value]"


def layer_quantities(network: Network) -> list[rows.Quantity]:
    """What is drawn layer by layer."""
    return [*rows.COSTS, *([rows.TIME] if network.latency else [])]


def families_of(network: Network) -> list[str]:
    """The families of layers that a network's bars show, in a fixed order."""
    found = {row["family"] for quantity in layer_quantities(network) for row in rows.layer_rows(network, quantity)}
    return [kind for kind in FAMILIES if kind in found]


def layer_panel(network: Network, quantity: rows.Quantity, *, legend: bool = False) -> Any:
    """Bars of one quantity over a network's layers."""
    import altair as alt

    data, title = _scaled(rows.layer_rows(network, quantity), quantity, "bar")
    names = _bar_labels(network)
    angle = 0 if _in_one_line(names) else -90
    labels = alt.Axis(labelExpr=_names(names), labelAngle=angle, labelOverlap="greedy", labelFontSize=_BAR_FONT)
    x = alt.X("bar:O", title=None, axis=labels, scale=alt.Scale(paddingInner=0.2))
    base = drawn(data).encode(x=x, y=alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=4)), description="about:N")
    bars = base.mark_bar().encode(color=family_colour(families_of(network), legend))
    if quantity is rows.MACS and any(row["unknown"] for row in data):
        marks = base.transform_filter("datum.unknown").mark_text(
            text="?", dy=-7, fontSize=13, fontWeight="bold", color=INKS["alarm"]
        )
        bars += marks
    return bars.properties(width=_WIDTH, height=_HEIGHT)


def layer_margins(network: Network) -> Margins:
    """What its labels need; the same for every quantity, so that the bars stand on one line."""
    names = _bar_labels(network)
    longest = max((width_of(name, _BAR_FONT) for name in names), default=0)
    return Margins(bottom=24 if _in_one_line(names) else longest + 10)


def _bar_labels(network: Network) -> list[str]:
    names = [name for name, _ in rows.bar_names(network)]
    if any(len(name) > _MOST_LETTERS for name in names):
        names = _short_names(names)
    return [last_parts(name, _MOST_LETTERS) for name in names]


def _scaled(data: rows.Rows, quantity: rows.Quantity, by: str) -> tuple[rows.Rows, str]:
    """Rows with their values in the unit that reads best, and the title of such an axis; values of one ``by`` add up."""
    sums: dict[Any, float] = {}
    for row in data:
        sums[row[by]] = sums.get(row[by], 0.0) + row["value"]
    largest = max(sums.values(), default=0.0)
    divisor, unit = scale(largest, in_bytes=quantity.in_bytes)
    if quantity is rows.TIME:
        divisor, unit = (1.0, "ms") if largest >= 0.1 else (1e-3, "µs")
    unit = "FLOPs a byte" if quantity is rows.INTENSITY else unit
    return [row | {"value": row["value"] / divisor} for row in data], f"{quantity.title} ({unit})" if unit else quantity.title


def _short_names(names: list[str]) -> list[str]:
    """Module paths without the part that all of them begin with."""
    heads = [name.split(".")[:-1] for name in names if "." in name]
    shared = 0
    while heads and all(len(head) > shared and head[shared] == heads[0][shared] for head in heads):
        shared += 1
    prefix = "".join(f"{part}." for part in heads[0][:shared]) if heads else ""
    return [name.removeprefix(prefix) for name in names]


def stage_panel(network: Network, quantities: Sequence[rows.Quantity] = rows.COSTS, *, legend: bool = False) -> Any:
    """The share of each stage in some quantities."""
    import altair as alt

    data = rows.stage_rows(network, quantities)
    names = _stage_labels(network)
    order = [quantity.title for quantity in quantities]
    angle = 0 if _in_one_line(names) else -90
    axis = alt.Axis(labelExpr=_names(names), labelAngle=angle, labelOverlap="greedy")
    return (
        drawn(data)
        .mark_bar()
        .encode(
            x=alt.X("stage:O", title="stage, by the side of its maps" if angle == 0 else None, axis=axis),
            xOffset=alt.XOffset("quantity:N", sort=order),
            y=alt.Y("share:Q", title="share of the network (%)", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                "quantity:N", sort=order, scale=alt.Scale(domain=order, range=[INKS[QUANTITY_INKS[quantity]] for quantity in quantities]),
                legend=alt.Legend(title=None, orient="top") if legend else None,
            ),
            description="about:N",
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )  # fmt: skip


def stage_margins(network: Network) -> Margins:
    """What its labels need."""
    names = _stage_labels(network)
    return Margins() if _in_one_line(names) else Margins(bottom=max(map(width_of, names)) + 12)


def _stage_labels(network: Network) -> list[str]:
    return [_side(row["name"]) for row in rows.stage_rows(network) if row["quantity"] == rows.MACS.title]


def _in_one_line(names: list[str]) -> bool:
    return len(names) * (max(map(width_of, names), default=0) + 4) < _WIDTH


def _side(stage: str) -> str:
    """The side of a stage's maps where all are the same: "56x56 up" is "56 up"."""
    size, space, direction = stage.partition(" ")
    sides = size.split("x")
    return f"{sides[0] if len(set(sides)) == 1 else '×'.join(sides)}{space}{direction}"


def kind_panel(network: Network) -> Any:
    """The share of each kind of op in MACs and in predicted time."""
    import altair as alt

    data, order = rows.kind_rows(network), [quantity.title for quantity in TIME_AND_MACS]
    names = _kind_labels(data)
    margins = kind_margins(network)
    return (
        drawn(data)
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of the network (%)", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=4, grid=True)),
            y=alt.Y("kind:O", title=None, axis=alt.Axis(labelExpr=_names(names), labelLimit=0), scale=alt.Scale(paddingInner=0.3)),
            yOffset=alt.YOffset("quantity:N", sort=order),
            color=alt.Color(
                "quantity:N", sort=order, legend=None,
                scale=alt.Scale(domain=order, range=[INKS[QUANTITY_INKS[quantity]] for quantity in TIME_AND_MACS]),
            ),
            description="about:N",
        )
        .properties(width=_PANEL - margins.left - margins.right, height=alt.Step(_STEP / 2.4))
    )  # fmt: skip


def kind_margins(network: Network) -> Margins:
    """What its names need."""
    return Margins(top=4, left=max(map(width_of, _kind_labels(rows.kind_rows(network)))) + 8)


def _kind_labels(data: rows.Rows) -> list[str]:
    return [shortened(row["name"], _MOST_LETTERS_OF_KINDS) for row in data if row["quantity"] == rows.MACS.title]


def total_panel(shown: Sequence[Network], quantity: rows.Quantity) -> Any:
    """One total of several networks."""
    import altair as alt

    titles = [network.title for network in shown]
    data, title = _scaled(rows.total_rows(shown, quantity), quantity, "place")
    margins = total_margins(shown)
    return (
        drawn(data)
        .mark_bar(height={"band": 0.68})
        .encode(
            x=alt.X("value:Q", title=title, axis=alt.Axis(tickCount=4, grid=True)),
            y=alt.Y(
                "place:O",
                title=None,
                scale=alt.Scale(domain=[network.index for network in shown]),
                axis=alt.Axis(labelExpr=_names(_total_labels(shown)), labelLimit=0),
            ),
            color=alt.Color("network:N", scale=alt.Scale(domain=titles, range=SERIES), legend=None),
            description="about:N",
        )
        .properties(width=_PANEL - margins.left - margins.right, height=alt.Step(_STEP))
    )


def total_margins(shown: Sequence[Network]) -> Margins:
    """What its names need; the same for every quantity."""
    return Margins(top=4, left=max(map(width_of, _total_labels(shown))) + 8)


def _total_labels(shown: Sequence[Network]) -> list[str]:
    return [shortened(network.title, _MOST_LETTERS_OF_NETWORKS) for network in shown]
