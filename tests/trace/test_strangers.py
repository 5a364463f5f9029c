"""A network that is kept in a plain list is no part of the module that calls it: it runs as Python runs it, and counts the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from convatlas.analysis.cost import cost
from convatlas.trace import trace


class Holder(nn.Module):
    """Calls a module that torch does not know to be in it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.kept = [module]

    def forward(self, x: Tensor) -> Any:
        return self.kept[0](x)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "name", ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "mobilenet_v3_small", "resnet18", "vit_b_16"]
)
def test_a_network_in_a_plain_list_counts_the_same(name: str, training: bool) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name).train(training)
    known, stranger = (trace(module, (2, 3, 224, 224), training=training) for module in (model, Holder(model)))
    assert [node.op for node in stranger] == [node.op for node in known]
    assert cost(stranger).macs == cost(known).macs
    assert {node.module for node in stranger} == {""}


def test_a_stranger_keeps_its_statistics_and_mode() -> None:
    norm = nn.BatchNorm2d(3).train()
    before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    trace(Holder(norm), (2, 3, 4, 4))
    assert norm.training
    assert all(torch.equal(before[name], tensor) for name, tensor in norm.state_dict().items())


def test_torchs_module_class_is_not_touched_by_a_trace() -> None:
    seen = []

    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(dict(vars(nn.Module)))
            return x

    before = dict(vars(nn.Module))
    trace(Looks(), (2, 3))
    assert seen == [before]
