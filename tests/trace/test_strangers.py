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


@pytest.mark.parametrize(
    "name", ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "mobilenet_v3_small", "resnet18", "vit_b_16"]
)
def test_a_network_in_a_plain_list_counts_the_same(name: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name).eval()
    known, stranger = (trace(module, (2, 3, 224, 224)) for module in (model, Holder(model)))
    assert [node.op for node in stranger] == [node.op for node in known]
    assert cost(stranger).macs == cost(known).macs
    assert {node.module for node in stranger} == {""}


def test_a_network_in_a_plain_list_has_its_gradients_in_training() -> None:
    with torch.device("meta"):
        model = torchvision.models.alexnet()
    known, stranger = (cost(trace(module, (2, 3, 224, 224), training=True)) for module in (model, Holder(model)))
    assert (stranger.macs, stranger.backward_macs) == (known.macs, known.backward_macs)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_tensors_that_torch_does_not_register_are_constants_wherever_they_lie(device: str) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.scale, self.more = torch.ones(4, 1, 1), [{"by": torch.full((1,), 2.0)}]
            self.norms = {"first": nn.BatchNorm2d(4)}
            self.conv.register_forward_hook(lambda module, args, output: output * self.scale)

        def forward(self, x: Tensor) -> Tensor:
            return self.norms["first"](self.conv(x)) * self.more[0]["by"]

    with torch.device(device):
        network = Scaled()
    held = network.scale, network.more[0]["by"], network.norms["first"].weight
    graph = trace(network, (2, 3, 8, 8), training=True, way="exact")
    assert sorted(spec.shape for spec in graph.specs(graph.constants)) == [(), (1,), (4,), (4,), (4,), (4,), (4, 1, 1)]
    after = network.scale, network.more[0]["by"], network.norms["first"].weight
    assert all(before is now for before, now in zip(held, after, strict=True))


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
