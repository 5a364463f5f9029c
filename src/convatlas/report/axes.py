"""Where the axes of charts have their marks: at least three, at round numbers, without asking how wide a font is."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST_MARKS = 3
_MOST_MARKS = 8
_FACTORS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))
_LEAST_SPAN = 4.0  # of a logarithmic axis, from its lower to its upper end
_MARGIN = 0.08  # of a logarithmic axis, beyond its outermost values
_EM = 0.64  # how wide a letter of a wide sans-serif font is, of its size


def width_of(text: str, font_size: float = 11) -> float:
    """About how many pixels a text takes, in a wide font."""
    return len(text) * _EM * font_size


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` letters; its middle is left out, since names differ at their ends."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def last_parts(path: str, most: int) -> str:
    """The last parts of a module path that have room in ``most`` letters."""
    parts = path.split(".")
    kept = parts[-1]
    for part in reversed(parts[:-1]):
        if len(kept) + len(part) + 1 > most:
            break
        kept = f"{part}.{kept}"
    return shortened(kept, most)


def log_domain(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a logarithmic axis for positive values."""
    low, high = math.log(min(values)), math.log(max(values))
    missing = max(math.log(_LEAST_SPAN) - (high - low), 0.0)
    margin = missing / 2 + _MARGIN * (high - low + missing)
    return math.exp(low - margin), math.exp(high + margin)


def log_marks(low: float, high: float) -> list[float]:
    """Round numbers between the ends of a logarithmic axis."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for factors in _FACTORS:
        found = [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
        if len(found) >= LEAST_MARKS:
            break
    return found[:: -(-len(found) // _MOST_MARKS) or 1]


def whole_marks(highest: int) -> list[int]:
    """Whole numbers from 0 to about ``highest``."""
    step = next(
        factor * 10**power for power in range(12) for factor in (1, 2, 5) if highest <= (_MOST_MARKS - 1) * factor * 10**power
    )
    return list(range(0, max(highest, LEAST_MARKS - 1) + 1, step))
