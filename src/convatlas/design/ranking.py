"""In which order candidates come: by one figure, by several that are weighed, or front after front."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import ConvatlasError
from .candidate import Candidate
from .figures import Figure, figure, front

Rank = str | Sequence[str] | Mapping[str, float]


class Ranking(NamedTuple):
    """The figures that count, and their weights; without weights several are a Pareto front."""

    figures: tuple[Figure, ...]
    weights: tuple[float, ...] = ()

    @property
    def in_words(self) -> str:
        """As "top-1 (weight 2) and latency (weight 1)"."""
        if not self.weights:
            return ", then ".join(figure.title for figure in self.figures)
        return " and ".join(
            f"{figure.title} (weight {weight:g})" for figure, weight in zip(self.figures, self.weights, strict=True)
        )

    def ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates, the best first. All figures must be known; equals come in the order of MACs and names."""
        found = sorted(candidates, key=lambda each: (each.macs, each.word, each.input_size))
        if self.weights:
            return self._weighed(found)
        first = self.figures[0]
        found.sort(key=first.merit, reverse=True)
        if len(self.figures) == 1:
            return found
        fronts: list[Candidate] = []
        while found:
            best = {id(each) for each in front(found, self.figures)}
            fronts += [each for each in found if id(each) in best]
            found = [each for each in found if id(each) not in best]
        return fronts

    def _weighed(self, found: Sequence[Candidate]) -> list[Candidate]:
        """By the weighed sum of the shares of the others that a candidate is better than, one share a figure."""
        merits = [sorted(figure.merit(each) for each in found) for figure in self.figures]

        def score(each: Candidate) -> float:
            beaten = [bisect_left(known, figure.merit(each)) for figure, known in zip(self.figures, merits, strict=True)]
            return sum(weight * count for weight, count in zip(self.weights, beaten, strict=True))

        return sorted(found, key=score, reverse=True)


def ranking_of(rank: Rank) -> Ranking:
    """The ranking that is meant by "accuracy", "accuracy,speed" (a front), "accuracy=2,speed=1", or the same in Python.

    Raises:
        ConvatlasError: an unknown figure, one that stands twice, a weight that is no positive number, or weights for some only.

    """
    if isinstance(rank, str):
        parts = [part.strip() for part in rank.split(",")]
        pairs = [(key, weight if equals else None) for key, equals, weight in (part.partition("=") for part in parts)]
    else:
        pairs = [*rank.items()] if isinstance(rank, Mapping) else [(key, None) for key in rank]  # type: ignore[list-item]
    figures = tuple(figure(key) for key, _ in pairs)
    if not figures:
        raise ConvatlasError("`rank` is empty; name a figure, as accuracy")
    if len(set(figures)) < len(figures):
        raise ConvatlasError(f"`rank` (={rank}) names a figure twice")
    weights = [weight for _, weight in pairs if weight is not None]
    if weights and len(weights) < len(figures):
        raise ConvatlasError(f"`rank` (={rank}) weighs some figures and not others; write accuracy=2,speed=1, or no weights at all")
    return Ranking(figures, tuple(map(_weight, weights)))


def _weight(given: object) -> float:
    try:
        weight = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise ConvatlasError(f"a weight in `rank` must be a number above 0, got {given!r}")
    return weight
