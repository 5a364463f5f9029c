"""A module that lies in several places: each of its calls belongs to the place from which it is called."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from convatlas.analysis.cost import cost
from convatlas.trace import trace


class Shared(nn.Module):
    """A layer alone, in a branch, and in a branch of a branch; the branch under a second name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 10)
        self.branch = nn.Sequential(self.layer, nn.ReLU())
        self.outer = nn.Sequential(self.branch, self.layer)
        self.same = self.branch

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.branch(self.layer(x)))


@pytest.mark.parametrize("way", ["quick", "exact"])
def test_calls_belong_to_their_own_place(way: str) -> None:
    graph = trace(Shared(), (1, 10), way=way)
    assert [node.module for node in graph] == ["layer", "branch.0", "branch.1", "outer.0.0", "outer.0.1", "outer.1"]
    assert all(node.module in graph.modules for node in graph)
    counted = cost(graph)
    assert (counted.params, counted.macs) == (110, 400)
    assert [parameter.name for parameter in graph.parameters] == ["layer.weight", "layer.bias"]


@pytest.mark.parametrize("way", ["quick", "exact"])
def test_a_module_that_is_called_out_of_a_list_keeps_its_first_place(way: str) -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.steps = nn.ModuleList([self.first, nn.ReLU(), self.first])

        def forward(self, x: Tensor) -> Tensor:
            for step in self.steps:
                x = step(x)
            return x

    assert [node.module for node in trace(Listed(), (1, 4), way=way)] == ["first", "steps.1", "first"]
