"""Throughput against the batch, one line a runtime, for each network and size of its images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from .theme import INKS, SERIES, contents, renderer

if TYPE_CHECKING:
    from ..runtime.bench import Measured

_WIDTH, _HEIGHT = 520, 280


def throughput_rows(found: Sequence[Measured]) -> list[dict[str, Any]]:
    """For each measurement: network, input, runtime, batch, and images a second with those of the times' quartiles."""
    return [
        {
            "network": each.network,
            "input": "x".join(map(str, each.shape[1:])),
            "runtime": each.runtime,
            "batch": each.batch,
            "rate": each.images_per_second,
            "low_rate": 1e3 * each.batch / each.high_milliseconds,
            "high_rate": 1e3 * each.batch / each.low_milliseconds,
            "about": f"{each.network}, {each.runtime}, batch {each.batch}: {each.images_per_second:,.1f} images/s",
        }
        for each in found
    ]


def throughput(found: Sequence[Measured]) -> Any:
    """An altair chart: a panel for each network and input."""
    import altair as alt

    runtimes = list(dict.fromkeys(each.runtime for each in found))
    colour = alt.Color(
        "runtime:N",
        scale=alt.Scale(domain=runtimes, range=[SERIES[place % len(SERIES)] for place in range(len(runtimes))]),
        legend=alt.Legend(title="runtime"),
    )
    host, busy = found[0].host, not all(each.is_quiet for each in found)
    about = (
        f"measured on {host.cpu} ({host.instructions}), {host.threads} threads; medians, bars: quartiles"
        + busy * "; others used the machine"
    )
    panels = [
        _panel(list(rows), colour, about)
        for _, rows in groupby(throughput_rows(found), key=lambda row: (row["network"], row["input"]))
    ]
    return alt.vconcat(*panels, spacing=28) if len(panels) > 1 else panels[0]


def _panel(rows: list[dict[str, Any]], colour: Any, about: str) -> Any:
    import altair as alt

    batches = sorted({row["batch"] for row in rows})
    x = alt.X(
        "batch:Q",
        title="images in a call (logarithmic)",
        scale=alt.Scale(type="log", base=2, domain=[batches[0], max(batches[-1], 2 * batches[0])], nice=False, padding=14),
        axis=alt.Axis(values=batches, format="d", grid=False),
    )
    chart = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=colour)
    rate = alt.Y("rate:Q", title="images a second", scale=alt.Scale(zero=True))
    drawn = (
        chart.mark_line(strokeWidth=2).encode(y=rate)
        + chart.mark_rule(strokeWidth=1.5).encode(y="low_rate:Q", y2="high_rate:Q")
        + chart.mark_circle(size=46, opacity=1, stroke=INKS["paper"], strokeWidth=0.7).encode(y=rate, description="about:N")
    )
    return drawn.properties(
        width=_WIDTH, height=_HEIGHT, title=alt.Title(f"{rows[0]['network']}, input {rows[0]['input']}", subtitle=about)
    )


def draw_throughput(found: Sequence[Measured], kind: Literal["svg", "png"]) -> bytes:
    """The chart as the contents of an SVG or PNG file.

    Raises:
        ConvatlasError: the charts' libraries are not installed.

    """
    renderer()  # before anything that needs it
    return contents(throughput(found), kind)
