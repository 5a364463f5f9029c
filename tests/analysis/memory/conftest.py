"""Small networks, and what is measured of a real step, for the tests of the memory simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import convatlas as ca
from convatlas.analysis.memory import Settings, TrainingMemory, training_memory
from convatlas.measure.memory import measure_training


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def _settings(**options: Any) -> Settings:
    return Settings(threads=torch.get_num_threads(), **options)


def _predicted(model: nn.Module, shape: tuple[int, ...], **options: Any) -> TrainingMemory:
    return training_memory(ca.trace(model, shape, training=True), _settings(**options))


def _error(model: nn.Module, shape: tuple[int, ...], **options: Any) -> float:
    peak = _predicted(model, shape, **options).peak_bytes
    return peak / measure_training(model, shape, _settings(**options)).peak_bytes - 1


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Settings with the threads that torch has here."""
    return _settings


@pytest.fixture
def predicted() -> Callable[..., TrainingMemory]:
    """(model, shape, settings) -> the simulated step."""
    return _predicted


@pytest.fixture
def error_of() -> Callable[..., float]:
    """(model, shape, settings) -> how far the predicted peak is off the measured one, as a share."""
    return _error
