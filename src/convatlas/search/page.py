"""A search as one HTML file: the front, how it went, which choices mattered, and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from ..report.document import document, scrolling
from ..report.panels import drawn
from ..report.theme import SERIES, Margins, inline, renderer
from .again import Again
from .result import Row, Search

TITLES = {
    "params": "parameters",
    "macs": "MACs of one image",
    "latency_ms": "predicted time of a batch (ms)",
    "train_memory_bytes": "simulated training step (bytes)",
}
_WIDTH, _HEIGHT = 360, 240


def render_search(search: Search, again: Again, command: str) -> str:
    """The page of a search.

    Args:
        search: what was found.
        again: the winner, looked at once more.
        command: that trains it.

    Raises:
        ConvatlasError: no trial was finished, or the charts' libraries are not installed.

    """
    renderer()
    title = f"{search.space.name}: {len(search.rows)} trials by {search.driver}"
    parts = [
        f'<header class="top"><h1>A search</h1><h2>{escape(title)}</h2><p>Score: {escape(search.score.meaning)}.</p></header><main>',
        _section("Front", f"<p>Score against {escape(TITLES[search.against])}; the line is the front.</p>{_front(search)}"),
        _section("History", f"<p>Each trial, and the best so far.</p>{_history(search.rows)}"),
        _section("Importance", _importance(search.importance)),
        _section("The winner", _table([{"figure": line.name, "said": line.said, "seen": line.seen} for line in again.lines])),
        _section("How to have it", f"<p><code>{escape(command)}</code></p><pre>{escape(search.source())}</pre>"),
        _section("Trials", scrolling(_table([row.record() for row in search.rows]), "Every trial", tall=True)),
        "</main><footer><p>Made by convatlas from the search's own trials.</p></footer>",
    ]
    style = (files("convatlas.report") / "assets" / "run.css").read_text(encoding="utf-8")
    return document(title=title, body="\n".join(parts), styles=[style], scripts=[])


def _section(title: str, body: str) -> str:
    return f"<section><h3>{title}</h3>{body}</section>"


def _front(search: Search) -> str:
    import altair as alt

    front = {row.number for row in search.front}
    data = [
        {
            "cost": search.cost(row),
            "score": row.score,
            "front": row.number in front,
            "about": f"trial {row.number}: {row.score:.4g}",
        }
        for row in search.rows
        if row.score is not None
    ]
    base = drawn(data).encode(
        x=alt.X("cost:Q", title=TITLES[search.against], scale=alt.Scale(zero=False), axis=alt.Axis(format="~s", tickCount=5)),
        y=alt.Y("score:Q", title=f"score: {search.score.name}", scale=alt.Scale(zero=False)),
    )
    dots = base.mark_circle(size=36, opacity=0.7, color=SERIES[0]).encode(description="about:N")
    line = base.transform_filter("datum.front").mark_line(interpolate="step-after", color=SERIES[1], strokeWidth=1.8, aria=False)
    return _inline(alt.layer(dots, line), "Score against cost")


def _history(rows: Sequence[Row]) -> str:
    import altair as alt

    data: list[dict[str, Any]] = []
    best = None
    for place, row in enumerate(rows, 1):
        if row.score is not None:
            best = row.score if best is None else max(best, row.score)
            data.append({"trial": place, "score": row.score, "best": best, "about": f"trial {row.number}: {row.score:.4g}"})
    base = drawn(data).encode(x=alt.X("trial:Q", title="trials", axis=alt.Axis(format="d", tickMinStep=1)))
    y = alt.Scale(zero=False)
    dots = base.mark_circle(size=36, opacity=0.7, color=SERIES[0]).encode(
        y=alt.Y("score:Q", scale=y, title="score"), description="about:N"
    )
    line = base.mark_line(interpolate="step-after", color=SERIES[1], strokeWidth=1.8, aria=False).encode(y=alt.Y("best:Q", scale=y))
    return _inline(alt.layer(dots, line), "Score by trial")


def _importance(importance: dict[str, float]) -> str:
    if not importance:
        return "<p>Too few finished trials, or all of one score: nothing can be told.</p>"
    import altair as alt

    data = [{"choice": name, "share": float(share), "about": f"{name}: {share:.0%}"} for name, share in importance.items()]
    bars = (
        drawn(data)
        .mark_bar(color=SERIES[0])
        .encode(
            y=alt.Y("choice:N", sort="-x", title=None),
            x=alt.X("share:Q", title="share of the score's variance (fANOVA)", axis=alt.Axis(format="~%", tickCount=5)),
            description="about:N",
        )
    )
    return _inline(bars, "Importance of each choice", height=18 * len(data))


def _inline(chart: Any, name: str, height: int = _HEIGHT) -> str:
    return inline(chart.properties(width=_WIDTH, height=height), name, Margins(left=120))


def _table(records: Sequence[dict[str, Any]]) -> str:
    heads = "".join(f'<th scope="col">{escape(key)}</th>' for key in records[0])
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in record.values())}</tr>" for record in records)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))
