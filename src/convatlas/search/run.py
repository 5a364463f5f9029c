"""A search: candidates proposed within the limits, scored, and kept, until there are enough trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import nn

from ..errors import ConvatlasError
from ..train.data import Data, open_data
from .limits import Candidate, Gate, Limits
from .score.scores import TRAINING, Score, score_of
from .space import Space, space_of

if TYPE_CHECKING:
    from optuna import Trial

    from .drive.trials import Trials

Progress: TypeAlias = "Callable[[int, int, str], None]"
AGAINST = ("params", "macs", "latency_ms", "train_memory_bytes")
_WAIT_SECONDS = 0.5
_WORST = -1e30  # in place of a score that is no number, which storages do not take


@dataclass(frozen=True)
class Row:
    """A finished trial.

    Attributes:
        number: of the trial.
        candidate: the network with its costs.
        score: the larger the better; None where it was ended early.
        seconds: that it took.

    """

    number: int
    candidate: Candidate
    score: float | None
    seconds: float

    def record(self) -> dict[str, Any]:
        """The row as plain data."""
        costs = {key: value for key, value in self.candidate._asdict().items() if key not in ("values", "key")}
        return {"trial": self.number, "score": self.score, **costs, "seconds": round(self.seconds, 2), **self.candidate.values}


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        space, limits, score: that it was asked with.
        driver: who proposed.
        rows: one a finished trial, in order.
        against: the cost that fronts are drawn against.
        importance: of each choice for the score, adding up to 1; {} where that cannot be told.

    """

    space: Space
    limits: Limits
    score: Score
    driver: str
    rows: list[Row]
    against: str
    importance: dict[str, float]

    @property
    def best(self) -> Row:
        """The finished trial with the highest score; of equal ones that of fewer MACs.

        Raises:
            ConvatlasError: none was finished.

        """
        scored = [row for row in self.rows if row.score is not None]
        if not scored:
            raise ConvatlasError("no trial was finished, so there is no winner; give more --trials")
        return max(scored, key=lambda row: (row.score or 0.0, -row.candidate.macs))

    @property
    def front(self) -> list[Row]:
        """The rows that no other beats in both score and cost, by rising cost."""
        found: list[Row] = []
        scored = [row for row in self.rows if row.score is not None]
        for row in sorted(scored, key=lambda row: (self.cost(row), -(row.score or 0.0))):
            if not found or (row.score or 0.0) > (found[-1].score or 0.0):
                found.append(row)
        return found

    def cost(self, row: Row) -> float:
        """The cost of a row that fronts are drawn against."""
        value = getattr(row.candidate, self.against)
        return float(value) if value is not None else math.inf

    def source(self) -> str:
        """The winner as a Python file that needs torch alone."""
        return self.space.source(self.best.candidate.values)


def search(
    space: str | Space | Callable[..., nn.Module],
    *,
    limits: Limits | None = None,
    score: str | Score = TRAINING,
    driver: str = "evolution",
    trials: int = 50,
    storage: str | Path | None = None,
    seed: int = 0,
    data: str | Path | Data | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    input_size: tuple[int, int, int] | None = None,
    against: str = "macs",
    progress: Progress | None = None,
) -> Search:
    """Look for the network of a space that scores best within hard limits.

    Args:
        space: "residual", "mobile", "regnet", "cells", a `Space`, "file.py:function" or a function (see `space_of`).
        limits: that every candidate keeps; what breaks one is never scored.
        score: "train", a proxy's name (which trains nothing), or a `Score`.
        driver: "random", "evolution", "tpe", or "nsga2", which looks for the whole front of score and cost.
        trials: how many in the storage in the end, those of other processes included.
        storage: None for this process alone; a file of SQLite, a database's URL, or journal:FILE. A search goes on where it stopped.
        seed: of proposals and of initial weights.
        data: as `train` takes it; "train" needs it, and a space by name takes classes and size of it.
        epochs: of training; None for the recipe's.
        batch: images a step of training; None for the recipe's.
        input_size: (C, H, W); None for the data's or 3x224x224.
        against: the cost that the front is of: "params", "macs", "latency_ms" or "train_memory_bytes".
        progress: told how many trials of how many are done, and the last.

    Raises:
        ConvatlasError: nothing keeps the limits, something that was asked for does not exist, a candidate does not build, or the
            storage cannot be reached; finished trials are kept.

    """
    try:
        from optuna.pruners import SuccessiveHalvingPruner

        from .drive.samplers import ExhaustedError, sampler
        from .drive.trials import Trials
    except ImportError:
        raise ConvatlasError('a search needs Optuna: pip install "convatlas[search]"') from None
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ConvatlasError(f"`trials` (={trials!r}) must be a whole number of at least 1")
    limits = limits or Limits()
    if against not in AGAINST or (against == "latency_ms" and limits.device is None):
        raise ConvatlasError(f"`against` (={against!r}) must be one of {', '.join(AGAINST)}; a time needs a device")
    opened = open_data(data) if isinstance(data, str | Path) else data
    found = space_of(space, input_size or _size_of(opened), len(opened.classes) if opened else None)
    scored = score_of(score, found, opened, epochs, batch) if isinstance(score, str) else score
    gate = Gate(found, limits)
    proposer = sampler(driver, gate, seed)
    conditions = {
        "space": found.name, "choices": {choice.name: choice.options for choice in found.choices}, "input_size": found.input_size,
        "classes": found.num_classes, "limits": limits.record(), "score": scored.name, "meaning": scored.meaning, "driver": driver,
        "data": str(opened.name) if opened else "", "epochs": epochs, "batch": batch, "seed": seed,
    }  # fmt: skip
    multiple = driver == "nsga2"
    pruner = SuccessiveHalvingPruner(reduction_factor=3) if scored.name == TRAINING and not multiple else None
    kept = Trials(storage, found.name, conditions, proposer, 2 if multiple else 1, pruner)
    try:
        _work(kept, gate, scored, trials, seed, against if multiple else None, progress)
    except ExhaustedError:
        if not _rows(kept):
            raise
    return Search(found, limits, scored, driver, _rows(kept), against, _importance(kept))


