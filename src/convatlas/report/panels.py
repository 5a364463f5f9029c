"""The parts that charts are made of, by altair: one network and one question each, or several networks in one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from . import rows
from .labels import FAMILIES
from .network import Network
from .numbers import scale
from .theme import INKS, SERIES

_WIDTH, _HEIGHT = 320, 170
_WIDE = 380
_LABEL_LIMIT = 76


def _chart(data: rows.Rows) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=data))


def _colour(field: str, present: list[str], legend: bool) -> Any:
    import altair as alt

    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=present, range=[INKS[kind] for kind in present]),
        legend=alt.Legend(title=None, orient="top", labelExpr=f"({_lookup(FAMILIES)})[datum.value]") if legend else None,
    )


def _lookup(table: dict[str, str]) -> str:
    return "{" + ", ".join(f"'{key}': '{value}'" for key, value in table.items()) + "}"


def _names(found: Sequence[str]) -> str:
    """A Vega expression that writes the name of the bar at a place."""
    return f"({json.dumps(list(found))})[datum.value]"


def families_of(network: Network) -> list[str]:
    """The families of layers that a network's bars show, in a fixed order."""
    found = {row["family"] for row in rows.layer_rows(network, rows.MACS)}
    return [kind for kind in FAMILIES if kind in found]


def layer_panel(network: Network, quantity: rows.Quantity, *, legend: bool = False) -> Any:
    """Bars of one quantity over a network's layers."""
    import altair as alt

    data, title = _scaled(rows.layer_rows(network, quantity), quantity, "bar")
    names = _short_names([name for name, _ in rows.bar_names(network)])
    x = alt.X(
        "bar:O",
        title=None,
        axis=alt.Axis(labelExpr=_names(names), labelAngle=-90, labelLimit=_LABEL_LIMIT, labelOverlap="greedy", labelFontSize=9.5),
        scale=alt.Scale(paddingInner=0.2),
    )
    base = _chart(data).encode(x=x, y=alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=4)), description="about:N")
    bars = base.mark_bar().encode(color=_colour("family", families_of(network), legend))
    if quantity is rows.MACS and any(row["unknown"] for row in data):
        marks = base.transform_filter("datum.unknown").mark_text(
            text="?", dy=-7, fontSize=13, fontWeight="bold", color=INKS["alarm"]
        )
        bars += marks
    return bars.properties(width=_WIDTH, height=_HEIGHT)


def _scaled(data: rows.Rows, quantity: rows.Quantity, by: str) -> tuple[rows.Rows, str]:
    """Rows with their values in the unit that reads best, and the title of such an axis; values of one ``by`` add up."""
    sums: dict[Any, float] = {}
    for row in data:
        sums[row[by]] = sums.get(row[by], 0.0) + row["value"]
    divisor, unit = scale(max(sums.values(), default=0.0), in_bytes=quantity.in_bytes)
    return [row | {"value": row["value"] / divisor} for row in data], f"{quantity.title} ({unit})" if unit else quantity.title


def _short_names(names: list[str]) -> list[str]:
    """Module paths without the part that all of them begin with."""
    heads = [name.split(".")[:-1] for name in names if "." in name]
    shared = 0
    while heads and all(len(head) > shared and head[shared] == heads[0][shared] for head in heads):
        shared += 1
    prefix = "".join(f"{part}." for part in heads[0][:shared]) if heads else ""
    return [name.removeprefix(prefix) for name in names]


def stage_panel(network: Network, *, legend: bool = False) -> Any:
    """The share of each stage in memory, parameters and MACs."""
    import altair as alt

    data = rows.stage_rows(network)
    names = [_side(row["name"]) for row in data if row["quantity"] == rows.MACS.title]
    order = [quantity.title for quantity in rows.COSTS]
    angle = 0 if len(names) < 10 else -90
    return (
        _chart(data)
        .mark_bar()
        .encode(
            x=alt.X("stage:O", title="stage, by the side of its maps", axis=alt.Axis(labelExpr=_names(names), labelAngle=angle)),
            xOffset=alt.XOffset("quantity:N", sort=order),
            y=alt.Y("share:Q", title="share of the network (%)", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                "quantity:N", sort=order, scale=alt.Scale(domain=order, range=[INKS["pool"], INKS["linear"], INKS["conv"]]),
                legend=alt.Legend(title=None, orient="top") if legend else None,
            ),
            description="about:N",
        )
        .properties(width=_WIDTH, height=_HEIGHT - 20)
    )  # fmt: skip


def _side(stage: str) -> str:
    """The side of a stage's maps where they are square: "56x56" is "56"."""
    height, _, width = stage.partition("x")
    return height if height == width else stage.replace("x", "×")


