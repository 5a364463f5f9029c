"""The roofline: each layer a point, by FLOPs a byte moved and the rate that it reaches, below what the datasheet allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConvatlasError
from ..sizes import milliseconds
from .axes import log_domain, log_marks
from .theme import INKS, contents, renderer

if TYPE_CHECKING:
    from ..analysis.latency import Latency

_BOUNDS = {"compute": INKS["conv"], "memory": INKS["linear"], "launch": INKS["other"]}
_WIDTH, _HEIGHT = 560, 340


def roofline(name: str, found: Latency) -> Any:
    """An altair chart of a network's layers on a device; a point's area is the time that the layer takes.

    Raises:
        ConvatlasError: no layer computes anything.

    """
    import altair as alt

    data = [row for row in roofline_rows(found) if row["flops"]]
    if not data:
        raise ConvatlasError(f"{name}: no layer computes anything, so there is no point to draw")
    low, high = log_domain([row["intensity"] for row in data])
    card = found.card
    peak = card.peak("float32" if found.conditions.precision == "fp32" else "float16")
    ridge = peak / card.bandwidth
    top = max(high, ridge * 2)
    roof = [{"intensity": x, "rate": min(x * card.bandwidth, peak)} for x in sorted({low, ridge, top})]
    rates = log_domain([*(row["rate"] for row in data), *(point["rate"] for point in roof)])
    x = alt.X(
        "intensity:Q",
        title="FLOPs a byte moved (logarithmic)",
        scale=alt.Scale(type="log", domain=[low, top], nice=False),
        axis=alt.Axis(values=log_marks(low, top), format="~g"),
    )
    y = alt.Y(
        "rate:Q",
        title="FLOPs a second reached (logarithmic)",
        scale=alt.Scale(type="log", domain=list(rates), nice=False),
        axis=alt.Axis(values=log_marks(*rates), format="~s"),
    )
    colour = alt.Color(
        "bound:N", scale=alt.Scale(domain=list(_BOUNDS), range=list(_BOUNDS.values())), legend=alt.Legend(title="bound by")
    )
    points = (
        alt.Chart(alt.InlineData(values=data))
        .mark_circle(opacity=0.75, stroke=INKS["paper"], strokeWidth=0.7)
        .encode(
            x=x,
            y=y,
            color=colour,
            size=alt.Size("milliseconds:Q", title="ms", scale=alt.Scale(range=[12, 420])),
            description="about:N",
        )
    )
    line = alt.Chart(alt.InlineData(values=roof)).mark_line(color=INKS["alarm"], strokeDash=[5, 3]).encode(x=x, y=y)
    subtitle = [
        f"batch {found.graph.batch or 'none'}, {found.device}, {found.conditions}; predicted: {milliseconds(found.milliseconds)} ms",
        f"dashed: the datasheet's {card.bandwidth / 1e9:,.0f} GB/s and {peak / 1e12:,.1f} TFLOPS; above it: small enough for L2",
    ]
    return (line + points).properties(width=_WIDTH, height=_HEIGHT, title=alt.Title(name, subtitle=subtitle))


def roofline_rows(found: Latency) -> list[dict[str, Any]]:
    """For each layer: FLOPs, bytes moved, FLOPs a byte, FLOPs a second reached, milliseconds, what binds it."""
    rows = []
    for layer in found.layers:
        rate = layer.flops / (layer.milliseconds / 1e3)
        rows.append(
            {
                "layer": layer.name or "(network)",
                "op": layer.op,
                "flops": layer.flops,
                "bytes_moved": layer.bytes_moved,
                "intensity": layer.flops / layer.bytes_moved if layer.bytes_moved else 0.0,
                "rate": rate,
                "milliseconds": layer.milliseconds,
                "bound": layer.bound,
                "about": f"{layer.name or '(network)'}, {layer.op}: {milliseconds(layer.milliseconds)} ms, {rate / 1e12:.2f} TFLOPS, bound by {layer.bound}",
            }
        )
    return rows


def draw_roofline(name: str, found: Latency, kind: Literal["svg", "png"]) -> bytes:
    """The chart as the contents of an SVG or PNG file.

    Raises:
        ConvatlasError: no layer computes anything, or the charts' libraries are not installed.

    """
    renderer()  # before anything that needs it
    return contents(roofline(name, found), kind)
