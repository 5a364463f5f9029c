"""Samples that others spoiled do not decide, and a machine that is never quiet still gives a figure."""

from __future__ import annotations

import pytest

from convatlas.runtime import rounds
from convatlas.runtime.rounds import Sample, interleaved


def timing_of(monkeypatch: pytest.MonkeyPatch, samples: list[Sample], count: int) -> rounds.Timing:
    given = iter(samples)
    monkeypatch.setattr(rounds, "_sample", lambda call: next(given))
    return interleaved({"call": lambda: None}, rounds=count)["call"]


def test_samples_taken_while_others_worked_are_left_out_and_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    timing = timing_of(monkeypatch, [Sample(1.0, 0.0), Sample(9.0, 1.5), Sample(2.0, 0.0), Sample(3.0, 0.0)], 3)
    assert (timing.seconds, timing.samples, timing.left_out, timing.is_quiet) == (2.0, 3, 1, True)


def test_on_a_machine_that_is_never_quiet_the_quietest_samples_count_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    timing = timing_of(monkeypatch, [Sample(5.0, 1.0)] * 3 + [Sample(9.0, 2.0)] * 9, 3)
    assert (timing.seconds, timing.other_cores, timing.is_quiet) == (5.0, 1.0, False)
