"""Training steps laid over each other: bytes in use as each goes on, with its peak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from .numbers import in_bytes, scale
from .rows import Rows
from .theme import SERIES, contents, renderer
from .timeline import thinned

if TYPE_CHECKING:
    from ..analysis.memory import TrainingMemory

_WIDTH, _HEIGHT = 560, 300


def overlay(steps: Mapping[str, TrainingMemory]) -> Any:
    """An altair chart: a line for each step, by how much of its own ops is done, since steps differ in their number."""
    import altair as alt

    highest = max(step.peak_bytes for step in steps.values())
    divisor, unit = scale(highest, in_bytes=True)
    rows: Rows = []
    peaks: Rows = []
    for name, step in steps.items():
        moments = step.timeline
        last = max(len(moments) - 1, 1)
        drawn: Rows = [
            {"step": name, "done": 100 * place / last, "value": moment.num_bytes / divisor, "phase": moment.phase}
            for place, moment in thinned(moments)
        ]
        top = max(drawn, key=lambda row: row["value"])
        text = f"{name}: peak {'≥ ' * step.at_least}{in_bytes(step.peak_bytes)}"
        rows += [row | {"about": f"{name}, {row['phase']}: {row['value']:.3g} {unit}"} for row in drawn]
        peaks.append(top | {"text": text})
    names = list(steps)
    # the words at the peaks name the lines
    colour = alt.Color("step:N", scale=alt.Scale(domain=names, range=list(SERIES[: len(names)])), legend=None)
    x = alt.X("done:Q", title="ops of the step that are done (%)", scale=alt.Scale(domain=[0, 100], nice=False))
    y = alt.Y(
        "value:Q", title=f"Memory in use, simulated ({unit})", scale=alt.Scale(domain=[0, 1.15 * highest / divisor], nice=False)
    )
    lines = alt.Chart(alt.InlineData(values=rows)).mark_line(interpolate="step-after").encode(x=x, y=y, color=colour)
    points = alt.Chart(alt.InlineData(values=peaks)).encode(x=x, y=y, color=colour)
    words = points.mark_text(dy=-9, fontSize=11, fontWeight="bold").encode(text="text:N")
    return alt.layer(lines, points.mark_point(size=60, strokeWidth=2), words).properties(width=_WIDTH, height=_HEIGHT)


def draw_overlay(steps: Mapping[str, TrainingMemory], kind: Literal["svg", "png"]) -> bytes:
    """The chart as the contents of an SVG or PNG file.

    Raises:
        ConvatlasError: the charts' libraries are not installed.

    """
    renderer()
    return contents(overlay(steps), kind)
