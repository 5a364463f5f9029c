"""`create`: what it does to the network, and that it does nothing to the process around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor, FakeTensorMode

from convatlas.zoo import REGISTRY, Network, create


def layers_of_ones_own() -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Linear(3, 4), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm(4), nn.Bilinear(2, 3, 4), nn.Embedding(5, 2)]


def state(modules: list[nn.Module]) -> list[Tensor]:
    return [tensor for module in modules for tensor in module.state_dict().values()]


def test_layers_that_another_thread_builds_meanwhile_are_initialised(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = REGISTRY["resnet18"]
    inside, go_on = threading.Event(), threading.Event()

    def build_slowly(**options: Any) -> Network:
        network = entry.build(**options)
        inside.set()
        assert go_on.wait(10)
        return network

    monkeypatch.setitem(REGISTRY, entry.name, replace(entry, build=build_slowly))
    expected = layers_of_ones_own()
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(create, entry.name)
        try:
            assert inside.wait(10)
            layers = layers_of_ones_own()
        finally:
            go_on.set()
    for mine, other in zip(state(layers), state(expected), strict=True):
        assert mine.device.type == "cpu"
        assert torch.equal(mine, other)
    assert {parameter.device.type for parameter in made.result().parameters()} == {"cpu"}


@contextmanager
def unset_memory_is_nan() -> Iterator[None]:
    """New memory holds NaN, or the greatest integer, until something is written to it."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def unset(network: nn.Module) -> list[str]:
    """Names of the parameters and buffers that nothing was written to."""
    return [
        name
        for name, tensor in network.state_dict().items()
        if (tensor.isnan() if tensor.is_floating_point() else tensor == torch.iinfo(tensor.dtype).max).any()
    ]


def test_unset_memory_is_seen() -> None:
    with unset_memory_is_nan():
        norm = nn.BatchNorm2d(3).to_empty(device="cpu")
    assert unset(norm) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def test_every_parameter_and_buffer_is_set(network_name: str) -> None:
    options: list[dict[str, Any]] = [{}]
    if "reduction" in REGISTRY[network_name].options:
        options.append({"reduction": 16})
    with unset_memory_is_nan():
        for each in options:
            assert unset(create(network_name, num_classes=10, **each)) == []


def test_the_seed_alone_decides_the_weights() -> None:
    def weights(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return list(create("shufflenet_v2_x0_5").state_dict().values())

    first = weights(1)
    with torch.device("meta"):
        create("resnet18")
    assert all(map(torch.equal, weights(1), first))
    assert not all(map(torch.equal, weights(2), first))


def test_the_default_dtype_is_honoured() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        network = create("lenet5")
    finally:
        torch.set_default_dtype(torch.float32)
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float64}


def test_a_default_device_is_honoured() -> None:
    torch.set_default_device("meta")
    try:
        network = create("lenet5")
    finally:
        torch.set_default_device(None)
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"meta"}


def test_under_fake_tensors_the_network_is_fake() -> None:
    with FakeTensorMode():
        network = create("resnet18")
    assert all(isinstance(tensor, FakeTensor) and tensor.device.type == "cpu" for tensor in network.state_dict().values())
