"""Receptive fields: the published ones, and what single pixels of an image reach in random networks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import convatlas as ca
from convatlas.analysis.receptive_field import ReceptiveField, receptive_field
from convatlas.zoo import entry

# the reference's figures, in pixels; ResNets by where the stride lies: "_v1" has it in the 1x1
PUBLISHED = {
    "vgg16": 212, "mobilenet_v1": 315, "resnet50": 427, "resnet50_v1": 483, "resnet101_v1": 1027, "resnet152_v1": 1507,
    "inception_v3": 1311,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(name: str) -> None:
    assert ca.receptive_field(name).final.size == (PUBLISHED[name], PUBLISHED[name])


@pytest.mark.parametrize("name", ["googlenet", "googlenet_2014", "inception_v3"])
def test_auxiliary_heads_do_not_stand_for_the_network(name: str) -> None:
    shape = (2, *entry(name).input_size)
    trained, evaluated = receptive_field(ca.trace(name, shape, training=True)).final, ca.receptive_field(name).final
    assert (trained.name, trained.size) == (evaluated.name, evaluated.size)


def test_vgg16_layer_by_layer() -> None:
    # 3x3 after 3x3 adds 2 steps; a pool adds one step and doubles it
    fields = ca.receptive_field("vgg16")
    sizes = [layer.size[0] for layer in fields if layer.op in ("conv2d", "max_pool2d")]
    assert sizes == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]
    assert fields["features.30"].stride == (32, 32)


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Branches(nn.Module):
    """Branches over one map, added or concatenated."""

    def __init__(self, branches: list[nn.Module], join: Callable[[list[Tensor]], Tensor]) -> None:
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x: Tensor) -> Tensor:
        return self.join([branch(x) for branch in self.branches])


class ChannelsLast(nn.Module):
    """A linear layer over the channels of a map whose axes were turned, cropped on the way."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.permute(0, 2, 3, 1)[:, 1:, ::2, :]).permute(0, 3, 1, 2)


def window_layer(draw: random.Random, channels: int) -> tuple[nn.Module, int]:
    """A random layer that does not refine the map, and how many channels it makes."""

    def pair(least: int, most: int) -> Any:
        return draw.randint(least, most), draw.randint(least, most)

    def residual() -> nn.Module:
        kernel, stride = draw.choice([1, 3, 5]), draw.randint(1, 2)
        body = [nn.Conv2d(channels, 2, kernel, padding=kernel // 2), nn.ReLU(), nn.Conv2d(2, 2, 3, stride, 1)]
        return Branches([nn.Sequential(*body), nn.Conv2d(channels, 2, 1, stride)], sum)

    def concatenation() -> nn.Module:
        convolutions: list[nn.Module] = []
        for kernel, dilation in ((1, 1), (3, draw.randint(1, 3)), (draw.choice([5, 7]), 1)):
            convolutions.append(nn.Conv2d(channels, 1, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation))
        return Branches([*convolutions, nn.MaxPool2d(3, 1, 1)], lambda maps: torch.cat(maps, 1))

    top, left, step = draw.randint(0, 2), draw.randint(0, 2), draw.randint(1, 2)
    half = draw.randint(2, 3)
    return draw.choice([
        lambda: (nn.Conv2d(channels, 2, pair(1, 5), pair(1, 2), pair(0, 2), pair(1, 3)), 2),
        lambda: (nn.Conv2d(channels, channels, 3, step, 1, groups=channels), channels),
        lambda: (nn.MaxPool2d(half, step, draw.randint(0, 1), ceil_mode=draw.random() < 0.5), channels),
        lambda: (nn.AvgPool2d(half, step, ceil_mode=draw.random() < 0.5), channels),
        lambda: (residual(), 2),
        lambda: (concatenation(), 3 + channels),
        lambda: (nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Dropout(0.5)), channels),
        lambda: (nn.ZeroPad2d((*pair(0, 2), *pair(0, 2))), channels),
        lambda: (Function(lambda x: x[:, :, top:, left::step]), channels),
        lambda: (ChannelsLast(channels), 2),
        lambda: (Function(lambda x: F.pixel_unshuffle(x.sum(1, True)[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], 2)), 4),
    ])()  # fmt: skip


def refining_layer(draw: random.Random, channels: int) -> tuple[nn.Module, int]:
    """A random layer that refines the map."""
    kernel, stride = draw.randint(1, 4), draw.randint(1, 3)
    transposed = nn.ConvTranspose2d(channels, 2, kernel, stride, draw.randint(0, kernel // 2), dilation=draw.randint(1, 2))
    shuffled = nn.Sequential(nn.Conv2d(channels, 8, 1), nn.PixelShuffle(2))
    u_shaped = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(channels, 2, 3, padding=1), nn.Upsample(scale_factor=2))
    even = Function(lambda x: x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2])
    return draw.choice([
        (nn.Upsample(scale_factor=draw.randint(2, 3)), channels),
        (nn.Upsample(scale_factor=2, mode="bilinear"), channels),
        (transposed, 2),
        (transposed, 2),
        (shuffled, 2),
        (nn.Sequential(even, Branches([u_shaped, nn.Conv2d(channels, 1, 1)], lambda maps: torch.cat(maps, 1))), 3),
    ])  # fmt: skip


def random_network(seed: int, refining: bool) -> nn.Module:
    """Layers of positive weights without biases: whatever a pixel reaches gets a positive value."""
    draw = random.Random(seed)
    layers: list[nn.Module] = []
    channels = 1
    for place in range(draw.randint(2, 4)):
        make = refining_layer if refining and place in (1, 2) else window_layer
        layer, channels = make(draw, channels)
        layers.append(layer)
    network = nn.Sequential(*layers).eval()
    for name, parameter in network.named_parameters():
        nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 0.5)
    return network


