"""Limits: what a candidate may cost at most, or must reach, and by how much it misses that."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..errors import ConvatlasError
from .candidate import Candidate
from .figures import FIGURES, Figure

_HUGE = 999  # beyond that a factor is written whole


class Limit(NamedTuple):
    """A bound of one figure: the largest cost, or the least accuracy."""

    figure: Figure
    bound: float

    def miss(self, candidate: Candidate) -> float | None:
        """By which part of the bound a candidate misses it; 0 where it keeps it, None where the figure is not known."""
        value = self.figure.value(candidate)
        if value is None:
            return None
        beyond = self.bound - value if self.figure.more_is_better else value - self.bound
        return max(beyond / self.bound, 0.0)

    @property
    def in_words(self) -> str:
        """As "latency at most 5.000 ms"."""
        return f"{self.figure.title} at {'least' if self.figure.more_is_better else 'most'} {self.figure.show(self.bound)}"


class Miss(NamedTuple):
    """A candidate that breaks limits, and by which part of each."""

    candidate: Candidate
    excess: dict[str, float]  # key of the figure -> share of the bound

    @property
    def worst(self) -> float:
        """The largest part."""
        return max(self.excess.values())

    @property
    def in_words(self) -> str:
        """As "latency by 12 %, params by 3 %"."""
        return ", ".join(f"{FIGURES[key].title} by {_beyond(share)}" for key, share in self.excess.items())


def _beyond(share: float) -> str:
    return (
        f"{100 * share:.2g} %"
        if share < 1
        else f"a factor of {1 + share:,.3g}"
        if share < _HUGE
        else f"a factor of {1 + share:,.0f}"
    )


def limit(key: str, bound: float | None, argument: str) -> list[Limit]:
    """The limit on a figure, or none where nothing was said.

    Raises:
        ConvatlasError: it is no positive number.

    """
    if bound is None:
        return []
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound) or bound <= 0:
        raise ConvatlasError(f"`{argument}` (={bound}) must be a number above 0")
    return [Limit(FIGURES[key], bound)]
