"""The contract of `convatlas.zoo`, for every network of the registry.

Most tests run for a sample here, which has every kind of layer of each family, and for the others when slow tests do
(`conftest.py`); those that compile run for one network of each family. What needs no numbers is done on `meta`, where a
giant costs as much as a small one; what needs them is done on small images.
"""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from convatlas.zoo import REGISTRY, Entry, Network, create

BIG = 30_000_000  # parameters
NAMES = list(REGISTRY)
UPRIGHT = {"num_classes": 10}  # a small head, so that the body is what takes the time


def on_meta(name: str, **options: Any) -> Network:
    with torch.device("meta"):
        return create(name, **options)


def for_shapes(name: str, **options: Any) -> Network:
    """A network whose numbers mean nothing: small ones run faster with memory than on `meta`."""
    network = on_meta(name, **options)
    is_big = sum(parameter.numel() for parameter in network.parameters()) > BIG
    return network if is_big else network.to_empty(device="cpu")


def images(name: str, size: int, channels: int | None = None) -> Tensor:
    return torch.randn(2, channels or REGISTRY[name].input_size[0], size, size)


def device_of(network: Network) -> torch.device:
    return next(network.parameters()).device


@functools.cache
def small_size(name: str) -> int:
    """The least of a few image sizes at which the network trains: with auxiliary classifiers that can be its own."""
    own = REGISTRY[name].input_size[1]
    network = for_shapes(name, **UPRIGHT).train()
    for size in (32, 64, 96, 128):
        if size >= own:
            break
        try:
            with torch.no_grad():
                network(images(name, size).to(device_of(network)))
        except (RuntimeError, ValueError):  # too small for its poolings
            continue
        return size
    return own


def classifier_of(network: Network) -> nn.Module:
    path = network.classifier_path
    return network.get_submodule(path)


def outputs_of(result: Any) -> tuple[Tensor, ...]:
    """The logits, and those of auxiliary classifiers where training returns them."""
    return (result,) if isinstance(result, Tensor) else tuple(result)


# What is registered


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=NAMES)
def test_entry_says_where_it_was_published(entry: Entry) -> None:
    assert entry.paper.url.startswith("https://")
    assert 1989 <= entry.paper.year <= 2030
    assert entry.paper.title
    assert entry.paper.authors
    assert entry.summary.endswith(".")
    assert "\n" not in entry.summary
    assert set(entry.published) <= {"top1", "top5"}
    assert all(1 < value < 100 for value in entry.published.values()), "accuracies are percentages"
    assert {"num_classes", "in_channels", "dropout"} <= set(entry.options)


# On meta: structure


@pytest.mark.parametrize("name", NAMES)
def test_building_on_meta_allocates_nothing_and_draws_nothing(name: str) -> None:
    before = torch.get_rng_state()
    network = on_meta(name)
    assert torch.equal(torch.get_rng_state(), before)
    tensors = [*network.parameters(), *network.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_classes_and_channels_are_honoured_and_the_classifier_is_replaced(network_name: str) -> None:
    network = for_shapes(network_name, num_classes=7, in_channels=5).eval()
    assert network.num_classes == 7
    assert cast(nn.Conv2d, network.get_submodule(network.stem_conv)).in_channels == 5
    keys, width = list(network.state_dict()), cast(Tensor, classifier_of(network).weight).shape[1]
    x = images(network_name, small_size(network_name), channels=5).to(device_of(network))
    with torch.no_grad():
        features = network.forward_features(x)
        assert features.dim() == 4
        assert network.forward_head(features).shape == (2, 7)
        assert network.forward_head(features, pre_logits=True).shape[1] == width
        network.reset_classifier(11)
        assert network.num_classes == 11
        assert network.forward_head(features).shape == (2, 11)
        assert all(logits.shape == (2, 11) for logits in outputs_of(network.train()(x)))
    assert list(network.state_dict()) == keys, "replacing the classifier renamed or reordered parameters"
    assert cast(Tensor, classifier_of(network).weight).device == x.device
    with pytest.raises(ValueError, match="num_classes"):
        network.reset_classifier(0)


def test_dropout_is_honoured(network_name: str) -> None:
    rates = [module.p for module in on_meta(network_name, dropout=0.37).modules() if isinstance(module, nn.Dropout)]
    assert 0.37 in rates
    assert all(
        module.p == 0.0 or "aux" in path.lower()
        for path, module in on_meta(network_name, dropout=0.0).named_modules()
        if isinstance(module, nn.Dropout)
    ), "a dropout that the option does not reach"


def test_copies_are_the_same_network(network_name: str) -> None:
    network = on_meta(network_name)
    shapes = {key: (tensor.shape, tensor.dtype) for key, tensor in network.state_dict().items()}
    for duplicate in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert [type(module) for module in duplicate.modules()] == [type(module) for module in network.modules()]
        assert {key: (tensor.shape, tensor.dtype) for key, tensor in duplicate.state_dict().items()} == shapes


def test_small_stem_keeps_small_images_large(name_with_stem: str) -> None:
    network = for_shapes(name_with_stem, stem="small", **UPRIGHT).eval()
    conv = cast(nn.Conv2d, network.get_submodule(network.stem_conv))
    assert (conv.kernel_size, conv.stride) == ((3, 3), (1, 1))
    with torch.no_grad():
        stages = list(network.forward_intermediates(images(name_with_stem, 32).to(device_of(network))).values())
        assert stages[0].shape[-1] >= 8
        assert network.forward_head(stages[-1]).shape == (2, 10)
    with pytest.raises(ValueError, match=r"stem.*'huge'"):
        on_meta(name_with_stem, stem="huge")


# With numbers


class Running:
    """A network in evaluation, images for it, and its logits."""

    def __init__(self, name: str, fill: Callable[[nn.Module], None]) -> None:
        torch.manual_seed(0)
        self.network = create(name, **UPRIGHT).eval()
        fill(self.network)
        self.images = images(name, small_size(name))
        with torch.no_grad():
            self.logits = self.network(self.images)


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, fill: Callable[[nn.Module], None]) -> Running:
    """One network at a time; pytest runs all tests of it before it goes to the next."""
    return Running(request.param, fill)