SIDE = 56
EDGE = 14  # nearer to the border, cropping and padding cut off what a position would see


def reached(network: nn.Module, axis: int) -> list[list[int]]:
    """For each output position along an axis, the input rows (or columns) that reach it."""
    lines = torch.zeros(SIDE, 1, SIDE, SIDE)
    for place in range(SIDE):
        lines[place, 0].select(axis, place).fill_(1.0)
    with torch.no_grad():
        found = (network(lines) > 1e-20).any(1).any(2 - axis)
    return [found[:, position].nonzero().flatten().tolist() for position in range(found.shape[1])]


def compare(seed: int, refining: bool) -> int:
    """Check a random network along both axes; returns how many positions could be looked at."""
    network = random_network(seed, refining)
    try:
        field: ReceptiveField = ca.receptive_field(network, (1, 1, SIDE, SIDE)).layers[-1]
    except ValueError:
        return 0  # the layers leave nothing of the map
    if max(field.output_shape[2:]) > 5 * SIDE:
        return 0
    looked_at = 0
    for axis in (0, 1):
        before, most = looked_at, 0
        for position, rows in enumerate(reached(network, axis)):
            first = field.offset[axis] + position * field.stride[axis]
            if not rows or first < EDGE or first + field.size[axis] > SIDE - EDGE:
                continue
            looked_at += 1
            most = max(most, rows[-1] + 1 - rows[0])
            if not refining:
                assert (rows[0], rows[-1] + 1 - rows[0]) == (first, field.size[axis])
        if looked_at - before > 8:
            assert most == field.size[axis]
    return looked_at


@pytest.mark.parametrize("block", range(4))
def test_every_position_sees_what_reaches_it(block: int) -> None:
    looked_at = sum(compare(seed, refining=False) for seed in range(20 * block, 20 * block + 20))
    assert looked_at > 300


@pytest.mark.parametrize("block", range(4))
def test_behind_upsampling_the_most_that_reaches_a_position_is_its_field(block: int) -> None:
    looked_at = sum(compare(seed, refining=True) for seed in range(1000 + 12 * block, 1000 + 12 * block + 12))
    assert looked_at > 300


