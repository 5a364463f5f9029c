"""Fitting coefficients: recovered from times made of known ones, and never negative."""

from __future__ import annotations

import numpy as np
import pytest

from convatlas.devices.card import card
from convatlas.devices.conditions import Conditions
from convatlas.devices.fit import FOLDS, coverage, fit, fitted_profile, odd_ones, within
from convatlas.devices.observation import Observation
from convatlas.devices.profile import LEAST_SHARE, from_json
from convatlas.errors import ConvatlasError

TRUE = {"conv/a/flops": 0.5, "pointwise": 0.3, "launch": 2.0, "never": 0.0}


def made(count: int, noise: float = 0.0, seed: int = 0) -> list[Observation]:
    """Networks whose times are made of the coefficients of TRUE."""
    draw = np.random.default_rng(seed)
    found = []
    for place in range(count):
        terms = {name: float(draw.uniform(0.1, 1.0)) for name in TRUE}
        least = float(draw.uniform(0.5, 1.0))
        seconds = LEAST_SHARE * least + sum(TRUE[name] * value for name, value in terms.items())
        found.append(
            Observation(f"net{place}", f"family{place % 12}", seconds * float(np.exp(noise * draw.standard_normal())), least, terms)
        )
    return found


def test_times_made_of_known_coefficients_give_them_back() -> None:
    found = fit(made(200))
    for name, value in TRUE.items():
        assert found.coefficients.get(name, 0.0) == pytest.approx(value, abs=0.05)
    assert within(found.left_out, 0.02) > 0.99
    assert within(found.families_left_out, 0.02) > 0.99


def test_no_coefficient_is_negative_where_a_term_would_want_one() -> None:
    negative = [
        Observation(each.network, each.family, each.seconds - 0.4 * each.terms["never"], each.least, each.terms)
        for each in made(100)
    ]
    assert all(value >= 0 for value in fit(negative).coefficients.values())


def test_a_left_out_network_has_no_part_in_its_own_prediction() -> None:
    honest, wrong = made(60), made(60)
    wrong[7] = Observation(wrong[7].network, wrong[7].family, 50 * wrong[7].seconds, wrong[7].least, wrong[7].terms)
    predicted = [fit(each).left_out[7] + np.log(each[7].seconds) for each in (honest, wrong)]
    assert predicted[0] == pytest.approx(predicted[1], abs=0.01)


def test_a_row_that_contradicts_the_others_is_named() -> None:
    observations = made(60, noise=0.02)
    odd = observations[3]
    observations[3] = Observation(odd.network, odd.family, 3 * odd.seconds, odd.least, odd.terms)
    ((network, ratio),) = odd_ones(observations, fit(observations))
    assert network == "net3"
    assert ratio == pytest.approx(1 / 3, rel=0.1)


def test_an_interval_of_90_percent_covers_about_as_many() -> None:
    assert 0.85 <= coverage(fit(made(400, noise=0.05)).left_out) <= 0.95


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(ConvatlasError, match=f"{FOLDS} timings are too few to fit on; 20 networks are the least"):
        fit(made(FOLDS))


def test_a_profile_comes_back_from_its_text() -> None:
    observations = made(60, noise=0.03)
    profile = fitted_profile("a-name", card("rtx3090"), Conditions(), observations, fit(observations), 1.0, "made up")
    assert from_json(profile.to_json(), "here") == profile
    assert profile.networks == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"format": 1', '"format": 9'), "no profile of format 1"),
        (('"passes"', '"lapses"'), "a damaged profile"),
        (('"pointwise": ', '"pointwise": -'), "a coefficient must be a number of at least 0, pointwise is -"),
        (('"bandwidth"', '"bandwith"'), "the datasheet lacks bandwidth"),
    ],
)
def test_a_damaged_profile_is_refused_with_its_place(change: tuple[str, str], message: str) -> None:
    observations = made(60)
    text = fitted_profile("a-name", card("rtx3090"), Conditions(), observations, fit(observations), 1.0, "").to_json()
    with pytest.raises(ConvatlasError, match=f"mine.json: .*{message}"):
        from_json(text.replace(*change), "mine.json")
