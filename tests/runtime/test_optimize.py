"""The optimized form gives the network's outputs, and the caller's network stays as it was."""

from __future__ import annotations

import copy
import time

import pytest
import torch
from torch import Tensor, nn

import convatlas as ca
from convatlas.runtime.fold import folded
from convatlas.runtime.optimize import difference
from convatlas.runtime.source import Source
from convatlas.runtime.table import RUNTIMES, Runtime, prepared

SHAPE = (2, 3, 16, 16)
pytestmark = pytest.mark.usefixtures("short_samples")


def small_network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    )
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
        assert norm.weight is not None
        norm.weight.uniform_(0.5, 2.0)
    return network.eval()


class ReadTwice(nn.Module):
    """A convolution whose output is read beside the norm, which must then stay what it is."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.conv(images)
        normed: Tensor = self.norm(found)
        return normed + found


@pytest.mark.parametrize("name", [name for name in RUNTIMES if not name.startswith("compile")])
def test_every_runtime_gives_the_networks_outputs_at_another_batch_too(name: str) -> None:
    network, images = small_network(), torch.randn(3, *SHAPE[1:])
    form = prepared(name, Source(network, torch.randn(SHAPE)))
    found = form(images)
    with torch.no_grad():
        assert difference([network(images)], [found]) < {"float32": 1e-4, "bfloat16": 2e-2, "int8": 1e-1}[RUNTIMES[name].dtype]
    assert found.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compile", "compile_bf16"])
def test_compiled_forms_give_the_networks_outputs(name: str) -> None:
    network, images = small_network(), torch.randn(SHAPE)
    with torch.no_grad():
        assert difference([network(images)], [prepared(name, Source(network, images))(images)]) < 2e-2


def test_a_norm_is_folded_into_the_convolution_that_it_alone_reads() -> None:
    network = small_network()
    form, count = folded(network, ca.trace(network, SHAPE))
    assert count == 1
    assert isinstance(form.get_submodule("1"), nn.Identity)
    assert isinstance(network.get_submodule("1"), nn.BatchNorm2d)


def test_a_convolution_that_something_else_reads_is_not_folded() -> None:
    network = ReadTwice().eval()
    assert folded(network, ca.trace(network, SHAPE))[1] == 0


def test_optimizing_leaves_the_network_as_it_was_and_tells_every_step() -> None:
    network = small_network().train()
    before = copy.deepcopy(network.state_dict())
    found = ca.optimize(network, SHAPE, runtimes=["channels_last", "bf16"], tolerance=1e-2)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [step.runtime for step in found.steps] == ["eager", "channels_last", "bf16"]
    assert sum(step.verdict == "kept" for step in found.steps) <= 1
    images = torch.randn(SHAPE)
    with torch.no_grad():
        assert difference([network.eval()(images)], [found(images)]) < 2e-2


def test_a_form_that_differs_by_more_than_the_tolerance_is_never_kept() -> None:
    found = ca.optimize(small_network(), SHAPE, runtimes=["bf16"], tolerance=1e-7)
    assert found.runtime == "eager"
    assert found.steps[1].verdict == "differs by more than 1e-07"


def test_on_images_that_count_a_form_that_changes_a_class_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "folded", Runtime(about="turned", prepare=lambda source: Turned(source.network)))
    options = {"tolerance": 1e-2, "runtimes": ["folded"]}
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0] * 4, [0.999] * 4]))
    images = torch.ones(3, 1, 2, 2)
    assert ca.optimize(network, images=images, **options).steps[1].verdict == "gives an image another class"
    assert ca.optimize(network, images.shape, **options).steps[1].verdict in ("kept", "slower")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ca.bench(small_network(), SHAPE, "openvin"), "unknown runtime 'openvin'"),
        (lambda: ca.bench(small_network(), (3, 16, 16)), r"got \(3, 16, 16\)"),
        (lambda: ca.optimize(small_network(), SHAPE, tolerance=0.0), r"`tolerance` \(=0.0\)"),
        (lambda: ca.optimize(small_network().to("meta"), SHAPE), "the network lies on meta"),
    ],
)
def test_what_is_asked_wrongly_is_told(call: object, said: str) -> None:
    with pytest.raises(ca.ConvatlasError, match=said):
        call()  # type: ignore[operator]


class Turned(nn.Module):
    """A form whose outputs are nearly those of the network, in the other order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.network(images).flip(1)
        return found


class Slow(nn.Module):
    """A form that is slower than any network here."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(0.05)
        found: Tensor = self.network(images)
        return found


class Exponential(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.linalg.matrix_exp(images)


def test_where_nothing_is_faster_the_network_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "folded", Runtime(about="slow", prepare=lambda source: Slow(source.network)))
    network, images = small_network(), torch.randn(SHAPE)
    same = ca.optimize(network, SHAPE, runtimes=["folded"])
    assert (same.runtime, same.speedup) == ("eager", 1.0)
    assert [step.verdict for step in same.steps] == ["kept", "slower"]
    torch.testing.assert_close(same(images), network(images), rtol=0, atol=0)


def test_a_runtime_that_does_not_take_the_network_is_told_with_the_layer() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), Exponential())
    said = str(ca.optimize(network, SHAPE, runtimes=["openvino"]))
    assert "cannot express aten.linalg_matrix_exp of 1" in said
    assert f"at 2x3x16x16, {torch.get_num_threads()} threads" in said
