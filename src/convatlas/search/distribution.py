"""The distribution functions of two spaces in one chart, with their bands."""

from __future__ import annotations

from typing import Any

from ..report.panels import drawn as charted
from ..report.theme import SERIES
from .compare import Comparison, Drawn

_WIDTH, _HEIGHT = 460, 280


def chart(found: Comparison) -> Any:
    """An altair chart: of each space the share of networks that are at least as good as a value, and its 95 % band."""
    import altair as alt

    names = [each.name for each in found.drawn]
    data = [point for each in found.drawn for point in _points(found, each)]
    colour = alt.Color(
        "space:N", title=None, scale=alt.Scale(domain=names, range=SERIES[:2]),
        legend=alt.Legend(orient="top-left" if found.errors else "top-right", symbolType="stroke", symbolStrokeWidth=3),
    )  # fmt: skip
    # a step holds from its value on towards worse ones, which lie to the right of errors and to the left of scores
    step = "step-after" if found.errors else "step-before"
    base = charted(data).encode(
        x=alt.X("value:Q", title=found.measure, scale=alt.Scale(zero=False)),
        color=colour,
    )
    share = "share of networks that are at least as good"
    axis = alt.Axis(format="~%", tickCount=5)
    band = base.mark_area(opacity=0.18, interpolate=step).encode(y=alt.Y("low:Q", title=share, axis=axis), y2="high:Q")
    line = base.mark_line(strokeWidth=2, interpolate=step).encode(y=alt.Y("share:Q", title=share, axis=axis))
    low, high = found.interval
    said = f"difference of medians {found.difference:+.3g} (95 % interval {low:+.3g} to {high:+.3g}); bands: 95 %, bootstrap"
    counts = " and ".join(f"{len(each.values)} networks of {each.name}" for each in found.drawn)
    title = alt.Title("What networks drawn from two spaces are worth", subtitle=[counts, said])
    return alt.layer(band, line).properties(width=_WIDTH, height=_HEIGHT, title=title)


def _points(found: Comparison, drawn: Drawn) -> list[dict[str, Any]]:
    """The corners of a distribution function, by rising values."""
    function = found.distribution(drawn)
    rows = zip(function.values, function.share, function.low, function.high, strict=True)
    points = [
        {"space": drawn.name, "value": float(value), "share": float(share), "low": float(low), "high": float(high)}
        for value, share, low, high in rows
    ]
    return points if found.errors else points[::-1]
