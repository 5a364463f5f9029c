"""Candidates scored on a Ray cluster: the trials stay in the storage of the process that asks, and machines get networks alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..cluster import Calls, ask, beside, sent_along, shared
from ..models.usercode import PREFIX
from .drive.trials import Claimed, Trials
from .score.scores import Score
from .space import Space
from .space.base import Values


class Reports:
    """What trainings tell on their way; an actor beside the process that asks.

    A training is answered by what was decided about its earlier reports, so it ends one or a few epochs later than it would here.
    """

    def __init__(self) -> None:
        self._told: list[tuple[str, int, float]] = []
        self._ended: set[str] = set()

    def report(self, trial: str, step: int, value: float) -> bool:
        """Note how a trial stands; whether it is to end."""
        self._told.append((trial, step, value))
        return trial in self._ended

    def take(self, ended: Sequence[str]) -> list[tuple[str, int, float]]:
        """What was told since the last time; and trials that are to end."""
        self._ended.update(ended)
        told, self._told = self._told, []
        return told


class OnRay:
    """The machines of a Ray cluster, as many candidates at a time as they have places for."""

    def __init__(self, calls: Calls[float], kept: Trials, space: Space, score: Score, seed: int, *, prunes: bool) -> None:
        self.calls, self.kept, self.seed = calls, kept, seed
        with sent_along(PREFIX):
            self.space, self.score = shared(space), shared(score)
        self.reports = beside(Reports) if prunes else None
        self._running: dict[str, Claimed] = {}
        self._steps: dict[str, int] = {}  # a trial that is done again tells its first steps twice
        self._ended: set[str] = set()

    def free(self) -> bool:
        return len(self._running) < self.calls.places()

    def start(self, claimed: Claimed) -> None:
        name = f"trial {claimed.trial.number}"
        self._running[name] = claimed
        self.calls.start(name, _scored, name, self.space, dict(claimed.candidate.values), self.score, self.seed, self.reports)

    def done(self, seconds: float) -> Iterator[tuple[Claimed, float | None]]:
        found = list(self.calls.done(seconds))
        self._hear()
        for name, value in found:
            yield self._running.pop(name), None if name in self._ended else value

    def _hear(self) -> None:
        """Pass on what trainings told, and have those ended that the storage's pruner ends."""
        if self.reports is None:
            return
        for name, step, value in ask(self.reports, "take", sorted(self._ended)):
            if name in self._running and step > self._steps.get(name, -1):
                self._steps[name] = step
                if self.kept.report(self._running[name].trial, step, value):
                    self._ended.add(name)


def _scored(name: str, space: Space, values: Values, score: Score, seed: int, reports: Any) -> float:
    """Score a candidate on the machine that this runs on."""

    def report(step: int, value: float) -> bool:
        return reports is not None and bool(ask(reports, "report", name, step, value))

    return score(lambda: space.build(values), seed, report)
