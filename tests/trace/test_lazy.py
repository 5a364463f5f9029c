"""Lazy layers: their shapes come with the input, and the network stays as lazy as it was."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from convatlas import ConvatlasError, cost, trace


@pytest.fixture(autouse=True)
def _quiet() -> None:
    warnings.filterwarnings("ignore", "Lazy modules are")


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.body = nn.Sequential(nn.LazyConv2d(6, 3, stride=2), nn.LazyBatchNorm2d(), nn.ReLU())
        self.head = nn.LazyLinear(5)
        self.register_buffer("scale", torch.ones(5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.first(x) + torch.zeros(1))
        return self.head(x.flatten(1)) * self.scale


def test_counts_are_those_of_the_network_after_its_first_run() -> None:
    network, after = Lazy(), Lazy()
    after(torch.zeros(1, 3, 16, 16))
    counted = cost(network, (1, 3, 16, 16))
    assert counted.params == sum(parameter.numel() for parameter in after.parameters())
    assert counted.macs == cost(after, (1, 3, 16, 16)).macs
    assert trace(network, (1, 3, 16, 16)).modules == trace(after, (1, 3, 16, 16)).modules


def test_the_network_stays_lazy_and_takes_another_input_next() -> None:
    network = Lazy()
    weight, scale = network.head.weight, network.scale
    small, large = (cost(network, (1, 3, side, side)).params for side in (16, 32))
    assert small < large
    assert network.head.weight is weight
    assert is_lazy(weight)
    assert isinstance(network.head, nn.LazyLinear)
    assert network.scale is scale
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 5)


def test_where_a_run_without_data_fails_the_way_out_is_said() -> None:
    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.LazyLinear(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x) if x.sum() > 0 else x

    with pytest.raises(
        ConvatlasError, match=r"lazy layers get their shapes from a first run.*; run the network once on real data before"
    ):
        trace(Asking(), (1, 4))
