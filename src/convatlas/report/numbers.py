"""How the page and the charts write numbers, sizes and shapes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..sizes import milliseconds

_NEVER_BROKEN = "\N{NO-BREAK SPACE}"
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def _digits(number: float) -> str:
    """Three significant digits, and every digit before the point."""
    return f"{number:,.0f}" if number >= 99.95 else f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def count(number: float) -> tuple[str, str]:
    """A count and its prefix: 4,089,184,256 is ("4.09", "G"); below 10,000 it is written out."""
    for divisor, prefix in _COUNTS:
        if number >= divisor and number >= 10_000:
            return _digits(number / divisor), prefix
    return (f"{number:,.0f}" if float(number).is_integer() else _digits(number)), ""


def size(num_bytes: float) -> tuple[str, str]:
    """Bytes and their unit: ("97.5", "MiB")."""
    for divisor, unit in _BYTES:
        if num_bytes >= divisor:
            return _digits(num_bytes / divisor), unit
    return f"{num_bytes:,.0f}", "B"


def scale(largest: float, *, in_bytes: bool = False) -> tuple[float, str]:
    """The divisor and the unit in which a column or an axis up to ``largest`` is best read: (1e6, "M")."""
    for divisor, unit in _BYTES if in_bytes else _COUNTS:
        if largest >= divisor:
            return divisor, unit
    return 1.0, "B" if in_bytes else ""


def scaled(value: float, divisor: float) -> str:
    """A value in the unit of its column, with as many digits behind the point as its neighbours."""
    if divisor <= 1:
        return f"{value:,.0f}"
    return f"{value / divisor:,.2f}" if value / divisor >= 0.005 or not value else f"<{_NEVER_BROKEN}0.01"


def in_short(number: float) -> str:
    """As "4.09 G"."""
    return _NEVER_BROKEN.join(part for part in count(number) if part)


def in_bytes(num_bytes: float) -> str:
    """As "97.5 MiB"."""
    return _NEVER_BROKEN.join(size(num_bytes))


def in_time(number: float) -> str:
    """Milliseconds as "4.090 ms"."""
    return f"{milliseconds(number)}{_NEVER_BROKEN}ms"


def percent(share: float) -> str:
    """A share from 0 to 1: what is there is never written as 0."""
    if not share:
        return together("0 %")
    return together("< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %" if share < 0.9995 else "100 %")


def together(text: str) -> str:
    """A text whose numbers are not parted from their units at the end of a line."""
    return text.replace(" %", f"{_NEVER_BROKEN}%").replace("< ", f"<{_NEVER_BROKEN}")


def ratio(value: float) -> str:
    """As "×0.42"."""
    return f"×{value:,.0f}" if value >= 100 else f"×{value:.2g}" if value < 0.01 else f"×{value:.2f}"


def times(shape: Sequence[float]) -> str:
    """A shape as 3×224×224."""
    return "×".join(f"{number:g}" for number in shape)


def crossed(text: str) -> str:
    """Shapes within a text, as 3×224×224."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", text)


def square(extent: Sequence[float]) -> str:
    """Sizes along each axis; one number where all are the same: (7, 7) is "7", (1, 7) is "1×7"."""
    return f"{extent[0]:,}" if len(set(extent)) == 1 else times(extent)
