"""Tables as plain rows, for a terminal of some width, for CSV and for Markdown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Row = dict[str, Any]  # raw values by the keys of the columns
GAP = "  "
_LEAST_NAME = 8  # rows that cannot be told apart would be worse than lines that are too long
_LEAST_PATH = 24  # columns are left out rather than that abbreviated paths get less space


class Line(NamedTuple):
    """A line of text and how a terminal that can shows it."""

    text: str
    style: str = ""


class Scale(NamedTuple):
    """How numbers of a column are written: divided, with a unit in the header."""

    divisor: float
    unit: str
    decimals: int


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        key: of the raw value; CSV uses it as the header, so it carries the unit.
        show: the value as text.
        of_row: in place of ``show``, where the text takes more of the row than the value.
        scales: in place of ``show``, for numbers: the least value for which each scale is used, largest first.
        left: aligned to the left.
        most: wider texts are cut in their middle.
        rank: a narrow terminal leaves out the columns of the highest rank first, and never those of rank 0.
        summed: the last row has its sum.

    """

    key: str
    title: str
    unit: str = ""
    show: Callable[[Any], str] = str
    of_row: Callable[[Row], str] | None = None
    scales: Sequence[tuple[float, Scale]] = ()
    left: bool = False
    most: int = 80
    rank: int = 0
    summed: bool = False

    def texts(self, values: Sequence[Any]) -> tuple[str, list[str]]:
        """The unit for the header, and every value as text."""
        if not self.scales:
            return self.unit, [self.show(value) for value in values]
        largest = max((value for value in values if value), default=0)
        scale = next((scale for least, scale in self.scales if largest >= least), self.scales[-1][1])
        return scale.unit, [_number(value, scale) for value in values]


def csv_lines(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """The header, and the raw values of each row as soon as there is one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.key for column in columns], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    yield text.getvalue()
    for row in rows:
        text.seek(0)
        text.truncate()
        writer.writerow({key: _flat(value) for key, value in row.items()})
        yield text.getvalue()


def _flat(value: Any) -> Any:
    """A shape in one cell, as 1x3x224x224."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else value


def _number(value: float | None, scale: Scale) -> str:
    if value is None:
        return "?"
    return f"{value / scale.divisor:,.{scale.decimals}f}" if value else "-"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of raw values, and the columns that show them; the first column names the row."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    total: str = ""  # name of the row of sums, if there is to be one
    paths: bool = False  # the first column has dotted paths, which may be abbreviated

    def to_lines(self, width: int) -> list[Line]:
        """The table for a terminal: right-aligned numbers, units in the header, no line wider than ``width``.

        A last line names the columns for which there was no space.
        """
        cells = self._cells(self.columns)
        kept = self._fitting(cells, width)
        columns = [self.columns[i] for i in kept]
        texts = [cells[i] for i in kept]
        widths = [min(max(map(len, column)), shown.most) for column, shown in zip(texts, columns, strict=True)]
        space = width - sum(widths[1:]) - len(GAP) * (len(widths) - 1)
        widths[0] = min(widths[0], max(space, _LEAST_NAME))
        if self.paths:
            texts[0] = abbreviated(texts[0], widths[0])
            widths[0] = min(max(map(len, texts[0])), widths[0])
        lines = []
        for cells_of_line in zip(*texts, strict=True):
            parts = [
                shortened(cell, size).ljust(size) if column.left else cell.rjust(size)
                for cell, size, column in zip(cells_of_line, widths, columns, strict=True)
            ]
            lines.append(Line(GAP.join(parts).rstrip()))
        rule = Line("-" * min(width, sum(widths) + len(GAP) * (len(widths) - 1)), "dim")
        body = lines[2:]
        if self.total:
            body[-1:] = [rule, Line(body[-1].text, "bold")]
        heads = [Line(line.text, "bold") for line in lines[:2] if line.text]
        return [*heads, rule, *body, *self._left_out(kept, width)]

    def to_markdown(self) -> str:
        """The table in Markdown, with all its columns."""
        titles, units, *rows = zip(*self._cells(self.columns), strict=True)
        heads = [f"{title} {unit}".rstrip() for title, unit in zip(titles, units, strict=True)]
        rules = [":--" if column.left else "--:" for column in self.columns]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in [heads, rules, *rows])

    def to_csv(self) -> str:
        """The raw values, without the row of sums."""
        return "".join(csv_lines(self.columns, self.rows))

    def _cells(self, columns: Iterable[Column]) -> list[list[str]]:
        """For each column its title, unit, and texts."""
        cells = []
        for place, column in enumerate(columns):
            values = [row[column.key] for row in self.rows]
            if self.total and column.summed:
                values.append(sum(value for value in values if value is not None))
            unit, texts = column.texts(values)
            if column.of_row:
                texts = [column.of_row(row) for row in self.rows]
            if self.total and not column.summed:
                texts.append(self.total if place == 0 else "")
            cells.append([column.title, f"({unit})" if unit else "", *texts])
        return cells

    def _left_out(self, kept: Sequence[int], width: int) -> list[Line]:
        """A line that names the columns which are not among those kept."""
        titles = dict.fromkeys(column.title for place, column in enumerate(self.columns) if place not in kept)
        if not titles:
            return []
        named = ", ".join(titles)
        forms = (f"Left out at {width} columns: {named}", f"Left out: {named}", f"Left out: {len(titles)} columns")
        return [Line(next((form for form in forms if len(form) <= width), forms[-1]), "dim")]

    def _fitting(self, cells: list[list[str]], width: int) -> list[int]:
        """Which columns fit beside each other when the first one is cut as far as it may be."""
        kept = list(range(len(self.columns)))
        sizes = [min(max(map(len, texts)), column.most) for texts, column in zip(cells, self.columns, strict=True)]
        if self.paths:
            sizes[0] = min(max(map(len, _forms(cells[0])[-1])), _LEAST_PATH)
        while sum(sizes[i] + len(GAP) for i in kept) - len(GAP) > width:
            highest = max(self.columns[i].rank for i in kept)
            if highest == 0:
                break
            kept = [i for i in kept if self.columns[i].rank < highest]
        return kept


def abbreviated(paths: Sequence[str], size: int) -> list[str]:
    """Dotted paths that fit: as many leading parts as it takes lose their letters but the first, as f.d1.d12.norm1.

    What does not fit even so is cut in its middle.
    """
    forms = _forms(paths)
    best = next((form for form in forms if max(map(len, form)) <= size), forms[-1])
    return [shortened(path, size) for path in best]


def _forms(paths: Sequence[str]) -> list[list[str]]:
    """The paths as they are, with one part abbreviated, with two, ...; a form that makes two paths one is left out."""
    parts = [path.split(".") for path in paths]
    forms = [
        [".".join([*map(_initials, path[:-1][:count]), *path[:-1][count:], path[-1]]) for path in parts]
        for count in range(max(map(len, parts)))
    ]
    return [form for form in forms if len(set(form)) == len(set(paths))]


def _initials(part: str) -> str:
    return re.sub(r"([A-Za-z])[a-z]{2,}", r"\1", part)


def shortened(text: str, size: int) -> str:
    """A text cut in its middle."""
    if len(text) <= size:
        return text
    tail = (size - 2 + 1) // 2
    return f"{text[: size - 2 - tail]}..{text[-tail:]}" if size > 4 else text[:size]
