"""Time by module is each one's own: what is called within it is not in it, and what its own code does is."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from convatlas.runtime.profile import profiled

pytestmark = pytest.mark.usefixtures("short_samples")


class Waits(nn.Module):
    """Takes as long as it is told."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(self.seconds)
        return images


class Block(nn.Module):
    """Calls one module twice, another once, and does something itself."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.once = Waits(0.02), Waits(0.01)

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(0.03)
        found: Tensor = self.once(self.twice(self.twice(images)))
        return found


def test_each_modules_time_is_its_own() -> None:
    network = nn.Sequential(Block())
    found = profiled(network, torch.zeros(1, 3, 2, 2), rounds=3)
    assert [(each.name, each.kind) for each in found.modules] == [
        ("", "Sequential"), ("0", "Block"), ("0.twice", "Waits"), ("0.once", "Waits"),
    ]  # fmt: skip
    own = {each.name: each.milliseconds for each in found.modules}
    assert own["0.twice"] > own["0"] > own["0.once"] > own[""]
    assert own["0.once"] >= 10
    assert found.milliseconds == pytest.approx(sum(own.values()))


def test_a_network_that_is_profiled_stays_as_it_is() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3)).train()
    profiled(network, torch.randn(2, 3, 4, 4), rounds=1)
    assert network.training
    assert not network._forward_hooks
    norm = network[0]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_batches_tracked == 0
