"""The figures by which candidates are limited, ranked and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..names import unknown_name
from ..sizes import gibi, milliseconds
from .candidate import Candidate


class Figure(NamedTuple):
    """One figure of a candidate.

    Attributes:
        key: the word for it.
        title: what tables and charts call it.
        unit: of `value`.
        more_is_better: of accuracies; of costs less is.
        value: of a candidate; None where it is not known.
        show: a value as text, with its unit.

    """

    key: str
    title: str
    unit: str
    more_is_better: bool
    value: Callable[[Candidate], float | None]
    show: Callable[[float], str]

    def merit(self, candidate: Candidate) -> float:
        """A number that is the larger the better; the figure must be known."""
        value = self.value(candidate)
        assert value is not None
        return value if self.more_is_better else -value


_LEAST_MILLIONS = 1e5  # smaller counts are written whole


def _percent(value: float) -> str:
    return f"{value:.2f} %"


def _millions(value: float) -> str:
    return f"{value / 1e6:,.2f} M" if value >= _LEAST_MILLIONS else f"{value:,.0f}"


def _macs(value: float) -> str:
    return f"{value / 1e9:,.2f} G" if value >= 1e9 else _millions(value)


def in_milliseconds(value: float) -> str:
    """A time with its unit."""
    return f"{milliseconds(value)} ms"


def _accuracy(key: str, title: str, value: Callable[[Candidate], float | None]) -> Figure:
    return Figure(key, title, "%", True, value, _percent)


FIGURES = {
    figure.key: figure
    for figure in (
        _accuracy("accuracy", "top-1", lambda candidate: candidate.top1),
        _accuracy("real", "ReaL", lambda candidate: candidate.real),
        _accuracy("v2", "V2", lambda candidate: candidate.v2),
        _accuracy("sketch", "Sketch", lambda candidate: candidate.sketch),
        _accuracy("a", "A", lambda candidate: candidate.a),
        _accuracy("r", "R", lambda candidate: candidate.r),
        _accuracy("robust", "robust", lambda candidate: candidate.robust),
        Figure("speed", "latency", "ms", False, lambda candidate: candidate.latency_ms, in_milliseconds),
        Figure("params", "params", "", False, lambda candidate: candidate.params, _millions),
        Figure("macs", "MACs", "", False, lambda candidate: candidate.macs, _macs),
        Figure("memory", "train memory", "B", False, lambda candidate: candidate.train_memory_bytes, gibi),
    )
}
ACCURACY = FIGURES["accuracy"]


def figure(key: str) -> Figure:
    """The figure that a word stands for.

    Raises:
        ConvatlasError: there is none; shows the nearest.

    """
    if key.lower() not in FIGURES:
        raise unknown_name("figure", key, FIGURES, f"there are {', '.join(FIGURES)}")
    return FIGURES[key.lower()]


def front(candidates: Iterable[Candidate], figures: Sequence[Figure]) -> list[Candidate]:
    """The Pareto front: those that no other one equals in all figures and beats in one. All figures must be known."""
    merits = [(tuple(figure.merit(each) for figure in figures), each) for each in candidates]
    best: list[tuple[tuple[float, ...], Candidate]] = []
    for mine, each in sorted(merits, key=lambda pair: pair[0], reverse=True):  # what beats another comes before it
        if not any(_beats(others, mine) for others, _ in best):
            best.append((mine, each))
    return [each for _, each in best]


def _beats(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first != second and all(mine >= its for mine, its in zip(first, second, strict=True))
