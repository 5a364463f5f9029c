"""Sizes as they are typed and shown: memory (24GiB, 24GB, 8g), counts (10M, 1.5G) and times (5ms, 0.2s)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from .errors import ConvatlasError

_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
}  # fmt: skip
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_TIMES = {"": 1.0, "ms": 1.0, "us": 1e-3, "s": 1e3}
_LEAST_BARE = 10**6  # a smaller number without a unit was meant in another one


def parse_size(text: str, option: str) -> int:
    """A number of bytes: 24GiB and 24g are 24 x 2^30, 24GB is 24 x 10^9, a bare number of a million or more is bytes.

    Raises:
        ConvatlasError: anything else, or nothing above zero.

    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in _UNITS:
        raise ConvatlasError(f"`{option}` (={text!r}) is no memory size; write 24GiB, 24GB, 8g or a number of bytes")
    num_bytes = int(float(found[1]) * _UNITS[found[2]])
    if num_bytes < 1:
        raise ConvatlasError(f"`{option}` (={text!r}) must be above zero bytes")
    if not found[2] and num_bytes < _LEAST_BARE:
        raise ConvatlasError(f"`{option}` (={text!r}) would be {num_bytes:,} bytes; say the unit, as in {found[1]}GiB")
    return num_bytes


def in_bytes(size: int | str, name: str) -> int:
    """A memory as a number of bytes, or as `parse_size` reads it.

    Raises:
        ConvatlasError: it is no memory size.

    """
    return parse_size(str(size), name)


def parse_count(text: str, option: str) -> float:
    """A number of parameters or operations: 10M, 1.5G, 250k, 4e8.

    Raises:
        ConvatlasError: anything else, or nothing above zero.

    """
    return _scaled(text, option, _COUNTS, "no count; write 10M, 1.5G or a whole number")


def parse_milliseconds(text: str, option: str) -> float:
    """A time in milliseconds: 5ms, 0.2s, 300us; a bare number is milliseconds.

    Raises:
        ConvatlasError: anything else, or nothing above zero.

    """
    return _scaled(text, option, _TIMES, "no time; write 5ms, 0.2s or a number of milliseconds")


def _scaled(text: str, option: str, units: Mapping[str, float], complaint: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in units:
        raise ConvatlasError(f"`{option}` (={text!r}) is {complaint}")
    value = float(found[1]) * units[found[2]]
    if not 0 < value < math.inf:
        raise ConvatlasError(f"`{option}` (={text!r}) must be above zero, and finite")
    return value


def milliseconds(value: float) -> str:
    """A time in milliseconds as it is shown everywhere, without its unit: three digits or more."""
    return f"{value:.3f}" if value < 10 else f"{value:.2f}" if value < 100 else f"{value:,.1f}"


def gibi(num_bytes: float) -> str:
    """Bytes in GiB, MiB or KiB, whichever suits."""
    for divisor, unit, decimals in ((2**30, "GiB", 2), (2**20, "MiB", 1), (2**10, "KiB", 1)):
        if abs(num_bytes) >= divisor:
            return f"{num_bytes / divisor:,.{decimals}f} {unit}"
    return f"{num_bytes:,.0f} B"
