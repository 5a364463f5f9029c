"""Curves over the batch: what they keep, how close straight lines come, and what lies outside."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from convatlas.catalogue.curve import TOLERANCE, Curve, Reading, bisected, curve_from, thinned


def waves(batch: int) -> float:
    """A time that grows by whole waves of blocks, as on a card with many processors."""
    return 0.2 + math.ceil(batch * 7 / 48)


def test_a_known_batch_is_read_as_it_is_and_others_between() -> None:
    curve = Curve((1, 2, 4), (1.0, 3.0, 4.0), (4,))
    assert curve.at(2) == Reading(3.0, False, True)
    assert curve.at(3) == Reading(3.5, True, False)  # one of its neighbours is less sure
    assert curve.at(5) is None
    assert Curve((2, 4), (1.0, 2.0)).at(1) is None


@given(st.dictionaries(st.integers(1, 200), st.floats(0.5, 100), min_size=2, max_size=30))
def test_thinning_keeps_every_batch_within_the_tolerance_and_powers_of_two_as_they_are(values: dict[int, float]) -> None:
    values |= {1: 1.0, 256: 100.0}
    curve = thinned(values)
    for batch, value in values.items():
        found = curve.at(batch)
        assert found is not None
        assert abs(found.value / value - 1) <= TOLERANCE
        if batch & (batch - 1) == 0:
            assert not found.interpolated


def test_a_curve_comes_back_from_its_text() -> None:
    for curve in (Curve((1, 2, 4), (0.5, 3e-07, 4.0), (2, 4)), Curve((2, 4), (7, 123456789012))):
        assert curve_from(curve.to_text()) == curve


def test_a_straight_line_needs_its_powers_of_two_alone() -> None:
    assert thinned({batch: 2.0 * batch for batch in range(1, 33)}).batches == (1, 2, 4, 8, 16, 32)


def test_waves_need_the_batches_where_they_break() -> None:
    curve = thinned({batch: waves(batch) for batch in range(1, 65)})
    assert len(curve.batches) > 12


def test_bisecting_computes_little_where_a_figure_is_straight_and_more_where_it_bends() -> None:
    powers = [2**exponent for exponent in range(9)]
    straight = bisected(lambda batch: 5.0 + batch, powers)
    bent = bisected(lambda batch: max(100.0, 3.0 * batch), powers)
    assert len(straight.batches) == 3
    assert len(bent.batches) > len(straight.batches)
    for batch in powers:
        found = bent.at(batch)
        assert found is not None
        assert abs(found.value / max(100.0, 3.0 * batch) - 1) <= 0.01
