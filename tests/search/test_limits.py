"""Limits are hard: nothing that breaks one comes through, and what comes through is drawn from all that keep them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convatlas.api import training_memory
from convatlas.errors import ConvatlasError
from convatlas.search.limits import Gate, Limits
from convatlas.search.space import ResidualSpace


def tiny() -> ResidualSpace:
    return ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8), (8, 16)), depths=(1, 2), ratios=(1,), groups=(1, 2))


def test_drawn_candidates_keep_every_limit() -> None:
    limits = Limits(max_params=8_000, max_macs=120_000, max_train_memory_bytes=2_600_000, max_latency_ms=2.0, device="rtx4090")
    gate = Gate(tiny(), limits)
    random = np.random.default_rng(0)
    drawn = [gate.draw(random) for _ in range(30)]
    assert all(candidate.params <= 8_000 and candidate.macs <= 120_000 for candidate in drawn)
    assert len({candidate.key for candidate in drawn}) > 5
    one = drawn[0]
    with torch.device("meta"):
        network = gate.space.build(one.values)
    assert one.train_memory_bytes == training_memory(network, (32, 1, 8, 8)).peak_bytes <= 2_600_000


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_params": 100}, "no network of residual was found within the limits; the closest has [0-9,]+ parameters"),
        ({"max_train_memory_bytes": 1000}, "the closest has a training step of"),
    ],
)
def test_limits_that_nothing_meets_show_the_closest(limits: dict[str, float], message: str) -> None:
    with pytest.raises(ConvatlasError, match=message):
        Gate(tiny(), Limits(**limits)).draw(np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_params": -1}, "max_params` .=-1. must be a number above 0"),
        ({"max_macs": float("nan")}, "max_macs"),
        ({"max_latency_ms": 2.0}, "needs a device"),
    ],
)
def test_limits_without_sense_are_refused(limits: dict[str, float], message: str) -> None:
    with pytest.raises(ConvatlasError, match=message):
        Limits(**limits)  # type: ignore[arg-type]


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConvatlasError, match="rtx4091"):
        Gate(tiny(), Limits(device="rtx4091", max_latency_ms=1.0))
