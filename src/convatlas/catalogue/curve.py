"""Curve: a figure by batch, known at some batches and read between them along straight lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

LARGEST_BATCH = 256
TOLERANCE = 0.005  # what a straight line may miss by at any of the batches that were computed


class Reading(NamedTuple):
    """A figure at one batch; whether it was read between two that are known; and whether those are as sure as others."""

    value: float
    interpolated: bool
    familiar: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure by batch.

    Attributes:
        batches: at which the figure is known, in ascending order.
        values: the figure at each.
        unfamiliar: the batches at which the prediction is less sure, as `analysis.latency` says.

    """

    batches: tuple[int, ...]
    values: tuple[float, ...]
    unfamiliar: tuple[int, ...] = ()

    def to_text(self) -> str:
        """Batches, values and unfamiliar batches, as "1 2 4/0.61 0.7 1.1/4": a reader takes apart the few that it asks for."""
        return "/".join(" ".join(map(str, numbers)) for numbers in (self.batches, self.values, self.unfamiliar))

    def at(self, batch: int) -> Reading | None:
        """The figure at a batch; None outside the batches that are known."""
        place = bisect_left(self.batches, batch)
        if place == len(self.batches) or (place == 0 and batch != self.batches[0]):
            return None
        if self.batches[place] == batch:
            return Reading(self.values[place], False, batch not in self.unfamiliar)
        before, after = self.batches[place - 1], self.batches[place]
        familiar = before not in self.unfamiliar and after not in self.unfamiliar
        return Reading(_between(self, place, batch), True, familiar)


def curve_from(text: str) -> Curve:
    """What `Curve.to_text` wrote."""
    batches, values, unfamiliar = text.split("/")
    return Curve(tuple(map(int, batches.split())), tuple(map(float, values.split())), tuple(map(int, unfamiliar.split())))


def _between(curve: Curve, place: int, batch: int) -> float:
    """On the straight line that ends at a place."""
    (left, right), (low, high) = curve.batches[place - 1 : place + 1], curve.values[place - 1 : place + 1]
    return low + (high - low) * (batch - left) / (right - left)


def thinned(values: Mapping[int, float], unfamiliar: frozenset[int] = frozenset()) -> Curve:
    """The curve with as few of the batches as keep the others within `TOLERANCE`; powers of two all stay."""
    everywhere = sorted(values)
    kept = [batch for batch in everywhere if batch & (batch - 1) == 0]
    while True:
        curve = Curve(tuple(kept), tuple(values[batch] for batch in kept), tuple(sorted(unfamiliar.intersection(kept))))
        added = [worst for left, right in pairwise(kept) if (worst := _worst(curve, values, left, right))]
        if not added:
            return curve
        kept = sorted([*kept, *added])


def _worst(curve: Curve, values: Mapping[int, float], left: int, right: int) -> int | None:
    """The batch between two that the straight line misses by the most, if that is too much."""
    misses = {
        batch: abs(_between(curve, curve.batches.index(right), batch) / values[batch] - 1)
        for batch in values
        if left < batch < right
    }
    worst = max(misses, key=misses.__getitem__, default=None)
    return worst if worst is not None and misses[worst] > TOLERANCE else None


def bisected(at: Callable[[int], float], batches: Sequence[int]) -> Curve:
    """The curve of a figure that takes time to compute: at the middle of a stretch, then of its halves if a straight line misses it."""
    values = {batch: at(batch) for batch in (batches[0], batches[-1])}
    stretches = [(0, len(batches) - 1)]
    while stretches:
        first, last = stretches.pop()
        middle = (first + last) // 2
        if middle == first:
            continue
        left, batch, right = (batches[place] for place in (first, middle, last))
        ends = Curve((left, right), (values[left], values[right]))
        values[batch] = at(batch)
        if abs(_between(ends, 1, batch) / values[batch] - 1) > TOLERANCE / 2:
            stretches += [(first, middle), (middle, last)]
    known = sorted(values)
    return Curve(tuple(known), tuple(values[batch] for batch in known))