def _size_of(data: Data | None) -> tuple[int, int, int] | None:
    return (data.channels, data.size, data.size) if data is not None and data.size is not None else None


def _work(kept: Trials, gate: Gate, score: Score, trials: int, seed: int, against: str | None, progress: Progress | None) -> None:
    """Do trials until the storage has enough; those that another process is at are waited for, since it may die."""
    from .drive.samplers import TAKEN, row_of

    def candidate_of(trial: Trial) -> Candidate:
        return gate.candidate(row_of(gate.space, trial.params))

    while True:
        kept.take_back()
        taken = [trial for trial in kept.all() if trial.state in TAKEN]
        finished = sum(trial.state.is_finished() for trial in taken)
        if finished >= trials:
            return
        if len(taken) >= trials:
            time.sleep(_WAIT_SECONDS)
            continue
        claimed = kept.claim(candidate_of)
        if claimed is None:
            continue
        trial, candidate = claimed
        ranks = sorted(each.number for each in kept.all() if each.state in TAKEN)
        if ranks.index(trial.number) >= trials:  # another process took the last one at the same time
            kept.fail(trial)
            continue
        try:
            with kept.alive(trial):
                value = _scored(kept, trial, candidate, gate.space, score, seed, prunes=against is None)
        except BaseException:
            kept.fail(trial)
            raise
        if value is None:
            kept.prune(trial)
        else:
            costs = [] if against is None else [float(getattr(candidate, against))]
            kept.finish(trial, [value if math.isfinite(value) else _WORST, *costs])
        if progress is not None:
            progress(finished + 1, trials, f"trial {trial.number}: {'ended early' if value is None else f'{value:.4g}'}")


def _scored(
    kept: Trials, trial: Trial, candidate: Candidate, space: Space, score: Score, seed: int, *, prunes: bool
) -> float | None:
    """The score, or None where the trial was ended early."""
    ended = False

    def report(step: int, value: float) -> bool:
        nonlocal ended
        if prunes:
            trial.report(value, step)
            ended = trial.should_prune()
        return ended

    value = score(lambda: space.build(candidate.values), seed, report)
    return None if ended else value


def _rows(kept: Trials) -> list[Row]:
    from optuna.trial import TrialState

    rows = []
    for trial in kept.all():
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            known = trial.user_attrs
            candidate = Candidate(**{name: known[name] for name in Candidate._fields})
            seconds = trial.duration.total_seconds() if trial.duration else 0.0
            rows.append(Row(trial.number, candidate, trial.values[0] if trial.values else None, seconds))
    return rows


def _importance(kept: Trials) -> dict[str, float]:
    """The share of the score's variance that each choice tells, by Optuna's fANOVA."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    complete = [trial for trial in kept.all() if trial.state == TrialState.COMPLETE]
    if len(complete) < 4 or len({trial.values[0] for trial in complete}) < 2:
        return {}
    return dict(
        get_param_importances(kept.study, evaluator=FanovaImportanceEvaluator(seed=0), target=lambda trial: trial.values[0])
    )
