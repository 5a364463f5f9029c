"""Whether what the notes say was seen: a contrast's value in each seed, its interval, and a sentence that follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from ..errors import ConvatlasError
from .design import MEASURES, Contrast

CONFIDENCE = 0.95
Finding = Literal["seen", "not seen", "not contradicted", "the opposite was seen", "not decided"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a contrast came to.

    Attributes:
        values: the contrast in each seed; the seeds are paired, since each arm has the same ones.
        mean: of the values.
        interval: of the mean at 95 %, by Student's t; None for fewer than two seeds.
        p_value: two-sided, of a mean of 0; None for fewer than two seeds, or where all values are equal.

    """

    contrast: Contrast
    values: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None
    p_value: float | None

    @property
    def finding(self) -> Finding:
        """By the interval: it lies on the expected side of 0, on the other, or includes 0."""
        if self.interval is None:
            return "not decided"
        low, high = self.interval
        match self.contrast.expected:
            case "above":
                return "seen" if low > 0 else "the opposite was seen" if high < 0 else "not seen"
            case "below":
                return "seen" if high < 0 else "the opposite was seen" if low > 0 else "not seen"
            case "not above":
                return "the opposite was seen" if low > 0 else "seen" if high <= 0 else "not contradicted"

    def sentence(self) -> str:
        """The statement, what became of it, and by how much."""
        seeds = len(self.values)
        contrast = self.contrast
        terms = " ".join(f"{'+' if weight > 0 else '-'} {_times(abs(weight))}{arm}" for arm, weight in contrast.weights.items())
        value = f"{MEASURES[contrast.measure]}, {terms.removeprefix('+ ')} = {_shown(self.mean)}"
        if self.interval is None:
            return f"{contrast.statement}: not decided ({value}; one seed has no interval)."
        low, high = self.interval
        p = "" if self.p_value is None else f", p = {self.p_value:.2g}"
        return f"{contrast.statement}: {self.finding} ({value}, 95 % interval {_shown(low)} to {_shown(high)}{p}, {seeds} seeds)."


def judge(contrast: Contrast, rows: Sequence[Mapping[str, object]]) -> Verdict:
    """The verdict over the seeds that every arm of the contrast has a row of.

    Raises:
        ConvatlasError: no seed is complete.

    """
    seeds = sorted({int(str(row["seed"])) for row in rows})
    found = {(row["arm"], int(str(row["seed"]))): float(str(row[contrast.measure])) for row in rows}
    values = [
        sum(weight * found[arm, seed] for arm, weight in contrast.weights.items())
        for seed in seeds
        if all((arm, seed) in found for arm in contrast.weights)
    ]
    if not values:
        raise ConvatlasError(f"no seed has a run of each of {', '.join(contrast.weights)}")
    interval = interval_of(values)
    spread = len(set(values)) > 1
    p_value = float(stats.ttest_1samp(values, 0.0).pvalue) if spread else None
    return Verdict(contrast=contrast, values=tuple(values), mean=float(np.mean(values)), interval=interval, p_value=p_value)


def interval_of(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean, by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))
    mean = float(np.mean(values))
    return mean - margin, mean + margin


def _times(weight: float) -> str:
    return "" if weight == 1 else f"{weight:g} x "


def _shown(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.3g}"
