"""`speed --rank`: how networks rank by MACs, by bytes and by time, and where MACs mislead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..analysis.latency import ranking
from .output import screen_width
from .records import as_json, latency_conditions
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..analysis.latency import Inversion, Latency, Ranking

_SHOWN = 20  # inversions on the screen; files have all
_COLUMNS = (
    Column(key="slower", title="slower", left=True),
    Column(key="faster", title="than", left=True),
    Column(key="time_ratio", title="time", show=lambda ratio: f"x{ratio:.2f}"),
    Column(key="macs_ratio", title="MACs", show=lambda ratio: f"x{ratio:.2f}"),
    Column(key="sure", title="apart", show=lambda sure: "yes" if sure else "no", rank=1),
    Column(key="memory_share", title="memory", unit="%", show=lambda share: f"{100 * share:.0f}", rank=2),
    Column(key="launch_share", title="launch", unit="%", show=lambda share: f"{100 * share:.0f}", rank=2),
    Column(key="reason", title="its time goes to", left=True, rank=3),
)


def ranks(found: Mapping[str, Latency], form: str) -> list[Line] | str:
    """The table, or another form of it; networks under the same conditions."""
    ranked = ranking(found)
    rows = [_row(pair) for pair in ranked.inversions]
    first = next(iter(found.values()))
    if form == "json":
        figures = {key: value for key, value in ranked._asdict().items() if key not in ("inversions", "depthwise")}
        depthwise = [
            {"network": name, "time_share": e.time_share, "macs_share": e.macs_share} for name, e in ranked.depthwise.items()
        ]
        kernels = [[each._asdict() for each in pair.kernels] for pair in ranked.inversions]
        pairs = [row | {"kernels": some} for row, some in zip(rows, kernels, strict=True)]
        return as_json(figures | latency_conditions(first) | {"inversions": pairs, "depthwise": depthwise})
    if form != "table":
        table = Table(columns=_COLUMNS, rows=rows)
        return table.to_csv() if form == "csv" else table.to_markdown()
    width = screen_width()
    batches = " or ".join(map(str, sorted({each.graph.batch or 0 for each in found.values()})))
    head = (
        f"{ranked.networks} networks, batch {batches}, {first.device}, {first.conditions}; predicted. A row: a network that is slower than one "
        "with more MACs, the most telling such pair; apart: their 90 % intervals are; memory, launch: what binds the slower one's time; of "
        "MACs: where a kind of kernel has any."
    )
    lines = [*wrapped(head, width, "dim"), Line("")]
    if rows:
        lines += [*Table(columns=_COLUMNS, rows=rows[:_SHOWN]).to_lines(width), Line("")]
    return lines + [line for text in in_words(ranked) for line in wrapped(text, width)]


def in_words(ranked: Ranking) -> list[str]:
    """The figures, a sentence each."""
    share = ranked.inverted / ranked.pairs if ranked.pairs else 0.0
    said = [
        f"Of {ranked.pairs:,} pairs with different MACs the one with fewer is slower in {ranked.inverted:,} ({share:.1%}); in "
        f"{ranked.surely_inverted:,} of these their 90 % intervals lie apart."
    ]
    if ranked.macs_correlation is not None and ranked.bytes_correlation is not None:
        said.append(
            f"Rank correlation with time: MACs {ranked.macs_correlation:.3f}, bytes that its kernels move {ranked.bytes_correlation:.3f}."
        )
    if ranked.depthwise:
        more = sum(each.time_share > each.macs_share for each in ranked.depthwise.values())
        name, most = next(iter(ranked.depthwise.items()))
        said.append(
            f"Depthwise convolutions: in {more} of {len(ranked.depthwise)} networks that have them they take a larger share of the time than of "
            f"MACs; the most in {name}, {most.time_share:.1%} of time and {most.macs_share:.1%} of MACs."
        )
    return said


def _row(pair: Inversion) -> dict[str, Any]:
    figures = {key: value for key, value in pair._asdict().items() if key != "kernels"}
    return figures | {"reason": ", ".join(map(str, pair.kernels))}
