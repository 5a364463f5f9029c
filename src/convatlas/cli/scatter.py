"""Dots in a terminal: one figure against another, where costs are logarithmic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .tables import Line

if TYPE_CHECKING:
    from ..design import Figure, Selection

_HEIGHT, _LABEL = 18, 10
_FITS, _FRONT, _BEST = "·", "+", "1"


def scatter(found: Selection, x: Figure, y: Figure, width: int) -> list[Line]:
    """The candidates that fit; + is on the front, 1 the first row."""
    points = [
        (across, upwards, _BEST if place == 0 else _FRONT if each.on_front else _FITS)
        for place, each in enumerate(found.rows)
        if (across := x.value(each)) is not None and (upwards := y.value(each)) is not None
    ]
    if not points:
        return [Line(f"no network has a {x.title} and a {y.title} that are known", "dim")]
    columns = width - _LABEL - 3
    place_x, place_y = _placing(x, [point[0] for point in points], columns), _placing(y, [point[1] for point in points], _HEIGHT)
    canvas = [[" "] * columns for _ in range(_HEIGHT)]
    for across, upwards, mark in sorted(points, key=lambda point: (_FITS, _FRONT, _BEST).index(point[2])):
        canvas[_HEIGHT - 1 - place_y(upwards)][place_x(across)] = mark
    low, high = (limit(point[1] for point in points) for limit in (min, max))
    labels = {0: y.show(high), _HEIGHT - 1: y.show(low)}
    lines = [
        Line(f"{y.title} against {x.title}{'' if x.more_is_better else ' (logarithmic)'}; +: on the front, 1: the first row", "dim")
    ]
    lines += [Line(f"{labels.get(row, ''):>{_LABEL}} |{''.join(cells)}".rstrip()) for row, cells in enumerate(canvas)]
    left, right = x.show(min(point[0] for point in points)), x.show(max(point[0] for point in points))
    lines += [Line(f"{'':{_LABEL}} +{'-' * columns}"), Line(f"{'':{_LABEL}}  {left}{right:>{columns - len(left)}}")]
    return lines


def _placing(figure: Figure, values: Sequence[float], size: int) -> Callable[[float], int]:
    """From a value to one of ``size`` places."""
    scale: Callable[[float], float] = float if figure.more_is_better else math.log
    low, high = scale(min(values)), scale(max(values))
    return lambda value: min(int((scale(value) - low) / ((high - low) or 1.0) * size), size - 1)
