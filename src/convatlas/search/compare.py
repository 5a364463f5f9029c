"""Two spaces compared by the distributions of what networks drawn from them are worth: Radosavovic et al. 2020 (arXiv:2003.13678), 3.1.

Networks are drawn at random within the same limits, and scored; a distribution function tells more of a space than its best network does.
Bands and intervals are by bootstrap: the networks drawn again, with repetition, many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..cluster import Cluster
from ..errors import ConvatlasError
from ..train.data import Data, open_data
from .limits import Limits
from .result import Row
from .run import search
from .score.scores import TRAINING, Score
from .space import Space
from .work import WORST, Progress

CONFIDENCE = 0.95
_RESAMPLES = 2000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """The networks that were drawn from a space.

    Attributes:
        name: of the space, as it was asked for.
        size: combinations of options in it, limits aside.
        rows: one a network.
        values: of the measure, from the smallest to the largest; of networks whose score is no number there is none.

    """

    name: str
    size: int
    rows: list[Row]
    values: Floats


@dataclass(frozen=True)
class Distribution:
    """How a measure is distributed.

    Attributes:
        values: from the best to the worst.
        share: of the networks that are at least as good.
        low, high: its 95 % band, point by point, by bootstrap.

    """

    values: Floats
    share: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Comparison:
    """What two spaces came to.

    Attributes:
        drawn: the networks of both.
        measure: what their values are, with its unit.
        errors: whether values are errors, of which less is better.
        limits: that all networks keep.
        difference: of the medians, the first space's less the second's.
        interval: of the difference at 95 %, by bootstrap.
        distance: the largest difference of the two distribution functions (Kolmogorov and Smirnov).
        p_value: of such a distance between samples of one distribution.

    """

    drawn: tuple[Drawn, Drawn]
    measure: str
    errors: bool
    limits: Limits
    difference: float
    interval: tuple[float, float]
    distance: float
    p_value: float

    @property
    def better(self) -> str | None:
        """The space whose median is better by more than the interval leaves open; None where neither is."""
        low, high = self.interval
        if low <= 0 <= high:
            return None
        return self.drawn[(high < 0) != self.errors].name

    def distribution(self, drawn: Drawn) -> Distribution:
        """The distribution function of one of the two, with its band."""
        values = drawn.values if self.errors else drawn.values[::-1]
        rank = np.arange(1, len(values) + 1)
        again = _again(len(values))
        counts = np.stack([np.bincount(row, minlength=len(values)) for row in again])
        shares = np.cumsum(counts, axis=1) / len(values)
        last = np.searchsorted(values if self.errors else -values, values if self.errors else -values, side="right") - 1
        low, high = np.percentile(shares, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)], axis=0)
        return Distribution(values, (rank / len(values))[last], low[last], high[last])

    def sentence(self) -> str:
        """Which space is better, and by how much; or that it cannot be told."""
        first, second = self.drawn
        low, high = self.interval
        kind, unit = ("error", " %") if self.errors else ("score", "")
        medians = [f"{np.median(each.values):.4g}{unit}" for each in self.drawn]
        if self.better is None:
            said = f"It cannot be told which is better: {first.name} has a median {kind} of {medians[0]}, {second.name} of {medians[1]}"
        else:
            place = [each.name for each in self.drawn].index(self.better)
            said = f"{self.better} has the {'lower' if self.errors else 'higher'} median {kind}: {medians[place]} against {medians[1 - place]}"
        agree = "differ" if self.p_value < 1 - CONFIDENCE else "may be one"
        return (
            f"{said}; {first.name} less {second.name} is {self.difference:+.3g}, with a 95 % interval of {low:+.3g} to {high:+.3g} by bootstrap. "
            f"The distributions {agree} (Kolmogorov-Smirnov: largest distance {self.distance:.2f}, p = {self.p_value:.2g}; "
            f"{len(first.values)} and {len(second.values)} networks)."
        )

    def records(self) -> list[dict[str, Any]]:
        """A row of plain data for each network: its space, the measure's value, score and costs, and its choices in one text."""
        found = []
        for drawn in self.drawn:
            for row in drawn.rows:
                costs = {key: value for key, value in row.candidate._asdict().items() if key not in ("values", "key")}
                choices = ", ".join(f"{name}={value}" for name, value in row.candidate.values.items())
                found.append({"space": drawn.name, "value": self.value(row), "score": row.score, **costs, "choices": choices})
        return found

    def value(self, row: Row) -> float | None:
        """The measure's value of a network; None where its score is no number."""
        return _value(row, self.errors)


