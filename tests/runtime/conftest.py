"""What the tests of measuring share: a network."""

from __future__ import annotations

import pytest
from torch import nn


@pytest.fixture
def network() -> nn.Module:
    """A convolution with its batch norm, and a classifier."""
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    norm = made[1]
    assert isinstance(norm, nn.BatchNorm2d)
    for statistics in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        assert statistics is not None
        nn.init.uniform_(statistics, 0.5, 2.0)
    return made.eval()