def field_chart(shown: Sequence[Network], *, legend: bool = False) -> Any:
    """Receptive field against depth, with the size of the image."""
    import altair as alt

    found = [rows.field_rows(network) for network in shown]
    data = [row for one in found for row in one]
    titles = [network.title for network in shown]
    several = len(shown) > 1
    colour = (
        alt.Color(
            "network:N",
            sort=titles,
            scale=alt.Scale(domain=titles, range=SERIES),
            legend=alt.Legend(title=None, orient="top", columns=3) if legend else None,
        )
        if several
        else alt.value(INKS["conv"])
    )
    x = alt.X("depth:Q", title="convolutions and poolings so far", axis=alt.Axis(tickMinStep=1, tickCount=8))
    base = _chart(data).encode(x=x, color=colour)
    y = alt.Y("largest:Q", title="receptive field (px)")
    if several:  # networks of very different depths share an axis
        steps = [4**power for power in range(10)]
        y = alt.Y(
            "largest:Q", title="receptive field (px, logarithmic)", scale=alt.Scale(type="log", base=2), axis=alt.Axis(values=steps)
        )
    layers = [base.mark_line(interpolate="step-after", strokeWidth=1.8, aria=False).encode(y=y)]
    dots = base.encode(y="size:Q", description="about:N")
    layers.append(dots.mark_circle(size=40, fillOpacity=0) if several else dots.mark_circle(size=30, opacity=1))
    sizes = sorted({max(network.image) for network in shown if network.image})
    image = _chart([{"size": size, "text": f"image, {size} px"} for size in sizes]).encode(y="size:Q")
    layers.append(image.mark_rule(strokeDash=[4, 3], color=INKS["soft"], aria=False))
    layers.append(
        image.mark_text(align="left", dx=3, dy=-5, fontSize=10.5, color=INKS["soft"], aria=False).encode(
            text="text:N", x=alt.value(0)
        )
    )
    firsts = [next((row for row in one if row["exceeds"]), None) for one in found]
    marks = [row | {"about": f"first beyond the image: {row['about']}"} for row in firsts if row]
    layers.append(
        _chart(marks).mark_point(size=110, strokeWidth=2, color=INKS["alarm"]).encode(x=x, y="size:Q", description="about:N")
    )
    return alt.layer(*layers).properties(width=_WIDE, height=230)


def intensity_chart(network: Network, *, legend: bool = False) -> Any:
    """Arithmetic intensity against MACs, op by op."""
    import altair as alt

    data = rows.intensity_rows(network)
    present = [kind for kind in FAMILIES if any(row["family"] == kind for row in data)]
    logarithmic = alt.Scale(type="log", nice=False, padding=12)
    steps = {key: _decades([row[key] for row in data]) for key in ("intensity", "macs")}
    return (
        _chart(data)
        .mark_circle(opacity=0.75, stroke=INKS["paper"], strokeWidth=0.7)
        .encode(
            x=alt.X(
                "intensity:Q",
                title="FLOPs a byte moved (logarithmic)",
                scale=logarithmic,
                axis=alt.Axis(format="~g", values=steps["intensity"]),
            ),
            y=alt.Y("macs:Q", title="MACs (logarithmic)", scale=logarithmic, axis=alt.Axis(format="~s", values=steps["macs"])),
            size=alt.Size("calls:Q", scale=alt.Scale(domain=[1, 24], range=[45, 420], clamp=True), legend=None),
            color=_colour("family", present, legend),
            description="about:N",
        )
        .properties(width=_WIDE, height=230)
    )


def _decades(values: Sequence[float]) -> list[float]:
    """Round numbers along a logarithmic axis: powers of ten, and some between where there are few."""
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    factors = (1, 2, 5) if high - low < 3 else (1,)
    return [factor * 10.0**power for power in range(low, high + 1) for factor in factors]


def total_panel(shown: Sequence[Network], quantity: rows.Quantity) -> Any:
    """One total of several networks."""
    import altair as alt

    titles = [network.title for network in shown]
    data, title = _scaled(rows.total_rows(shown, quantity), quantity, "place")
    return (
        _chart(data)
        .mark_bar(height={"band": 0.68})
        .encode(
            x=alt.X("value:Q", title=title, axis=alt.Axis(tickCount=4, grid=True)),
            y=alt.Y("place:O", title=None, axis=alt.Axis(labelExpr=_names(titles), labelLimit=120, minExtent=0)),
            color=alt.Color("network:N", scale=alt.Scale(domain=titles, range=SERIES), legend=None),
            description="about:N",
        )
        .properties(width=_WIDTH - 90, height=alt.Step(22))
    )


def balance_chart(shown: Sequence[Network], *, legend: bool = False) -> Any:
    """MACs against bytes moved, a dot a network, its area the parameters."""
    import altair as alt

    data = rows.balance_rows(shown)
    titles = [network.title for network in shown]
    logarithmic = alt.Scale(type="log", nice=False, padding=24)
    steps = {key: _decades([row[key] for row in data]) for key in ("moved", "macs")}
    return (
        _chart(data)
        .mark_circle(opacity=0.85)
        .encode(
            x=alt.X(
                "moved:Q", title="MiB moved (logarithmic)", scale=logarithmic, axis=alt.Axis(format=",~g", values=steps["moved"])
            ),
            y=alt.Y("macs:Q", title="MACs (logarithmic)", scale=logarithmic, axis=alt.Axis(format="~s", values=steps["macs"])),
            size=alt.Size("params:Q", scale=alt.Scale(range=[40, 1200], zero=True), legend=None),
            color=alt.Color(
                "network:N",
                scale=alt.Scale(domain=titles, range=SERIES),
                legend=alt.Legend(title=None, orient="top", columns=3) if legend else None,
            ),
            order=alt.Order("params:Q", sort="descending"),
            description="about:N",
        )
        .properties(width=_WIDE, height=230)
    )
