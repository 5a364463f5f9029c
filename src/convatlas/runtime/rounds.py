"""Measure several calls in interleaved rounds, so that a change of the machine's speed meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from .other_load import OtherLoad

Call = Callable[[], object]
_SAMPLE_SECONDS = 0.2  # for so long a call is repeated in one measurement
QUIET_CORES = 0.15  # the system counts in hundredths of a second, so less cannot be told from nothing in a sample
_LEAST_QUIET = 3  # samples that a median is taken of
_MOST_ROUNDS = 4  # times as many as were asked for, while the machine is busy


class Sample(NamedTuple):
    """One measurement: seconds of a call, and the cores that others kept busy meanwhile."""

    seconds: float
    other_cores: float | None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody else is known to have worked meanwhile."""
        return self.other_cores is None or self.other_cores < QUIET_CORES


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a call takes.

    Attributes:
        seconds: the median.
        low, high: the quartiles.
        samples: how many of the measurements count: those without another load, if there are enough.
        left_out: how many do not, since others used the machine meanwhile.
        other_cores: that others kept busy in those that count, in the median; None where the system does not tell.

    """

    seconds: float
    low: float
    high: float
    samples: int
    left_out: int
    other_cores: float | None

    @property
    def is_quiet(self) -> bool:
        """Whether no more than a trace of another load lies in it."""
        return self.other_cores is None or self.other_cores < QUIET_CORES


def interleaved(
    calls: Mapping[str, Call],
    *,
    rounds: int = 7,
    limit_seconds: float = 120.0,
    progress: Callable[[int, int, str], None] = lambda done, total, last: None,
) -> dict[str, Timing]:
    """Measure each call once a round, in turn, after one call that does not count.

    While others use the machine, more rounds follow, at most four times as many.

    Args:
        calls: by name; each was called before, so that nothing is prepared while it is measured.
        rounds: how many quiet measurements of each are wanted.
        limit_seconds: no round begins later, except for the first ones that a median needs.
        progress: is told how many rounds are done, of how many, and what is measured.

    """
    samples: dict[str, list[Sample]] = {name: [] for name in calls}
    begun = time.perf_counter()
    for done in range(rounds * _MOST_ROUNDS):
        wanting = [name for name, made in samples.items() if sum(each.is_quiet for each in made) < rounds]
        late = time.perf_counter() - begun > limit_seconds and done >= _LEAST_QUIET
        if not wanting or late:
            break
        for name in wanting:
            progress(min(done, rounds), rounds, name)
            samples[name].append(_sample(calls[name]))
    return {name: _timing(made) for name, made in samples.items()}


def _sample(call: Call) -> Sample:
    call()  # brings the caches, and the threads of its runtime, back after another's turn
    load, begun, times = OtherLoad(), time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < _SAMPLE_SECONDS or not times:
        call()
        times += 1
    return Sample(passed / times, load.cores())


def _timing(made: list[Sample]) -> Timing:
    quiet = [each for each in made if each.is_quiet]
    if len(quiet) < _LEAST_QUIET:  # then the quietest there are
        quiet = sorted(made, key=lambda each: each.other_cores or 0.0)[: max(_LEAST_QUIET, len(made) // 3)]
    seconds = [each.seconds for each in quiet]
    low, _, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
    cores = [each.other_cores for each in quiet if each.other_cores is not None]
    return Timing(median(seconds), low, high, len(seconds), len(made) - len(quiet), median(cores) if cores else None)
