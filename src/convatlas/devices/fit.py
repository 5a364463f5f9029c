"""Fit a profile's coefficients to timings, and say how good they are on networks that were left out. Needs scipy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvatlasError
from .card import Card
from .conditions import Conditions
from .cuda.priors import expected
from .observation import Observation, seen_shares
from .profile import LEAST_SHARE, Profile

Array = NDArray[np.float64]
_RIDGE = 0.002  # weight of a coefficient's distance from what is expected
_TOLERATED = 0.02  # relative error below which the loss is quadratic; above it is linear, so that odd rows do not decide
_ROUNDS = 12
FOLDS = 5
FAMILY_FOLDS = 8
_FEWEST = 20  # networks


@dataclass(frozen=True)
class Fit:
    """Coefficients, and errors of predictions for networks that had no part in the fit: log(predicted / measured), by observation."""

    coefficients: dict[str, float]
    left_out: Array  # single networks left out
    families_left_out: Array


def fit(observations: Sequence[Observation], prior: Callable[[str], float] = expected) -> Fit:
    """Fit coefficients that are never negative to the observations.

    Minimised is the sum of sqrt(e^2 + 0.02^2) over e = log(predicted / measured), and 0.002 x the squared distances of the
    coefficients from what is expected of them.

    Raises:
        ConvatlasError: there are too few networks.

    """
    if len({each.network for each in observations}) < _FEWEST:
        raise ConvatlasError(f"{len(observations)} timings are too few to fit on; {_FEWEST} networks are the least")
    problem = _Problem(observations, prior)
    coefficients = problem.solve(np.ones(len(observations), dtype=bool))
    return Fit(
        {name: float(value) for name, value in zip(problem.names, coefficients, strict=True) if value > 0},
        problem.left_out([each.network for each in observations], FOLDS),
        problem.left_out([each.family for each in observations], FAMILY_FOLDS),
    )


class _Problem:
    def __init__(self, observations: Sequence[Observation], prior: Callable[[str], float]) -> None:
        self.names = sorted({name for each in observations for name in each.terms})
        seconds = np.array([each.seconds for each in observations])
        terms = np.array([[each.terms.get(name, 0.0) for name in self.names] for each in observations])
        self.shares = terms / seconds[:, None]
        self.least = LEAST_SHARE * np.array([each.least for each in observations]) / seconds
        self.prior = np.array([prior(name) for name in self.names])

    def solve(self, rows: NDArray[np.bool_]) -> Array:
        """Coefficients from some of the rows: Gauss-Newton on the reweighted errors, each step without negative values."""
        shares, least = self.shares[rows], self.least[rows]
        found = _non_negative(shares * 10**0.5, (1 - least) * 10**0.5, self.prior, _RIDGE)
        best = self._loss(found, shares, least)
        for _ in range(_ROUNDS):
            ratio = np.maximum(shares @ found + least, 1e-3)
            error = np.log(ratio)
            weight = (error**2 + _TOLERATED**2) ** -0.25
            slope = shares / ratio[:, None]
            proposed = _non_negative(slope * weight[:, None], (slope @ found - error) * weight, self.prior, 2 * _RIDGE)
            step, change = 1.0, proposed - found
            while step > 0.05 and self._loss(found + step * change, shares, least) > best:
                step /= 2
            loss = self._loss(found + step * change, shares, least)
            if loss > best * (1 - 1e-4):
                break
            found, best = found + step * change, loss
        return found

    def _loss(self, coefficients: Array, shares: Array, least: Array) -> float:
        error = np.log(np.maximum(shares @ coefficients + least, 1e-6))
        return float(np.sqrt(error**2 + _TOLERATED**2).sum() + _RIDGE * ((coefficients - self.prior) ** 2).sum())

    def left_out(self, groups: Sequence[str], folds: int) -> Array:
        """Errors of each row, predicted from rows of other groups only."""
        names = sorted(set(groups))
        np.random.default_rng(0).shuffle(names)
        fold_of = {name: place % folds for place, name in enumerate(names)}
        fold = np.array([fold_of[group] for group in groups])
        errors = np.zeros(len(groups))
        for each in range(folds):
            out = fold == each
            if out.any() and not out.all():
                errors[out] = np.log(self.shares[out] @ self.solve(~out) + self.least[out])
        return errors


def _non_negative(matrix: Array, target: Array, prior: Array, ridge: float) -> Array:
    """Least squares with a pull to the prior and no negative value."""
    from scipy.optimize import nnls

    normal = matrix.T @ matrix + ridge * np.eye(len(prior))
    root = np.linalg.cholesky(normal)
    return np.asarray(nnls(root.T, np.linalg.solve(root, matrix.T @ target + ridge * prior), maxiter=30 * len(prior))[0])


def within(errors: Array, share: float) -> float:
    """The share of predictions that lie within a share of the measured time."""
    return float((np.abs(np.expm1(errors)) <= share).mean())


def median_error(errors: Array) -> float:
    """The median of |predicted / measured - 1|."""
    return float(np.median(np.abs(np.expm1(errors))))


def by_family(observations: Sequence[Observation], errors: Iterable[float]) -> dict[str, tuple[int, float]]:
    """For each family, how many timings there are, and the median of their errors |predicted / measured - 1|."""
    groups: dict[str, list[float]] = defaultdict(list)
    for each, error in zip(observations, errors, strict=True):
        groups[each.family].append(error)
    return {name: (len(found), median_error(np.array(found))) for name, found in sorted(groups.items())}


def fitted_profile(
    name: str, card: Card, conditions: Conditions, observations: Sequence[Observation], found: Fit, passes: float, source: str
) -> Profile:
    """The profile of a fit, with how it did on networks that were left out."""
    errors = {"networks": found.left_out, "families": found.families_left_out}
    validation: dict[str, Any] = {
        what: {
            "within_10_percent": round(within(error, 0.1), 3),
            "within_5_percent": round(within(error, 0.05), 3),
            "median_error": round(median_error(error), 4),
        }
        for what, error in errors.items()
    }
    validation["by_family"] = {
        family: [count, round(error, 3)] for family, (count, error) in by_family(observations, found.families_left_out).items()
    }
    ordinary, unfamiliar = (
        tuple(round(float(quantile), 4) for quantile in np.quantile(error, [0.05, 0.95]))
        for error in (found.left_out, found.families_left_out)
    )
    return Profile(
        name=name, card=card, conditions=conditions, passes=passes, source=source, networks=len(observations), validation=validation,
        coefficients={term: float(f"{value:.4g}") for term, value in found.coefficients.items()},
        interval={"ordinary": (ordinary[0], ordinary[1]), "unfamiliar": (unfamiliar[0], unfamiliar[1])},
        seen={kind: round(share, 4) for kind, share in seen_shares(observations, found.coefficients).items()},
    )  # fmt: skip


def odd_ones(observations: Sequence[Observation], found: Fit) -> list[tuple[str, float]]:
    """Networks whose measured time contradicts the others', with predicted / measured when they were left out."""
    spread = float(np.median(np.abs(found.left_out)))
    limit = max(0.25, 8 * spread)
    odd = [
        (each.network, float(np.exp(error))) for each, error in zip(observations, found.left_out, strict=True) if abs(error) > limit
    ]
    return sorted(odd, key=lambda item: -abs(np.log(item[1])))


def coverage(errors: Array) -> float:
    """How many errors lie in the 90 % interval of the other half's, by turns."""
    halves = [errors[::2], errors[1::2]]
    covered = [
        ((np.quantile(one, 0.05) <= other) & (other <= np.quantile(one, 0.95))).sum() for one, other in (halves, halves[::-1])
    ]
    return float(sum(covered) / len(errors))