def test_parts_agree_with_the_whole(running: Running) -> None:
    network, x = running.network, running.images
    with torch.no_grad():
        features = network.forward_features(x)
        stages = network.forward_intermediates(x)
        assert list(stages) == list(network.feature_stages())
        torch.testing.assert_close(list(stages.values())[-1], features)
        torch.testing.assert_close(network.forward_head(features), running.logits)
        previous = x.shape[-1]
        for stage, output in stages.items():
            assert output.shape[-1] <= previous, f"{stage} enlarges its map"
            previous = output.shape[-1]


def test_outputs_are_finite_and_tell_images_apart(running: Running) -> None:
    assert running.logits.shape == (2, 10)
    assert torch.isfinite(running.logits).all()
    assert not torch.equal(running.logits[0], running.logits[1])


def test_copies_compute_the_same(running: Running) -> None:
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(running.network)(running.images), running.logits)


def test_channels_last_computes_the_same(running: Running) -> None:
    network = copy.deepcopy(running.network).double()  # in single precision deep networks amplify rounding too much
    x = running.images.double()
    with torch.no_grad():
        expected = network(x)
        # what rounding the images does to the logits: with random weights the deepest networks are near chaos
        rounding = (network(x * (1 + 1e-15)) - expected).abs().max().item()
        logits = network.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(logits, expected, rtol=1e-6, atol=1e-6 * expected.abs().max().item() + 100 * rounding)


def test_bfloat16_computes_about_the_same(running: Running) -> None:
    network = copy.deepcopy(running.network).to(torch.bfloat16)
    with torch.no_grad():
        logits = network(running.images.to(torch.bfloat16))
    assert logits.dtype == torch.bfloat16
    assert torch.isfinite(logits).all()


def test_gradient_reaches_every_parameter(running: Running) -> None:
    network = running.network.train()
    missing: list[str] = []
    for _ in range(8):  # dropped branches and dead units get theirs in another pass
        logits = outputs_of(network(torch.randn_like(running.images)))
        sum((each * torch.randn_like(each)).sum() for each in logits).backward()
        missing = [path for path, parameter in network.named_parameters() if parameter.grad is None]
        assert not missing, "autograd does not know these parameters"
        missing = [path for path, parameter in network.named_parameters() if not parameter.grad.any()]
        if not missing:
            break
    network.zero_grad()
    network.eval()
    assert not missing


# Compilers


def test_exports(name_of_a_family: str) -> None:
    network = on_meta(name_of_a_family, **UPRIGHT).eval()
    program = torch.export.export(network, (images(name_of_a_family, small_size(name_of_a_family)).to("meta"),))
    assert [tuple(node.meta["val"].shape) for node in program.graph.output_node().args[0]] == [(2, 10)]


def test_compiles_without_a_graph_break(name_to_compile: str) -> None:
    network, x = on_meta(name_to_compile, **UPRIGHT).eval(), images(name_to_compile, small_size(name_to_compile)).to("meta")
    with torch.no_grad():
        assert compiled(network)(x).shape == (2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_compiles_without_a_graph_break_in_training(name: str) -> None:
    network, x = on_meta(name, **UPRIGHT).train(), images(name, small_size(name)).to("meta")
    assert all(logits.shape == (2, 10) for logits in outputs_of(compiled(network)(x)))


def compiled(network: Network) -> Callable[[Tensor], Any]:
    torch.compiler.reset()
    return cast(Callable[[Tensor], Any], torch.compile(network, fullgraph=True, backend="eager"))