def compare_spaces(
    spaces: Mapping[str, str | Space | Callable[..., nn.Module]],
    *,
    limits: Limits | None = None,
    score: str | Score = TRAINING,
    networks: int = 50,
    folder: str | Path | None = None,
    seed: int = 0,
    data: str | Path | Data | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    input_size: tuple[int, int, int] | None = None,
    ray: str | Cluster | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Draw networks from two spaces, score them, and compare the distributions.

    Args:
        spaces: two, by the names that they are to have; as `search` takes them.
        limits: that all networks keep; ``min_macs`` and ``max_macs`` make a band, in which spaces are compared at equal cost.
        score: "train", whose measure is the error in percent, a proxy's name, or a `Score`.
        networks: of each space, none twice; all of them where there are fewer within the limits.
        folder: for the trials, so that a comparison goes on where it stopped; None keeps them in memory.
        seed: of what is drawn, of initial weights, and of the training.
        data: as `train` takes it.
        epochs: of training; None for the recipe's.
        batch: images a step of training; None for the recipe's.
        input_size: (C, H, W); None for the data's or 3x224x224.
        ray: a Ray cluster to score networks on, as `search` takes it.
        progress: told how many networks of how many are done, and the last.

    Raises:
        ConvatlasError: as `search` does; or there are not two spaces, or not two networks with a score of each.

    """
    if len(spaces) != 2:
        raise ConvatlasError(f"two spaces are compared, and these are {len(spaces)}: {', '.join(spaces) or 'none'}")
    if networks < 2:
        raise ConvatlasError(f"`networks` (={networks}) must be at least 2: of one there is no distribution")
    opened = open_data(data) if isinstance(data, str | Path) else data
    errors = (score if isinstance(score, str) else score.name) == TRAINING
    drawn, meanings = [], []
    for place, (name, space) in enumerate(spaces.items()):
        found = search(
            space, limits=limits, score=score, driver="random", trials=networks, seed=seed, data=opened, epochs=epochs, batch=batch,
            storage=None if folder is None else Path(folder) / f"space{place + 1}.db", input_size=input_size, prune=False, ray=ray,
            progress=None if progress is None else _after(progress, place * networks, networks * len(spaces), name),
        )  # fmt: skip
        values = sorted(value for row in found.rows if (value := _value(row, errors)) is not None)
        if len(values) < 2:
            raise ConvatlasError(f"{len(values)} networks of {name} have a score, and a distribution needs 2 at least")
        drawn.append(Drawn(name, found.space.size, found.rows, np.array(values)))
        meanings.append(found.score.meaning)
    measure = meanings[0].replace("accuracy", "error") if errors else meanings[0]
    return compared((drawn[0], drawn[1]), measure, errors, limits or Limits())


def compared(drawn: tuple[Drawn, Drawn], measure: str, errors: bool, limits: Limits) -> Comparison:
    """The comparison of networks that are drawn and scored."""
    from scipy.stats import ks_2samp

    first, second = (np.median(each.values[_again(len(each.values), place)], axis=1) for place, each in enumerate(drawn))
    low, high = np.percentile(first - second, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    medians = [float(np.median(each.values)) for each in drawn]
    apart = ks_2samp(drawn[0].values, drawn[1].values)
    return Comparison(
        drawn,
        measure,
        errors,
        limits,
        medians[0] - medians[1],
        (float(low), float(high)),
        float(apart.statistic),
        float(apart.pvalue),
    )


def _again(count: int, seed: int = 0) -> NDArray[np.int64]:
    """Bootstrap samples (resamples, count): which of the networks each one has."""
    return np.random.default_rng(seed).integers(count, size=(_RESAMPLES, count))


def _value(row: Row, errors: bool) -> float | None:
    if row.score is None or row.score <= WORST:
        return None
    return 100 - row.score if errors else row.score


def _after(progress: Progress, before: int, of: int, name: str) -> Progress:
    return lambda done, trials, last: progress(before + done, of, f"{name}, {last}")
