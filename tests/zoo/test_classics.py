"""What is special to the networks before ResNet, against what their papers print."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from convatlas.zoo import Network, create
from convatlas.zoo.googlenet import GoogLeNet
from convatlas.zoo.highway import HighwayConv2d
from convatlas.zoo.layers.plain import LocalResponseNorm
from convatlas.zoo.lenet import LeNet5, RadialBasis


def on_meta(name: str, **options: Any) -> Network:
    with torch.device("meta"):
        return create(name, **options).eval()


def outputs(network: Network, size: int, *paths: str, channels: int = 3) -> dict[str, Tensor]:
    """What the submodules at these paths put out, for one image."""
    found: dict[str, Tensor] = {}
    for path in paths:
        network.get_submodule(path).register_forward_hook(lambda module, inputs, output, path=path: found.__setitem__(path, output))
    with torch.no_grad():
        network(torch.empty(1, channels, size, size, device=next(network.parameters()).device))
    return found


def parameters(module: nn.Module, *, biases: bool = True) -> int:
    return sum(tensor.numel() for name, tensor in module.named_parameters() if biases or not name.endswith("bias"))


def macs(network: Network, size: int, *paths: str) -> int:
    """Of the convolutions and linear layers inside the submodules at these paths."""
    layers = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and f"{name}.".startswith(tuple(f"{path}." for path in paths))
    }
    found = outputs(network, size, *layers)
    return sum(found[name].numel() * layer.weight[0].numel() for name, layer in layers.items())


# LeNet-5: LeCun et al. 1998, section II.B


@pytest.mark.parametrize(
    ("layer", "trainable", "connections"),
    [
        ("c1", 156, 122_304),
        ("s2", 12, 5_880),
        ("c3", 1_516, 151_600),
        ("s4", 32, 2_000),
        ("c5", 48_120, 48_120),
        ("f6", 10_164, 10_164),
        ("output", 0, 840),
    ],
)
def test_lenet_layer_has_the_published_parameters_and_connections(layer: str, trainable: int, connections: int) -> None:
    network = on_meta("lenet5")
    module = network.get_submodule(layer)
    assert parameters(module) == trainable
    made = outputs(network, 32, layer, channels=1)[layer]
    if layer in ("s2", "s4"):  # four inputs and a bias a unit
        counted = made.numel() * 5
    elif layer == "output":  # the codes are no parameters
        counted = made.numel() * 84
    else:  # every weight and bias, at every position
        counted = trainable * made[0, 0].numel()
    assert counted == connections


def test_lenet_c3_is_connected_as_in_table_1() -> None:
    table = [  # rows: maps of S2; columns: maps of C3
        "X   XXX  XXXX XX",
        "XX   XXX  XXXX X",
        "XXX   XXX  X XXX",
        " XXX  XXXX  X XX",
        "  XXX  XXXX XX X",
        "   XXX  XXXX XXX",
    ]
    c3 = cast(LeNet5, create("lenet5")).c3
    for i, row in enumerate(table):
        maps = torch.zeros(1, 6, 5, 5)
        with torch.no_grad():
            still = c3(maps)
            maps[0, i] = 1
            moved = (c3(maps) != still).flatten().tolist()
        assert "".join("X" if each else " " for each in moved) == row


def test_lenet_answers_with_the_nearest_code() -> None:
    output = cast(RadialBasis, create("lenet5").output)
    assert set(output.weight.unique().tolist()) == {-1.0, 1.0}
    logits = output(output.weight)
    assert torch.equal(logits.argmax(1), torch.arange(10))
    assert torch.equal(logits.diagonal(), torch.zeros(10))
    assert torch.allclose(logits, -torch.cdist(output.weight, output.weight).square(), atol=1e-3)


def test_lenet_output_can_be_linear_and_nothing_else() -> None:
    assert parameters(on_meta("lenet5", output="linear")) == 60_850
    with pytest.raises(ValueError, match="'softmax'"):
        create("lenet5", output="softmax")


# AlexNet and ZFNet


def test_local_response_norm_is_the_papers_formula() -> None:
    x = torch.randn(2, 7, 3, 3)
    norm = LocalResponseNorm()
    expected = torch.empty_like(x)
    for i in range(7):
        near = x[:, max(0, i - 2) : min(6, i + 2) + 1].square().sum(1)
        expected[:, i] = x[:, i] / (2 + 1e-4 * near) ** 0.75
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm(x), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(x))


def test_alexnet_of_2012_has_the_maps_of_figure_2() -> None:
    made = outputs(on_meta("alexnet_2012"), 227, "features.0", "features.4", "features.8", "features.10", "features.12")
    shapes = [tuple(each.shape[1:]) for each in made.values()]
    assert shapes == [(96, 55, 55), (256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13)]


def test_zfnet_has_the_maps_of_figure_3() -> None:
    network = on_meta("zfnet")
    convolutions = [f"features.{i}" for i, layer in enumerate(network.features) if isinstance(layer, nn.Conv2d)]
    assert [each.shape[-1] for each in outputs(network, 224, *convolutions).values()] == [110, 26, 13, 13, 13]
    with torch.no_grad():
        stages = network.forward_intermediates(torch.empty(1, 3, 224, 224, device="meta"))
    assert [each.shape[-1] for each in stages.values()] == [55, 13, 6]


# Network in Network, VGG


def test_nin_for_imagenet_fills_the_released_file() -> None:
    assert round(parameters(on_meta("nin_imagenet")) * 4 / 2**20) == 29  # BVLC/caffe wiki, Model-Zoo: 29 MB


@pytest.mark.parametrize(("name", "layers"), [("vgg11", 11), ("vgg13", 13), ("vgg16_c", 16), ("vgg16", 16), ("vgg19", 19)])
def test_vgg_has_as_many_weight_layers_as_table_1_says(name: str, layers: int) -> None:
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in on_meta(name).modules()) == layers


# GoogLeNet: Szegedy et al. 2014, Table 1

TABLE_1 = [  # layer, submodules, K parameters, M operations; None where the printed figure is wrong
    ("convolution 2", ("conv2", "conv3"), 112, 360),
    ("3a", ("inception3a",), 159, 128),
    ("3b", ("inception3b",), None, 304),
    ("4a", ("inception4a",), None, None),
    ("4b", ("inception4b",), None, 88),
    ("4c", ("inception4c",), None, 100),
    ("4d", ("inception4d",), None, 119),
    ("4e", ("inception4e",), None, 170),
    ("5b", ("inception5b",), None, 71),
    ("linear", ("fc",), 1000, 1),
]


@pytest.mark.parametrize(("paths", "k_params", "m_ops"), [pytest.param(*row[1:], id=row[0]) for row in TABLE_1])
def test_googlenet_layer_has_the_published_cost(paths: tuple[str, ...], k_params: int | None, m_ops: int | None) -> None:
    network = on_meta("googlenet_2014")
    if k_params is not None:  # in units of 1024, cut off, and without biases
        assert sum(parameters(network.get_submodule(path), biases=False) for path in paths) // 1024 == k_params
    if m_ops is not None:
        assert round(macs(network, 224, *paths) / 1e6) == m_ops


def test_googlenets_first_convolution_is_not_what_table_1_prints() -> None:
    network = on_meta("googlenet_2014")
    assert parameters(network.get_submodule("conv1")) == 9_472  # printed: 2.7 K
    assert macs(network, 224, "conv1") == 118_013_952  # printed: 34 M


def test_auxiliary_classifiers_are_there_in_training_only() -> None:
    network = cast(GoogLeNet, create("googlenet", num_classes=5))
    images = torch.randn(2, 3, 64, 64)
    assert [each.shape for each in network.train()(images)] == [(2, 5)] * 3
    assert network.eval()(images).shape == (2, 5)
    alone = create("googlenet", num_classes=5, aux_logits=False).train()
    assert cast(Tensor, alone(images)).shape == (2, 5)


@pytest.mark.parametrize(("name", "size"), [("googlenet", 96), ("inception_v3", 299)])
def test_training_and_transformed_input_are_torchvisions(name: str, size: int) -> None:
    from torchvision import models

    reference = getattr(models, name)(weights=None, init_weights=False, transform_input=True, num_classes=10)
    network = create(name, num_classes=10, transform_input=True)
    network.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, size, size)
    for model in (network, reference):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    with torch.no_grad():
        ours, theirs = network(images), reference(images)
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(network.eval()(images), reference.eval()(images), rtol=1e-5, atol=1e-5)


def test_transform_input_wants_three_channels() -> None:
    with pytest.raises(ValueError, match="in_channels"):
        create("googlenet", in_channels=1, transform_input=True)


def test_inception_v3_has_the_maps_of_table_1() -> None:
    with torch.no_grad():
        stages = on_meta("inception_v3").forward_intermediates(torch.empty(1, 3, 299, 299, device="meta"))
    assert [tuple(each.shape[1:]) for each in stages.values()] == [
        (192, 35, 35),
        (288, 35, 35),
        (768, 17, 17),
        (2048, 8, 8),
    ]


# Highway networks


def test_a_highway_layer_with_closed_gates_passes_its_input_on() -> None:
    layer = HighwayConv2d(4, 3)
    nn.init.constant_(cast(Tensor, layer.gate.bias), -100.0)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(layer(x), x)


@pytest.mark.parametrize(("name", "depth", "bias"), [("highway19", 19, -2.0), ("highway32", 32, -3.0)])
def test_highway_network_has_the_published_depth_and_starts_carrying(name: str, depth: int, bias: float) -> None:
    network = create(name)
    convs = {path: module for path, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    gates = {path: module for path, module in convs.items() if path.endswith(".gate")}
    assert len(convs) - len(gates) == depth
    assert all((cast(Tensor, gate.bias) == bias).all() for gate in gates.values())


def test_highway19_is_the_authors_released_network() -> None:
    assert parameters(on_meta("highway19", num_classes=100)) == 2_265_928  # their sample.log, 100 outputs
