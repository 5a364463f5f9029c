"""The charts of lines and dots, by altair: the receptive field, the arithmetic intensity, MACs against traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import rows
from .axes import LEAST_MARKS, log_domain, log_marks, whole_marks
from .labels import FAMILIES
from .network import Network
from .numbers import scale
from .panels import drawn, family_colour
from .theme import INKS, SERIES, Margins

_WHOLE_WIDTH, _HEIGHT = 420, 220
MARGINS = Margins(left=52)
FIELD_MARGINS = Margins(left=52, right=58)
_WIDTH = _WHOLE_WIDTH - MARGINS.left - MARGINS.right
_TITLE_X = 6 - MARGINS.left  # from the axis to the left edge


def field_chart(shown: Sequence[Network], *, legend: bool = False) -> Any:
    """Receptive field against depth, with the size of the image."""
    import altair as alt

    found = [rows.field_rows(network) for network in shown]
    data = [row for one in found for row in one]
    several = len(shown) > 1  # networks of very different depths share an axis, which is logarithmic then
    colour = _network_colour(shown, legend) if several else alt.value(INKS["conv"])
    depths = whole_marks(max((row["depth"] for row in data), default=1))
    sizes = sorted({max(network.image) for network in shown if network.image})
    x = alt.X(
        "depth:Q",
        title="convolutions and poolings so far",
        axis=alt.Axis(values=depths, format="d"),
        scale=alt.Scale(domain=[0, max(depths[-1], *(row["depth"] for row in data), 1)], nice=False),
    )
    base = drawn(data).encode(x=x, color=colour)
    y = alt.Y("largest:Q", title="receptive field (px)", axis=alt.Axis(titleX=_TITLE_X, tickCount=5))
    if several:
        low, high = log_domain([*(row["size"] for row in data), *sizes])
        marks = [float(4**power) for power in range(12) if low <= 4**power <= high]
        marks = marks if len(marks) >= LEAST_MARKS else log_marks(low, high)
        y = alt.Y(
            "largest:Q",
            title="receptive field (px, logarithmic)",
            axis=alt.Axis(values=marks, titleX=_TITLE_X),
            scale=alt.Scale(type="log", domain=[low, high], nice=False),
        )
    layers = [base.mark_line(interpolate="step-after", strokeWidth=1.8, aria=False).encode(y=y)]
    dots = base.encode(y="size:Q", description="about:N")
    layers.append(dots.mark_circle(size=40, fillOpacity=0) if several else dots.mark_circle(size=30, opacity=1))
    layers += _image_rules(sizes)
    firsts = [next((row for row in one if row["exceeds"]), None) for one in found]
    rings = [row | {"about": f"first beyond the image: {row['about']}"} for row in firsts if row]
    layers.append(
        drawn(rings).mark_point(size=110, strokeWidth=2, color=INKS["alarm"]).encode(x=x, y="size:Q", description="about:N")
    )
    return alt.layer(*layers).properties(width=_WHOLE_WIDTH - FIELD_MARGINS.left - FIELD_MARGINS.right, height=_HEIGHT)


def _image_rules(sizes: list[int]) -> list[Any]:
    """A line at the size of each image, and behind its end, where no curve is, what it means."""
    import altair as alt

    rows_of = [{"size": size, "text": f"image\n{size} px", "about": f"the image: {size} px"} for size in sizes]
    image = drawn(rows_of).encode(y="size:Q")
    words = image.mark_text(align="left", baseline="middle", dx=5, fontSize=10.5, lineBreak="\n", color=INKS["soft"], aria=False)
    return [
        image.mark_rule(strokeDash=[4, 3], color=INKS["soft"]).encode(description="about:N"),
        words.encode(text="text:N", x=alt.value("width")),
    ]


def intensity_chart(network: Network, *, legend: bool = False) -> Any:
    """Arithmetic intensity against MACs, op by op."""
    import altair as alt

    data = rows.intensity_rows(network)
    present = [kind for kind in FAMILIES if any(row["family"] == kind for row in data)]
    return (
        drawn(data)
        .mark_circle(opacity=0.75, stroke=INKS["paper"], strokeWidth=0.7)
        .encode(
            x=_logarithmic(alt.X, data, "intensity", "FLOPs a byte moved (logarithmic)", format="~g"),
            y=_logarithmic(alt.Y, data, "macs", "MACs (logarithmic)", format="~s", titleX=_TITLE_X),
            size=alt.Size("calls:Q", scale=alt.Scale(domain=[1, 24], range=[45, 420], clamp=True), legend=None),
            color=family_colour(present, legend),
            description="about:N",
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def balance_chart(shown: Sequence[Network], *, legend: bool = False) -> Any:
    """MACs against bytes moved, a dot a network, its area the parameters."""
    import altair as alt

    data = rows.balance_rows(shown)
    divisor, unit = scale(max((row["moved"] for row in data), default=0), in_bytes=True)
    data = [row | {"moved": row["moved"] / divisor} for row in data]
    return (
        drawn(data)
        .mark_circle(opacity=0.85)
        .encode(
            x=_logarithmic(alt.X, data, "moved", f"{unit} moved (logarithmic)", format=",~g"),
            y=_logarithmic(alt.Y, data, "macs", "MACs (logarithmic)", format="~s", titleX=_TITLE_X),
            size=alt.Size("params:Q", scale=alt.Scale(range=[40, 1200], zero=True), legend=None),
            color=_network_colour(shown, legend),
            order=alt.Order("params:Q", sort="descending"),
            description="about:N",
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _network_colour(shown: Sequence[Network], legend: bool) -> Any:
    import altair as alt

    titles = [network.title for network in shown]
    words = alt.Legend(title=None, orient="top", columns=3) if legend else None
    return alt.Color("network:N", sort=titles, scale=alt.Scale(domain=titles, range=SERIES), legend=words)


def _logarithmic(channel: Any, data: rows.Rows, key: str, title: str, **axis: Any) -> Any:
    """A logarithmic axis with round numbers on it."""
    import altair as alt

    low, high = log_domain([row[key] for row in data] or [1.0])
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return channel(f"{key}:Q", title=title, scale=scale, axis=alt.Axis(values=log_marks(low, high), **axis))
