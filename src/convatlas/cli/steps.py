"""Two distribution functions in a terminal, with what lies within their bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .tables import Line
from .words import wrapped

if TYPE_CHECKING:
    from ..search.compare import Comparison

_HEIGHT, _LABEL = 14, 6
_MARKS, _BOTH, _BAND = "12", "*", "·"


def steps(found: Comparison, width: int) -> list[Line]:
    """The share of networks that are at least as good as each value: 1 the first space, 2 the second, * both, · within a band."""
    columns = width - _LABEL - 3
    low, high = (float(end(each.values[place] for each in found.drawn)) for end, place in ((min, 0), (max, -1)))
    values = low + (np.arange(columns) + 0.5) * ((high - low) or 1.0) / columns
    canvas = [[" "] * columns for _ in range(_HEIGHT)]
    lines: list[list[int]] = []
    for drawn in found.drawn:
        function = found.distribution(drawn)
        worse = function.values if found.errors else -function.values
        place = np.searchsorted(worse, values if found.errors else -values, side="right") - 1
        shares = [np.where(place < 0, 0.0, each[place]) for each in (function.share, function.low, function.high)]
        middle, bottom, top = ([min(int(share * _HEIGHT), _HEIGHT - 1) for share in each] for each in shares)
        lines.append(middle)
        for column in range(columns):
            for row in range(bottom[column], top[column] + 1):
                canvas[_HEIGHT - 1 - row][column] = _BAND
    for column, rows in enumerate(zip(*lines, strict=True)):
        for mark, row in zip(_MARKS, rows, strict=True):
            canvas[_HEIGHT - 1 - row][column] = _BOTH if rows[0] == rows[1] else mark
    first, second = (each.name for each in found.drawn)
    labels = {0: "100 %", _HEIGHT // 2: "50 %", _HEIGHT - 1: "0 %"}
    left, right = f"{low:.4g}", f"{high:.4g}"
    return [
        Line("Share of networks that are at least as good as", "dim"),
        *(Line(f"{labels.get(row, ''):>{_LABEL}} |{''.join(cells)}".rstrip()) for row, cells in enumerate(canvas)),
        Line(f"{'':{_LABEL}} +{'-' * columns}"),
        Line(f"{'':{_LABEL}}  {left}{right:>{columns - len(left)}}"),
        *wrapped(
            f"1: {first}; 2: {second}; {_BOTH}: both; {_BAND}: within a 95 % band (bootstrap). Across: {found.measure}",
            width,
            "dim",
        ),
    ]
