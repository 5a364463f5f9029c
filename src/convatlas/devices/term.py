"""Term: a part of a kernel's time, and how far sizes lie from those at which kernels are efficient."""

from __future__ import annotations

from math import log2

Term = tuple[str, float]  # name of a coefficient, seconds at the device's rates
LAUNCH_SECONDS = 3e-6
_MOST_OCTAVES = 3.0


def octaves_below(edge: float, size: float) -> float:
    """How many times a size would have to double to reach an edge; 0 above it."""
    return min(log2(edge / size), _MOST_OCTAVES) if size < edge else 0.0


def octaves_above(edge: float, size: float) -> float:
    """How many times a size is twice an edge; 0 below it."""
    return min(log2(size / edge), _MOST_OCTAVES) if size > edge else 0.0
