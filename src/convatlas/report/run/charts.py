"""The curves of a training: loss, accuracy and rate, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..axes import whole_marks
from ..panels import drawn
from ..theme import SERIES, Margins, inline

_WIDTH, _HEIGHT = 300, 200
_MARGINS = Margins(left=52)
_TITLE_X = 6 - _MARGINS.left

Rows = Sequence[dict[str, Any]]


def loss_chart(rows: Rows) -> str:
    """Training and validation loss."""
    curves = {"training": "train_loss", "validation": "val_loss"}
    return _curves(rows, curves, "cross-entropy", ".4f", "Loss by epoch")


def accuracy_chart(rows: Rows) -> str:
    """Validation accuracy, top-1."""
    return _curves(rows, {"top-1": "val_top1"}, "top-1 (%), validation", ".2f", "Accuracy by epoch")


def rate_chart(rows: Rows) -> str:
    """The learning rate at the end of each epoch."""
    return _curves(rows, {"rate": "lr"}, "learning rate at the epoch's end", ".4g", "Learning rate by epoch")


def _curves(rows: Rows, curves: dict[str, str], title: str, form: str, name: str) -> str:
    import altair as alt

    data = [
        {"epoch": row["epoch"], "value": row[key], "curve": curve, "about": f"epoch {row['epoch']}, {curve}: {row[key]:{form}}"}
        for curve, key in curves.items()
        for row in rows
        if row[key] is not None
    ]
    last = max(row["epoch"] for row in rows)
    marks = [mark for mark in whole_marks(last) if 0 < mark <= last]
    names = list(curves)
    base = drawn(data).encode(
        x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(values=marks, format="d"), scale=alt.Scale(domain=[0, last], nice=False)),
        y=alt.Y("value:Q", title=title, axis=alt.Axis(titleX=_TITLE_X, tickCount=5), scale=alt.Scale(zero=False)),
        color=alt.Color("curve:N", scale=alt.Scale(domain=names, range=SERIES[: len(names)]), legend=None),
    )
    line = base.mark_line(strokeWidth=1.8, aria=False)
    dots = base.mark_circle(size=30, opacity=1).encode(description="about:N")
    return inline(alt.layer(line, dots).properties(width=_WIDTH, height=_HEIGHT), name, _MARGINS)
