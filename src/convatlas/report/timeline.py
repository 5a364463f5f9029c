"""Memory over a training step, as rows and as a stacked chart with the peak marked."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from ..analysis.memory import Moment, TrainingMemory
from ..analysis.memory import changes as kinds
from .axes import whole_marks
from .numbers import in_bytes, percent, scale
from .rows import Rows
from .theme import INKS, Margins

PARTS = {  # what is shown together -> the kinds of the record, and a colour; from bottom to top
    "parameters and buffers": ((kinds.PARAMETERS, kinds.BUFFERS, kinds.EMA), "series-1"),
    "optimizer state": ((kinds.OPTIMIZER_STATE,), "series-4"),
    "gradients of parameters": ((kinds.GRADIENTS_OF_PARAMETERS, kinds.DDP_BUCKETS), "series-5"),
    "input and loose activations": ((kinds.INPUT, kinds.ACTIVATIONS), "series-7"),
    "saved for backward": ((kinds.SAVED,), "series-0"),
    "gradients of activations": ((kinds.GRADIENTS_OF_ACTIVATIONS,), "series-3"),
    "temporaries": ((kinds.TEMPORARIES,), "series-2"),
}
PHASES = {"forward": "forward", "backward": "backward", "end": "optimizer"}  # of the record -> what the chart calls it
_MOST_MOMENTS = 120
_WIDTH, _HEIGHT = 364, 230
MARGINS = Margins(top=40, left=42)
_HEADROOM = 1.14  # above the peak, for what is written there


def parts_of(by_kind: dict[str, int]) -> dict[str, int]:
    """Bytes by part; they add up to those by kind."""
    return {part: sum(by_kind.get(kind, 0) for kind in found) for part, (found, _) in PARTS.items()}


def thinned(moments: list[Moment], most: int = _MOST_MOMENTS) -> list[tuple[int, Moment]]:
    """At most about ``most`` moments with their places: of neighbours in a phase the highest, so that no peak is lost."""
    together = -(-len(moments) // most)
    found = []
    for _, group in groupby(enumerate(moments), key=lambda pair: (pair[1].phase, pair[0] // together)):
        pairs = list(group)
        found.append((pairs[0][0], max((moment for _, moment in pairs), key=lambda moment: moment.num_bytes)))
    return found


def timeline_rows(step: TrainingMemory) -> Rows:
    """One row for each moment and part."""
    highest = parts_of(step.breakdown)
    rows: Rows = []
    for place, moment in thinned(step.timeline):
        for order, (part, held) in enumerate(parts_of(moment.by_kind).items()):
            at_peak = f"{part}: {in_bytes(highest[part])} at the peak, {percent(highest[part] / step.peak_bytes)} of it"
            rows.append({"place": place, "part": part, "order": order, "value": held, "about": at_peak})
    return rows


def timeline_chart(step: TrainingMemory) -> Any:
    """Bytes in use over the step, stacked by part."""
    import altair as alt

    moments = step.timeline
    divisor, unit = scale(step.peak_bytes, in_bytes=True)
    data = [row | {"value": row["value"] / divisor} for row in timeline_rows(step)]
    last = max(len(moments) - 1, 1)
    places = alt.Scale(domain=[0, last], nice=False)
    marks = [mark for mark in whole_marks(last) if mark <= last]
    heights = alt.Scale(domain=[0, step.peak_bytes / divisor * _HEADROOM], nice=False)
    x = alt.X("place:Q", title="ops, in order of execution", axis=alt.Axis(values=marks, format="d"), scale=places)
    axis = alt.Axis(tickCount=4, titleY=-22, titleX=6 - MARGINS.left)
    y = alt.Y("value:Q", title=f"Memory in use ({unit})", axis=axis, stack="zero", scale=heights)
    colours = alt.Scale(domain=list(PARTS), range=[INKS[colour] for _, colour in PARTS.values()])
    colour = alt.Color("part:N", scale=colours, legend=None)
    areas = _drawn(data).mark_area(interpolate="step-after").encode(x=x, y=y, color=colour, order="order:Q", description="about:N")
    return alt.layer(areas, *_phases(step, x), *_peak(step, x, divisor)).properties(width=_WIDTH, height=_HEIGHT)


def _drawn(data: Rows) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=data))


def _phases(step: TrainingMemory, x: Any) -> list[Any]:
    """Where forward, backward and the optimizer's step begin."""
    import altair as alt

    firsts = [(phase, next(found)[0]) for phase, found in groupby(enumerate(step.timeline), key=lambda pair: pair[1].phase)]
    borders = _drawn([{"place": place, "text": PHASES[phase]} for phase, place in firsts if phase in PHASES]).encode(x=x)
    words = alt.Text("text:N")
    soft: dict[str, Any] = {"baseline": "bottom", "dy": -3, "fontSize": 10.5, "color": INKS["soft"], "aria": False}
    last = "datum.text == 'optimizer'"  # at the right edge, so its name ends there
    return [
        borders.mark_rule(strokeDash=[3, 3], color=INKS["soft"], aria=False),
        borders.transform_filter(f"!({last})").mark_text(align="left", **soft).encode(text=words, y=alt.value(0)),
        borders.transform_filter(last).mark_text(align="right", **soft).encode(text=words, y=alt.value(0)),
    ]


def _peak(step: TrainingMemory, x: Any, divisor: float) -> list[Any]:
    """A mark at the peak, with its size beside it."""
    moments = step.timeline
    top = max(range(len(moments)), key=lambda place: moments[place].num_bytes)
    place = max(place for place, _ in thinned(moments) if place <= top)  # the first of those that the highest stands for
    at_least = "≥ " if step.at_least else ""
    text = f"peak {at_least}{in_bytes(step.peak_bytes)}"
    row = {"place": place, "value": step.peak_bytes / divisor, "text": text, "about": f"{text}, op {top} of {len(moments)}"}
    point = _drawn([row]).encode(x=x, y="value:Q")
    late = 2 * top > len(moments)
    side: dict[str, Any] = {"align": "right", "dx": -9} if late else {"align": "left", "dx": 9}
    words = point.mark_text(dy=-9, fontSize=11, fontWeight="bold", color=INKS["ink"], aria=False, **side).encode(text="text:N")
    ring = point.mark_point(size=70, strokeWidth=2, color=INKS["alarm"]).encode(description="about:N")
    return [ring, words]
