"""What a search found: its trials, the best of them, and the front."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import ConvatlasError
from .drive.trials import Trials
from .limits import Candidate, Limits
from .score.scores import Score
from .space import Space


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


def rows_of(kept: Trials) -> list[Row]:
    """The finished trials of a storage, those that were ended early too."""
    from optuna.trial import TrialState

    rows = []
    for trial in kept.all():
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            known = trial.user_attrs
            candidate = Candidate(**{name: known[name] for name in Candidate._fields})
            seconds = trial.duration.total_seconds() if trial.duration else 0.0
            rows.append(Row(trial.number, candidate, trial.values[0] if trial.values else None, seconds))
    return rows


def importance_of(kept: Trials) -> dict[str, float]:
    """The share of the score's variance that each choice tells, by Optuna's fANOVA."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    complete = [trial for trial in kept.all() if trial.state == TrialState.COMPLETE]
    if len(complete) < 4 or len({trial.values[0] for trial in complete}) < 2:
        return {}
    return dict(
        get_param_importances(kept.study, evaluator=FanovaImportanceEvaluator(seed=0), target=lambda trial: trial.values[0])
    )
