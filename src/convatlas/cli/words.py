"""Lines of words around the tables: under which conditions, what it comes to, where it lies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..analysis.cost import CONVENTION
from ..graph.words import way_in_words
from ..models.shapes import shown
from .tables import Line

if TYPE_CHECKING:
    from ..analysis.summary import FinalField, Summary
    from ..graph import Graph


def wrapped(text: str, width: int, style: str = "") -> list[Line]:
    """A paragraph."""
    return [Line(line, style) for line in textwrap.wrap(text, min(width, 100), break_on_hyphens=False)]


def conditions(summary: Summary, width: int, more: str = "") -> list[Line]:
    """The network and everything that its numbers depend on; ``more`` explains further columns."""
    return [
        *wrapped(f"{summary.name}: {summary.conditions}", width, "bold"),
        *wrapped(f"{CONVENTION}; memory: activations{more}.", width, "dim"),
    ]


def totals(summary: Summary, width: int, backward_macs: int | None = None) -> list[Line]:
    """The sums, where they lie, and what is missing from them."""
    sums = (
        f"{summary.params:,} parameters, {big(summary.macs)} MACs, {big(summary.flops)} FLOPs, "
        f"{mebi(summary.activation_bytes)} activations, {mebi(summary.bytes_moved)} moved, "
        f"{summary.intensity:.1f} FLOPs a byte moved"
    )
    if backward_macs is not None:
        sums += f"; the backward pass takes {big(backward_macs)} MACs more"
    lines = [*wrapped(sums, width, "bold"), *totals_in_words(summary, width)]
    if summary.receptive_field:
        lines += wrapped(f"Receptive field of the last feature map: {field_in_words(summary.receptive_field)}.", width)
    return lines


def totals_in_words(summary: Summary, width: int) -> list[Line]:
    """Where the totals lie, and what is missing from them."""
    from ..analysis.shares import in_words

    lines = wrapped(in_words(summary.ops), width)
    if summary.uncounted:
        calls = ", ".join(f"{op} ({count} {'call' if count == 1 else 'calls'})" for op, count in summary.uncounted.items())
        text = f"Not counted: {calls}: MACs and element-wise operations unknown, not zero, so the totals are at least these."
        lines += wrapped(text, width, "red")
    return [*lines, *way_line(summary, width)]


def way_line(traced: Summary | Graph, width: int) -> list[Line]:
    """How a network was traced, where that was not the quick way."""
    said = way_in_words(traced.way, traced.why)
    return wrapped(f"{said[0].upper()}{said[1:]}.", width, "dim") if said else []


def unused_in_words(found: Sequence[Summary]) -> str:
    """Which networks have parameters that their pass does not use; "" if none has."""
    having = [f"{summary.name} {summary.params_unused / 1e6:,.2f} M" for summary in found if summary.params_unused]
    return f"Of the params, evaluation does not use (such as auxiliary heads): {', '.join(having)}." if having else ""


def field_in_words(field: FinalField) -> str:
    """As "427x427 pixels, stride 32x32"."""
    everything = "; the whole image has an influence as well" if field.sees_all else ""
    return f"{shown(field.size)} pixels, stride {shown(field.stride)}{everything}"


def big(number: float) -> str:
    """A count in G or M, or whole when it is small."""
    for divisor, unit in ((1e9, "G"), (1e6, "M")):
        if number >= divisor:
            return f"{number / divisor:,.2f} {unit}"
    return f"{number:,.0f}"


def mebi(num_bytes: int) -> str:
    """Bytes in MiB, or in KiB when there are few."""
    return f"{num_bytes / 2**20:,.1f} MiB" if num_bytes >= 2**20 else f"{num_bytes / 2**10:,.1f} KiB"
