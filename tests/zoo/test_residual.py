"""What the papers say of the residual families beyond what every network of the zoo is tested for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

import convatlas as ca
from convatlas.zoo import Network, create
from convatlas.zoo.cifar_resnet import ZeroPaddedShortcut
from convatlas.zoo.densenet import CIFAR_VARIANTS, densenet_cifar
from convatlas.zoo.layers.preactivation import PreActBlock
from convatlas.zoo.layers.residual import Bottleneck
from convatlas.zoo.layers.squeeze_excitation import SqueezeExcitation
from convatlas.zoo.preact_resnet import ShortcutBlock
from convatlas.zoo.registry import REGISTRY


def on_meta(name: str, **options: Any) -> Network:
    with torch.device("meta"):
        return create(name, **options)


def params(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# Depth


def weight_layers(network: Network) -> int:
    """Convolutions and linear layers, those on shortcuts and inside squeeze-and-excitation left out, as papers count."""
    return sum(
        isinstance(module, nn.Conv2d | nn.Linear) and not any(part in path for part in ("downsample", "se_module", "gate"))
        for path, module in network.named_modules()
    )


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        *((f"resnet{depth}", depth) for depth in (18, 34, 50, 101, 152)),
        *((f"resnet{depth}_v1", depth) for depth in (50, 101, 152, 200)),
        *((f"plain{depth}", depth) for depth in (18, 34)),
        *((f"resnet{depth}_cifar", depth) for depth in (20, 32, 44, 56, 110, 1202)),
        *((f"plain{depth}_cifar", depth) for depth in (20, 32, 44, 56, 110)),
        *((f"preact_resnet{depth}", depth) for depth in (18, 34, 50, 101, 152, 200)),
        *((f"preact_resnet{depth}_cifar", depth) for depth in (110, 164, 1001)),
        *((f"seresnet{depth}", depth) for depth in (18, 34, 50, 101, 152)),
        ("resnet110_cifar_exclusive_gate", 110),
        ("resnext101_64x4d", 101),
        ("densenet121", 121),
        ("densenet161", 161),
        ("densenet169", 169),
        ("densenet201", 201),
        ("densenet264", 265),  # the paper's name for 6 + 12 + 64 + 48 layers of two convolutions, and five more
        ("densenet40_k12_cifar", 40),
        ("densenet100_k24_cifar", 100),
        ("densenet_bc250_k24_cifar", 250),
        ("densenet_bc190_k40_cifar", 190),
    ],
)
def test_a_network_is_as_deep_as_its_name_says(name: str, layers: int) -> None:
    assert weight_layers(on_meta(name)) == layers


@pytest.mark.parametrize("name", ["wrn_16_4_cifar", "wrn_28_10_cifar", "wrn_40_4_cifar"])
def test_wide_resnet_has_6_n_and_4_layers_with_the_3_shortcuts_that_its_paper_counts(name: str) -> None:
    network = on_meta(name)
    shortcuts = sum(path.endswith("downsample.conv") for path, _ in network.named_modules())
    assert weight_layers(network) - 1 + shortcuts == int(name.split("_")[1])  # convolutions, the classifier is not one
    widths = [cast(nn.Conv2d, network.get_submodule(f"stages.{stage}.blocks.0.conv2")).out_channels for stage in range(3)]
    assert widths == [width * int(name.split("_")[2]) for width in (16, 32, 64)]  # Table 1


# Receptive fields


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet50_v1", 483), ("resnet50", 427), ("resnet101_v1", 1027), ("resnet152_v1", 1507)],  # Araujo et al. 2019, Table 1
)
def test_receptive_field_is_the_published_one(name: str, size: int) -> None:
    assert ca.receptive_field(name).final.size == (size, size)


# Shortcuts


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_shortcuts_without_parameters_cost_nothing(depth: int) -> None:
    """Section 3.1: a plain and a residual network of the same parameters, depth, width, and cost can be compared."""
    residual, plain = on_meta(f"resnet{depth}_cifar"), on_meta(f"plain{depth}_cifar")
    assert list(residual.state_dict()) == list(plain.state_dict())
    assert ca.cost(residual, (1, 3, 32, 32)).macs == ca.cost(plain, (1, 3, 32, 32)).macs


def test_option_a_takes_every_second_pixel_and_zeros() -> None:
    x = torch.arange(2.0 * 4 * 4).reshape(1, 2, 4, 4) + 1
    y = ZeroPaddedShortcut(2, 4, 2)(x)
    assert torch.equal(y[:, 1:3], x[:, :, ::2, ::2])
    assert not y[:, [0, 3]].any()


def test_the_published_stride_lies_in_the_first_convolution() -> None:
    def strides(name: str) -> list[tuple[int, ...]]:
        block = cast(Bottleneck, on_meta(name).get_submodule("layer2.0"))
        return [block.conv1.stride, block.conv2.stride, block.conv3.stride]

    assert strides("resnet50_v1") == strides("seresnet50") == [(2, 2), (1, 1), (1, 1)]
    assert strides("resnet50") == strides("seresnext50_32x4d") == strides("wide_resnet50_2") == [(1, 1), (2, 2), (1, 1)]


def shortcut_block(means: str) -> tuple[ShortcutBlock, Tensor, Tensor]:
    """A block in evaluation, an input, and its f of that input."""
    torch.manual_seed(0)
    block = ShortcutBlock(4, 4, 1, means, 0.5, None).eval()
    x = torch.randn(2, 4, 5, 5)
    return block, x, block.f(x)


def test_scaled_shortcuts_are_those_of_table_1() -> None:
    block, x, f = shortcut_block("scaled")
    torch.testing.assert_close(block(x), (0.5 * x + f).relu())
    block, x, f = shortcut_block("scaled_both")
    torch.testing.assert_close(block(x), (0.5 * x + 0.5 * f).relu())


def test_gates_are_those_of_figure_2() -> None:
    block, x, f = shortcut_block("exclusive_gate")
    assert block.gate is not None
    g = torch.sigmoid(block.gate(x))
    torch.testing.assert_close(block(x), ((1 - g) * x + g * f).relu())
    block, x, f = shortcut_block("shortcut_gate")
    assert block.gate is not None
    g = torch.sigmoid(block.gate(x))
    torch.testing.assert_close(block(x), ((1 - g) * x + f).relu())


def test_gates_start_nearly_shut() -> None:
    network = create("resnet110_cifar_shortcut_gate")
    biases = [tensor for name, tensor in network.state_dict().items() if name.endswith("gate.bias")]
    assert len(biases) == 54
    assert all((bias == -6).all() for bias in biases)


def test_dropped_shortcut_drops_in_training_only() -> None:
    block, x, f = shortcut_block("dropout")
    torch.testing.assert_close(block(x), (x + f).relu())
    block.train()
    block.bn1.eval()
    block.bn2.eval()
    dropped = (block(x) - f.relu()).abs() < 1e-6
    assert (dropped & (x.abs() > 1e-3)).any(), "nothing was dropped"
    assert on_meta("resnet110_cifar_dropout").get_submodule("layer1.0.dropout").extra_repr().startswith("p=0.5")


def test_the_sum_of_pre_activation_blocks_is_not_touched() -> None:
    """Equation 5 of the paper: the last output is the first input and the sum of all residuals."""
    torch.manual_seed(0)
    stage = cast(nn.Sequential, create("preact_resnet18").eval().get_submodule("stages.0.blocks"))
    x = torch.randn(1, 64, 8, 8)
    with torch.no_grad():
        first, second = (cast(PreActBlock, block) for block in stage)
        a = first(x)
        torch.testing.assert_close(second(a), x + first.f(first.norm1(x)) + second.f(second.norm1(a)))


# Squeeze-and-excitation


RESIDUAL_FAMILIES = ("resnet", "cifar_resnet", "preact_resnet", "wide_resnet", "resnext")


@pytest.mark.parametrize("name", [name for name, entry in REGISTRY.items() if entry.family in RESIDUAL_FAMILIES])
def test_any_residual_network_takes_squeeze_and_excitation(name: str) -> None:
    """2 C^2 / r parameters a block in the paper's equation 5, and the biases that its release has."""
    reduction = 8
    network = on_meta(name, reduction=reduction)
    gates = [module for module in network.modules() if isinstance(module, SqueezeExcitation)]
    channels = [gate.fc2.out_channels for gate in gates]
    added = sum(2 * c * (c // reduction) + c // reduction + c for c in channels)
    assert len(gates) > 5
    assert params(network) - params(on_meta(name)) == added


def test_resnet_with_squeeze_and_excitation_is_se_resnet() -> None:
    theirs, ours = on_meta("seresnet50"), on_meta("resnet50_v1", reduction=16)
    assert params(ours) == params(theirs)
    assert ca.cost(ours, (1, 3, 224, 224)).macs == ca.cost(theirs, (1, 3, 224, 224)).macs


def test_the_gate_scales_the_residual_and_not_the_shortcut() -> None:
    for name, path in (
        ("resnet18", "layer1.1"),
        ("preact_resnet18", "stages.0.blocks.1"),
        ("resnet110_cifar_dropout", "layer3.1"),
    ):
        block = create(name, reduction=16).eval().get_submodule(path)
        x = torch.rand(1, 64, 8, 8)
        gate = cast(SqueezeExcitation, block.get_submodule("se_module"))
        with torch.no_grad():
            cast(Tensor, gate.fc2.bias).fill_(-1e9)
            torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("reduction", [0, -4, 65])
def test_an_impossible_reduction_is_named(reduction: int) -> None:
    for name in ("resnet18", "preact_resnet18", "seresnet18"):
        with pytest.raises(ValueError, match=rf"`reduction` \(={reduction}\)"):
            on_meta(name, reduction=reduction)


# DenseNet


def test_densenet_layers_read_all_that_came_before() -> None:
    """All L (L + 1) / 2 connections (Section 1): layer l of a block reads the block's input and l - 1 times k channels."""
    network = on_meta("densenet121")
    widths = [cast(nn.Conv2d, network.get_submodule(f"features.denseblock1.denselayer{i}.conv1")).in_channels for i in range(1, 7)]
    assert widths == [64 + 32 * i for i in range(6)]


def step(network: Network, x: Tensor) -> dict[str, Tensor]:
    """The logits, and what a training step leaves in a network: gradients and statistics."""
    logits = network.train()(x)
    logits.square().sum().backward()
    gradients = {name: cast(Tensor, parameter.grad) for name, parameter in network.named_parameters()}
    return {"logits": logits.detach(), **gradients, **{f"buffer {name}": buffer for name, buffer in network.named_buffers()}}


@pytest.mark.parametrize("name", ["densenet40_k12_cifar", "densenet_bc100_k12_cifar"])
def test_saving_memory_changes_nothing_else(name: str) -> None:
    """What is computed again in backward must not enter the running statistics a second time."""
    variant = replace(CIFAR_VARIANTS[name], depths=(3, 2, 2))
    torch.manual_seed(0)
    ordinary, efficient = densenet_cifar(variant), densenet_cifar(variant, memory_efficient=True)
    efficient.load_state_dict(ordinary.state_dict())
    x = torch.randn(4, 3, 16, 16)
    for _ in range(2):
        expected, found = step(ordinary, x), step(efficient, x)
        for key, tensor in expected.items():
            assert torch.equal(found[key], tensor), key


def test_saving_memory_saves_memory() -> None:
    ordinary, efficient = (
        ca.training_memory(on_meta("densenet121", memory_efficient=option), (8, 3, 224, 224)).peak_bytes for option in (False, True)
    )
    assert efficient < 0.6 * ordinary


def test_a_memory_efficient_network_compiles_in_training() -> None:
    variant = replace(CIFAR_VARIANTS["densenet_bc100_k12_cifar"], depths=(2, 1, 1))
    with torch.device("meta"):
        network = densenet_cifar(variant, memory_efficient=True).train()
        torch.compiler.reset()
        compiled = torch.compile(network, fullgraph=True, backend="eager")
        assert compiled(torch.empty(2, 3, 16, 16)).shape == (2, 10)
