"""Who proposes the next candidate: at random, by evolution, or as Optuna's samplers do; always within the limits, and none twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from ...errors import ConvatlasError
from ...names import unknown_name
from ..limits import Gate
from ..space.base import Space

TAKEN = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
DRIVERS = ("random", "evolution", "tpe", "nsga2")
_PROPOSALS = 50  # of a sampler, before a random candidate stands in
_DRAWS = 500  # random ones, before a space is called exhausted


class ExhaustedError(ConvatlasError):
    """Every candidate within the limits, as far as they were found, is taken."""


class Evolution(BaseSampler):
    """Regularised evolution, Real et al. 2019 (arXiv:1802.01548): the best of a few among the latest trials, with one choice changed.

    Args:
        seed: of its draws.
        population: the latest finished trials, of which a parent is taken.
        tournament: how many of them compete.

    """

    def __init__(self, seed: int, population: int = 20, tournament: int = 5) -> None:
        self.population, self.tournament = population, tournament
        self._random = np.random.default_rng(seed)
        self._first = RandomSampler(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Told by `Within`."""
        return {}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """A child of one of the population; nothing until there is one."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(finished) < self.population or not search_space:
            return {}
        latest = finished[-self.population :]
        drawn = [latest[place] for place in self._random.choice(self.population, self.tournament, replace=False)]
        child = dict(max(drawn, key=lambda each: each.values[0]).params)
        name = list(search_space)[int(self._random.integers(len(search_space)))]
        others = [place for place in range(_options(search_space[name])) if place != child[name]]
        child[name] = int(self._random.choice(others))
        return child

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """At random, for the first population."""
        return self._first.sample_independent(study, trial, param_name, param_distribution)


class Within(BaseSampler):
    """What another sampler proposes, as long as it keeps the limits and no trial has it."""

    def __init__(self, gate: Gate, inner: BaseSampler, seed: int) -> None:
        self.gate, self.inner = gate, inner
        self.space = distributions(gate.space)
        self.asked: int | None = None  # the trial that a candidate was asked for last
        self._random = np.random.default_rng(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All choices."""
        return self.space

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """The next candidate, as a position for each choice.

        Raises:
            ConvatlasError: nothing keeps the limits.
            ExhaustedError: what keeps them is taken.

        """
        self.asked = trial.number
        taken = {each.user_attrs.get("key") for each in study.get_trials(deepcopy=False, states=TAKEN)}
        for _ in range(_PROPOSALS):
            found = dict(self.inner.sample_relative(study, trial, search_space))
            for name in search_space:
                if name not in found:
                    found[name] = self.inner.sample_independent(study, trial, name, search_space[name])
            row = row_of(self.gate.space, found)
            if self.gate.passes(row[None])[0]:
                candidate = self.gate.candidate(row)
                if candidate.key not in taken and self.gate.keeps(candidate):
                    return found
        for _ in range(_DRAWS):
            candidate = self.gate.draw(self._random)
            if candidate.key not in taken:
                positions = self.gate.space.positions(candidate.values)
                return {
                    choice.name: place
                    for choice, place in zip(self.gate.space.choices, positions, strict=True)
                    if choice.name in search_space
                }
        raise ExhaustedError(
            f"all {len(taken)} networks of {self.gate.space.name} that keep the limits have been tried; nothing is left"
        )

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """Never needed: candidates come whole."""
        raise AssertionError(param_name)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let the other sampler know."""
        self.inner.after_trial(study, trial, state, values)


def sampler(driver: str, gate: Gate, seed: int) -> Within:
    """A driver by its name.

    Raises:
        ConvatlasError: there is no such driver.

    """
    if driver not in DRIVERS:
        raise unknown_name("driver", driver, DRIVERS, f"there are {', '.join(DRIVERS)}")
    inners: dict[str, Callable[[], BaseSampler]] = {
        "random": lambda: RandomSampler(seed),
        "evolution": lambda: Evolution(seed),
        "tpe": lambda: TPESampler(seed=seed, multivariate=True),
        "nsga2": lambda: NSGAIISampler(seed=seed, population_size=20),
    }
    return Within(gate, inners[driver](), seed)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The choices in Optuna's words: positions among the options; a choice of one option is none."""
    return {
        choice.name: IntDistribution(0, len(choice.options) - 1)
        if choice.ordered
        else CategoricalDistribution(range(len(choice.options)))
        for choice in space.choices
        if len(choice.options) > 1
    }


def row_of(space: Space, found: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions by name as a row of the space."""
    return np.array([found.get(choice.name, 0) for choice in space.choices], np.int64)


def _options(distribution: BaseDistribution) -> int:
    if isinstance(distribution, IntDistribution):
        return distribution.high + 1
    assert isinstance(distribution, CategoricalDistribution)
    return len(distribution.choices)
