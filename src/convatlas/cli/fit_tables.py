"""How `memory --fit` says whether it fits: lines, rows and a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..analysis.verdict import in_a_word
from .columns import GIBI
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..analysis.verdict import Verdict


def _batch(largest: int | None) -> str:
    return "?" if largest is None else "none" if largest == 0 else f"{largest:,}"


FIT = (
    Column(key="change", title="with", left=True),
    Column(key="fits", title="fits", of_row=in_a_word),
    Column(key="needed_bytes", title="needed", scales=GIBI),
    Column(key="spare_bytes", title="to spare", scales=GIBI, rank=1),
    Column(key="largest_batch", title="largest batch", show=_batch),
)


def fit_record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain data."""
    asked, *changes = verdict.rows()
    del asked["change"]
    return {
        "verdict": str(verdict),
        **asked,
        "peak_bytes": verdict.memory.peak_bytes,
        "overhead_bytes": verdict.memory.overhead_bytes,
        "largest_batch_needed_bytes": verdict.largest.memory.needed_bytes if verdict.largest else None,
        "changes": [
            {key: row[key] for key in ("change", "fits", "needed_bytes", "spare_bytes", "largest_batch")} for row in changes
        ],
    }


def fit_table(verdict: Verdict) -> Table:
    """The answers as a table for a file, with what stands above it on the screen: the batch, the device and its memory."""
    plain = (
        Column(key="batch", title="batch", rank=9),
        Column(key="device", title="device", rank=9),
        Column(key="memory_bytes", title="memory", scales=GIBI, rank=9),
    )
    unsure = Column(key="at_least", title="more may be needed", show=lambda more: "yes" if more else "no")
    return Table(columns=(FIT[0], *plain, *FIT[1:], unsure), rows=verdict.rows())


def fit_lines(verdict: Verdict, width: int) -> tuple[list[Line], list[Line]]:
    """What comes before everything, the answer, and what comes after the conditions: the largest batch, what to change."""
    style = "bold green" if verdict.fits and not verdict.memory.at_least else "bold yellow" if verdict.fits else "bold red"
    after = wrapped(verdict.largest_in_words(), width, "bold")
    if verdict.changes:
        table = Table(columns=FIT, rows=verdict.rows()).to_lines(width)
        after += [Line(""), *wrapped(f"At batch {verdict.batch}, and with one thing changed:", width), *table]
    return wrapped(str(verdict), width, style), after
