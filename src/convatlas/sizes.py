"""Memory sizes as they are typed and shown: 24GiB, 24GB, 8g, plain bytes."""

from __future__ import annotations

import re

from .errors import ConvatlasError

_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
}  # fmt: skip
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


def gibi(num_bytes: float) -> str:
    """Bytes in GiB, MiB or KiB, whichever suits."""
    for divisor, unit, decimals in ((2**30, "GiB", 2), (2**20, "MiB", 1), (2**10, "KiB", 1)):
        if abs(num_bytes) >= divisor:
            return f"{num_bytes / divisor:,.{decimals}f} {unit}"
    return f"{num_bytes:,.0f} B"
