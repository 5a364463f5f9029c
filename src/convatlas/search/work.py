"""The work of a search: candidates claimed, handed to who scores them, and their scores kept, until there are enough trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

from .drive.trials import Claimed, Trials
from .limits import Candidate, Gate
from .score.scores import Score
from .space import Space

if TYPE_CHECKING:
    from optuna import Trial

Progress: TypeAlias = "Callable[[int, int, str], None]"
_WAIT_SECONDS = 0.5
WORST = -1e30  # in place of a score that is no number, which storages do not take


class Workers(Protocol):
    """Who scores candidates."""

    def free(self) -> bool:
        """Whether one can take a candidate."""

    def start(self, claimed: Claimed) -> None:
        """Have a candidate scored."""

    def done(self, seconds: float) -> Iterator[tuple[Claimed, float | None]]:
        """What is done, at most so many seconds from now; None is the score of a trial that was ended early."""


class Here:
    """The process that asks, one candidate at a time."""

    def __init__(self, kept: Trials, space: Space, score: Score, seed: int, *, prunes: bool) -> None:
        self.kept, self.space, self.score, self.seed, self.prunes = kept, space, score, seed, prunes
        self._done: list[tuple[Claimed, float | None]] = []

    def free(self) -> bool:
        return not self._done

    def start(self, claimed: Claimed) -> None:
        ended = False

        def report(step: int, value: float) -> bool:
            nonlocal ended
            ended = self.prunes and self.kept.report(claimed.trial, step, value)
            return ended

        value = self.score(lambda: self.space.build(claimed.candidate.values), self.seed, report)
        self._done.append((claimed, None if ended else value))

    def done(self, seconds: float) -> Iterator[tuple[Claimed, float | None]]:
        while self._done:
            yield self._done.pop()


def work(kept: Trials, gate: Gate, workers: Workers, trials: int, against: str | None, progress: Progress | None) -> None:
    """Do trials until the storage has enough; those that another process is at are waited for, since it may die.

    Args:
        kept: the storage.
        gate: of the limits that candidates keep.
        workers: who score them.
        trials: how many in the storage in the end.
        against: the cost that is a second objective; None for the score alone.
        progress: told how many trials of how many are done, and the last.

    Raises:
        ExhaustedError: there are fewer candidates within the limits.
        ConvatlasError: as the storage, the space and the score raise it; trials that were not finished can be tried again.

    """
    from .drive.samplers import TAKEN, ExhaustedError, row_of

    def candidate_of(trial: Trial) -> Candidate:
        return gate.candidate(row_of(gate.space, trial.params))

    exhausted: ExhaustedError | None = None
    with kept.signs_of_life() as living:
        try:
            while True:
                kept.take_back()
                taken = [trial for trial in kept.all() if trial.state in TAKEN]
                finished = sum(trial.state.is_finished() for trial in taken)
                if finished >= trials:
                    return
                if exhausted and not living:
                    raise exhausted
                if len(taken) < trials and workers.free() and not exhausted:
                    try:
                        claimed = kept.claim(candidate_of)
                    except ExhaustedError as error:
                        exhausted = error  # what others of this process are at still ends
                        continue
                    if claimed is not None and _is_needed(kept, claimed.trial, trials):
                        living[claimed.trial.number] = claimed.trial
                        workers.start(claimed)
                    continue
                if not living:
                    time.sleep(_WAIT_SECONDS)
                    continue
                for (trial, candidate), value in workers.done(_WAIT_SECONDS):
                    del living[trial.number]
                    if value is None:
                        kept.prune(trial)
                    else:
                        costs = [] if against is None else [float(getattr(candidate, against))]
                        kept.finish(trial, [value if math.isfinite(value) else WORST, *costs])
                    finished += 1
                    if progress is not None:
                        progress(finished, trials, f"trial {trial.number}: {'ended early' if value is None else f'{value:.4g}'}")
        except BaseException:
            for trial in list(living.values()):
                kept.fail(trial)
            raise


def _is_needed(kept: Trials, trial: Trial, trials: int) -> bool:
    """Whether a trial is among the first so many; another process may have begun the last one at the same time."""
    from .drive.samplers import TAKEN

    ranks = sorted(each.number for each in kept.all() if each.state in TAKEN)
    if ranks.index(trial.number) < trials:
        return True
    kept.fail(trial)
    return False
