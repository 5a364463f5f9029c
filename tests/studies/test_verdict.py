"""Verdicts against Student's t by hand: for three seeds the 97.5 % quantile is 4.3027."""

from __future__ import annotations

import math

import pytest

from convatlas.studies.design import Contrast
from convatlas.studies.verdict import judge

QUANTILE = 4.302652729911275  # of Student's t with 2 degrees of freedom, from printed tables


def contrast(expected: str) -> Contrast:
    return Contrast(statement="Deep is worse", measure="train_loss", weights={"deep": 1, "shallow": -1}, expected=expected)  # type: ignore[arg-type]


def rows(differences: list[float]) -> list[dict[str, object]]:
    deep = [{"arm": "deep", "seed": seed, "train_loss": 1 + value} for seed, value in enumerate(differences)]
    return [*deep, *({"arm": "shallow", "seed": seed, "train_loss": 1.0} for seed in range(len(differences)))]


def test_the_interval_is_students() -> None:
    verdict = judge(contrast("above"), rows([0.1, 0.2, 0.3]))
    margin = QUANTILE * 0.1 / math.sqrt(3)
    assert verdict.mean == pytest.approx(0.2)
    assert verdict.interval == pytest.approx((0.2 - margin, 0.2 + margin))
    assert verdict.p_value == pytest.approx(0.0742, abs=1e-4)  # t = 3.4641, two degrees of freedom


@pytest.mark.parametrize(
    ("differences", "expected", "finding"),
    [
        ([0.5, 0.51, 0.52], "above", "seen"),
        ([0.5, 0.51, 0.52], "below", "the opposite was seen"),
        ([-0.5, -0.51, -0.52], "below", "seen"),
        ([-0.1, 0.1, 0.3], "above", "not seen"),
        ([-0.1, 0.1, 0.3], "below", "not seen"),
        ([-0.1, 0.1, 0.3], "not above", "not contradicted"),
        ([-0.5, -0.51, -0.52], "not above", "seen"),
        ([0.5, 0.51, 0.52], "not above", "the opposite was seen"),
        ([0.5], "above", "not decided"),
    ],
)
def test_a_finding_follows_from_the_interval(differences: list[float], expected: str, finding: str) -> None:
    verdict = judge(contrast(expected), rows(differences))
    assert verdict.finding == finding
    assert f": {finding} (" in verdict.sentence()


def test_only_complete_seeds_count() -> None:
    incomplete = [row for row in rows([0.1, 0.2, 0.3]) if (row["arm"], row["seed"]) != ("shallow", 2)]
    assert judge(contrast("above"), incomplete).values == pytest.approx((0.1, 0.2))


def test_no_complete_seed_is_said() -> None:
    with pytest.raises(ValueError, match="no seed has a run of each of deep, shallow"):
        judge(contrast("above"), [row for row in rows([0.1]) if row["arm"] == "deep"])
