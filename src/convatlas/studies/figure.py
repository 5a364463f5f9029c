"""A study's figure: how each arm learns, and where it ends, with intervals over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..report.theme import SERIES
from .design import MEASURES, Design
from .verdict import interval_of

Rows = Sequence[Mapping[str, Any]]


def figure(design: Design, rows: Rows, curves: Rows) -> Any:
    """An altair chart.

    Args:
        design: the study.
        rows: one a run, see `Study.rows`.
        curves: one an epoch of a run: arm, seed, epoch, train_loss, val_error_percent; empty for studies that train nothing.

    """
    import altair as alt

    measures = list(dict.fromkeys(contrast.measure for contrast in design.contrasts))
    panels = [_ends(design, rows, measure) for measure in measures]
    if curves:
        panels.insert(0, _learning(design, curves))
    return alt.hconcat(*panels, spacing=36).properties(title=alt.Title(design.title, subtitle=_subtitle(rows)))


def _subtitle(rows: Rows) -> str:
    seeds = len({row["seed"] for row in rows})
    return f"{seeds} {'seed' if seeds == 1 else 'seeds'}; small: one run; large: mean, with its 95 % interval (Student's t)"


def _colour(design: Design, *, legend: bool = False) -> Any:
    import altair as alt

    names = [arm.name for arm in design.arms]
    shown = alt.Legend(orient="bottom", columns=3, symbolType="stroke", symbolStrokeWidth=3) if legend else None
    return alt.Color("arm:N", title=None, legend=shown, scale=alt.Scale(domain=names, range=SERIES[: len(names)]))


def _chart(values: Rows) -> Any:
    import altair as alt

    return alt.Chart.from_dict({"data": {"values": list(values)}, "mark": "point"})


def _learning(design: Design, curves: Rows) -> Any:
    import altair as alt

    base = _chart(list(curves)).encode(x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1)), color=_colour(design))
    lines = base.mark_line(strokeWidth=2).encode(
        color=_colour(design, legend=True), y=alt.Y("mean(train_loss):Q", title="training loss", scale=alt.Scale(zero=False))
    )
    spread = base.mark_area(opacity=0.15).encode(y=alt.Y("min(train_loss):Q", title="training loss"), y2="max(train_loss):Q")
    return (spread + lines).properties(width=260, height=max(160, 26 * len(design.arms)))


def _ends(design: Design, rows: Rows, measure: str) -> Any:
    import altair as alt

    names = [arm.name for arm in design.arms]
    means = []
    for name in names:
        values = [float(row[measure]) for row in rows if row["arm"] == name]
        if values:
            low, high = interval_of(values) or (None, None)
            means.append({"arm": name, "mean": sum(values) / len(values), "low": low, "high": high})
    points = [{"arm": row["arm"], "value": row[measure], "seed": row["seed"]} for row in rows]
    y = alt.Y("arm:N", sort=names, title=None)
    title = MEASURES[measure]  # type: ignore[index]
    x = alt.Scale(zero=False)
    each = _chart(points).mark_circle(size=22, opacity=0.55).encode(
        y=y, x=alt.X("value:Q", title=title, scale=x), color=_colour(design), tooltip=["arm:N", "seed:O", "value:Q"]
    )  # fmt: skip
    mean = _chart(means).mark_point(filled=True, size=90, shape="diamond").encode(
        y=y, x="mean:Q", color=_colour(design)
    )  # fmt: skip
    bars = _chart([row for row in means if row["low"] is not None]).mark_rule(strokeWidth=2).encode(
        y=y, x="low:Q", x2="high:Q", color=_colour(design)
    )  # fmt: skip
    return (bars + each + mean).properties(width=260, height=max(160, 26 * len(names)))