def field_of(*layers: nn.Module, side: int = 32) -> ReceptiveField:
    return ca.receptive_field(nn.Sequential(*layers), (1, 4, side, side)).layers[-1]


def test_offset_reaches_into_the_padding() -> None:
    field = field_of(nn.Conv2d(4, 4, 5, 2, padding=2), nn.Conv2d(4, 4, 3, padding=1))
    assert (field.size, field.stride, field.offset) == ((9, 9), (2, 2), (-4, -4))


def test_axes_may_differ() -> None:
    field = field_of(nn.Conv2d(4, 4, (1, 7), (1, 2), (0, 3)), nn.Conv2d(4, 4, (3, 1)))
    assert (field.size, field.stride, field.offset) == ((3, 7), (1, 2), (0, -3))


def test_a_global_pool_sees_all_and_ends_the_map() -> None:
    fields = ca.receptive_field(
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)), (1, 4, 32, 32)
    )
    assert [(layer.op, layer.sees_all) for layer in fields] == [
        ("conv2d", False), ("adaptive_avg_pool2d", True), ("flatten", True), ("linear", True),
    ]  # fmt: skip
    assert fields.final.op == "conv2d"
    assert fields.layers[1].size == (32, 32)


def test_a_gate_sees_all_but_leaves_the_local_extent() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.gate = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.body(x)
            return x * self.gate(F.adaptive_avg_pool2d(x, 1)).sigmoid()

    field = ca.receptive_field(Gated(), (1, 4, 32, 32)).final
    assert (field.size, field.sees_all) == ((3, 3), True)


def test_normalising_over_positions_sees_all_and_over_channels_does_not() -> None:
    assert [layer.sees_all for layer in ca.receptive_field(nn.GroupNorm(2, 4), (1, 4, 8, 8))] == [True]
    assert [layer.sees_all for layer in ca.receptive_field(nn.BatchNorm2d(4), (1, 4, 8, 8))] == [False]
    over_channels = Function(lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2))
    assert not ca.receptive_field(over_channels, (1, 4, 8, 8)).layers[-1].sees_all


def test_pooling_along_one_axis_only() -> None:
    field = ca.receptive_field(Function(lambda x: x.mean(2, keepdim=True)), (1, 4, 8, 6)).layers[-1]
    assert (field.size, field.is_map) == ((8, 1), True)


def test_one_dimension_and_three() -> None:
    assert ca.receptive_field(nn.Sequential(nn.Conv1d(2, 2, 3), nn.MaxPool1d(2), nn.Conv1d(2, 2, 3)), (1, 2, 32)).final.size == (8,)
    field = ca.receptive_field(
        nn.Sequential(nn.Conv3d(2, 2, (1, 3, 3)), nn.Conv3d(2, 2, (3, 1, 1), (2, 1, 1))), (1, 2, 8, 16, 16)
    ).final
    assert (field.size, field.stride) == ((3, 3, 3), (2, 1, 1))


def test_resized_branches_that_drift_apart_are_still_joined() -> None:
    class Rounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + F.interpolate(F.max_pool2d(x, 2), size=x.shape[2:])  # 31 -> 15 -> 31

    field = ca.receptive_field(Rounded(), (1, 4, 31, 31)).final
    # position 30 sees itself and, by 30 * 15 // 31 = 14, pixels 28 and 29
    assert field.size == (3, 3)


def test_looking_up_by_path_and_place() -> None:
    fields = ca.receptive_field(nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()), (1, 4, 8, 8))
    assert fields["0"] is fields[0]
    assert len(fields) == 2
    with pytest.raises(ca.ConvatlasError, match="unknown layer"):
        fields["2"]


def test_no_map_no_field() -> None:
    with pytest.raises(ValueError, match="no spatial axes"):
        ca.receptive_field(nn.Linear(4, 2), (1, 4))
    with pytest.raises(ValueError, match="no feature map"):
        print(ca.receptive_field(nn.Flatten(), (1, 4, 8, 8)).final)
