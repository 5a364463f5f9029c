"""A small HTML table for a notebook: plain elements, the conditions of its figures in the caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_MOST_ROWS = 60  # of which the middle is left out, as pandas does
_LEFT = ' style="padding:0 .6em;text-align:left"'
_RIGHT = ' style="padding:0 .6em;text-align:right;font-variant-numeric:tabular-nums"'


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], total: Sequence[object] = ()) -> str:
    """A table; numbers are put to the right with separators of thousands, None is a dash.

    Args:
        caption: what it shows, and what the figures hold for.
        columns: their heads, units included.
        rows: their cells.
        total: the cells of a last row, if there is one.

    """
    found = list(rows)
    left_out = len(found) - _MOST_ROWS
    lines = [_row("td", row) for row in found]
    if left_out > 0:
        half = _MOST_ROWS // 2
        middle = f'<tr><td colspan="{len(columns)}"{_LEFT}>... {left_out} more rows ...</td></tr>'
        lines = [*lines[:half], middle, *lines[-half:]]
    numbers = [bool(found) and _is_number(cell) for cell in (found[0] if found else ())]
    heads = "".join(
        f"<th{_RIGHT if number else _LEFT}>{escape(head)}</th>"
        for head, number in zip(columns, numbers or [False] * len(columns), strict=True)
    )
    foot = f"<tfoot>{_row('th', total)}</tfoot>" if total else ""
    return (
        f'<table><caption style="padding:.6em;text-align:left">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>{foot}</table>"
    )


def _row(tag: str, cells: Sequence[object]) -> str:
    return (
        "<tr>" + "".join(f"<{tag}{_RIGHT if _is_number(cell) else _LEFT}>{escape(_text(cell))}</{tag}>" for cell in cells) + "</tr>"
    )


def _is_number(cell: object) -> bool:
    return cell is None or isinstance(cell, int | float)


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.1f}" if isinstance(cell, float) else str(cell)
