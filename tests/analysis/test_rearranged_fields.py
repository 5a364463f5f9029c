"""Receptive fields where axes are cut, joined, turned and rolled: beside what single pixels of an image reach."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import convatlas as ca
from convatlas.analysis.receptive_field import ReceptiveField

SIDE = 48
EDGE = 14  # nearer to the border, padding and rolling change what a position sees
Layer = Callable[[Tensor], Tensor]


def mixed(channels: Tensor) -> Tensor:
    """All channels of (N, C, ...) in one."""
    return channels.sum(1, keepdim=True)


def by_tokens(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return (tokens @ torch.ones(x.shape[1], x.shape[1])).transpose(1, 2).reshape(x.shape)


def space_to_depth(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def depth_to_space(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def by_windows(x: Tensor) -> Tensor:
    """Each 4x4 window mixed on its own, as in window attention."""
    n, c, h, w = x.shape
    windows = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    windows = torch.ones(16, 16) @ windows
    return windows.reshape(n, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4).reshape(x.shape)


def attention_in_rolled_windows(x: Tensor) -> Tensor:
    return x + torch.roll(by_windows(torch.roll(x, (-2, -2), (2, 3))), (2, 2), (2, 3))


# what keeps a map's size, and by which every position sees alike: (function, channels that it makes of one)
ALIKE: dict[str, Layer] = {
    "tokens": by_tokens,
    "space to depth and back": lambda x: depth_to_space(space_to_depth(x)),
    "pixel unshuffle and shuffle": lambda x: F.pixel_shuffle(F.pixel_unshuffle(x, 2), 2),
    "channels shuffled between": lambda x: depth_to_space(F.channel_shuffle(F.channel_shuffle(space_to_depth(x), 2), 2)),
    "columns": lambda x: F.unfold(x, (3, 5), padding=(1, 2)).sum(1, keepdim=True).view(x.shape),
    "dilated columns": lambda x: mixed(F.unfold(x, 3, dilation=2, padding=2).view(len(x), 9, *x.shape[2:])),
    "columns and back": lambda x: F.fold(F.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1),
    "separate columns and back": lambda x: F.fold(F.unfold(x, 2, stride=2), x.shape[2:], 2, stride=2),
    "mixed columns and back": lambda x: F.fold(torch.ones(9, 9) @ F.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1),
    "sliding windows": lambda x: F.pad(x, (1, 1, 2, 2)).unfold(2, 5, 1).unfold(3, 3, 1).sum((-1, -2)),
    "rolled": lambda x: torch.roll(x, (2, -3), (2, 3)),
    "flipped": lambda x: x.flip(2, 3),
    "flipped along one axis": lambda x: x.flip(3) + x.flip(3).roll(1, 3),
    "turned": lambda x: torch.rot90(x, 2, (2, 3)),
    "convolution": lambda x: F.conv2d(x, torch.ones(1, 1, 3, 3), padding=1),
    "dilated": lambda x: F.conv2d(x, torch.ones(1, 1, 3, 3), padding=3, dilation=3),
    "a stack of itself and its neighbour": lambda x: torch.stack([x, x.roll(1, 2)]).sum(0),
    "a class token before tokens": lambda x: torch.cat([torch.ones(len(x), 1, 1), x.flatten(2).transpose(1, 2)], 1)[:, 1:].transpose(1, 2).view(x.shape),
}  # fmt: skip
# what keeps a map's size, but lets positions see differently much
TURNS: dict[str, Layer] = {
    "windows": by_windows,
    "rolled windows": attention_in_rolled_windows,
    "half the map": lambda x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2),
    "depth to space of neighbours": lambda x: depth_to_space(mixed(space_to_depth(x)).repeat(1, 4, 1, 1)),
    "repeated positions": lambda x: x[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3),
    "even rows written": lambda x: torch.stack([x[:, :, ::2], mixed(x[:, :, 1::2]) + x[:, :, ::2]], 3).flatten(2, 3),
}  # fmt: skip


class Network(nn.Module):
    """Functions and layers, one after another."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.parts = nn.ModuleList([layer for layer in layers if isinstance(layer, nn.Module)])
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def reached(network: nn.Module, axis: int) -> list[list[int]]:
    """For each output position along an axis, the input rows (or columns) that reach it."""
    lines = torch.zeros(SIDE, 1, SIDE, SIDE, dtype=torch.float64)
    for place in range(SIDE):
        lines[place, 0].select(axis, place).fill_(1.0)
    found = (network(lines) > 0).any(1).any(2 - axis)
    return [found[:, position].nonzero().flatten().tolist() for position in range(found.shape[1])]


def compare(layers: list[Layer]) -> tuple[int, int]:
    """The largest field of a sequence that keeps a map's size, and the most that reaches one of its positions, along the rows."""
    field, rows = fields_and_pixels(layers)
    return field.size[0], max(pixels[-1] + 1 - pixels[0] for pixels in rows[0][EDGE:-EDGE])


def fields_and_pixels(layers: list[Layer]) -> tuple[ReceptiveField, list[list[list[int]]]]:
    field = ca.receptive_field(Network(layers), (1, 1, SIDE, SIDE)).layers[-1]
    torch.set_default_dtype(torch.float64)
    try:
        return field, [reached(Network(layers), axis) for axis in (0, 1)]
    finally:
        torch.set_default_dtype(torch.float32)


def check_every_position(layers: list[Layer]) -> None:
    field, rows = fields_and_pixels(layers)
    assert not field.sees_all
    for axis in (0, 1):
        for position in range(EDGE, SIDE - EDGE):
            pixels = rows[axis][position]
            first = field.offset[axis] + position * field.stride[axis]
            assert (pixels[0], pixels[-1] + 1 - pixels[0]) == (first, field.size[axis])


@pytest.mark.parametrize("name", ALIKE)
def test_every_position_sees_what_reaches_it(name: str) -> None:
    check_every_position([ALIKE[name]])
    check_every_position([ALIKE["convolution"], ALIKE[name], ALIKE["dilated"]])


@pytest.mark.parametrize("name", TURNS)
def test_the_most_that_reaches_a_position_is_its_field(name: str) -> None:
    for layers in ([TURNS[name]], [ALIKE["convolution"], TURNS[name], ALIKE["convolution"]]):
        said, most = compare(layers)
        assert said == most


@pytest.mark.parametrize("seed", range(16))
def test_random_sequences(seed: int) -> None:
    draw = random.Random(seed)
    names = [draw.choice(list(ALIKE)) for _ in range(3)]
    check_every_position([ALIKE[name] for name in names])
    said, most = compare([TURNS[draw.choice(list(TURNS))], *(ALIKE[name] for name in names[:2])])
    assert most <= said < SIDE  # of columns of a map whose positions see differently much, more is said than is seen


def test_a_finer_map_has_a_smaller_stride() -> None:
    for layer in (nn.PixelShuffle(2), depth_to_space):
        fields = ca.receptive_field(Network([nn.Conv2d(1, 4, 3, padding=1), layer]), (1, 1, 8, 8))
        assert (fields[-1].size, fields[-1].stride) == ((3, 3), (0.5, 0.5))
    assert ca.receptive_field(nn.PixelUnshuffle(2), (1, 1, 8, 8))[-1].stride == (2, 2)


def test_patches_keep_their_own_field_through_attention() -> None:
    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.attention = nn.Conv2d(3, 8, 4, 4), nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]

    fields = ca.receptive_field(Transformer(), (1, 3, 16, 16))
    assert (fields[0].size, fields[0].sees_all) == ((4, 4), False)
    assert (fields[-1].size, fields[-1].stride, fields[-1].sees_all) == ((4, 4), (4, 4), True)


@pytest.mark.parametrize(
    ("network", "shape", "size"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3)), (3, 32, 24), (8, 8)),
        (nn.Sequential(nn.ReLU(), nn.Conv1d(3, 4, 5)), (3, 32), (5,)),
        (nn.Conv3d(2, 2, (1, 3, 5)), (2, 8, 8, 8), (1, 3, 5)),
        (Network([lambda x: x.flatten(1).unflatten(1, (12, 12)), nn.Conv2d(2, 2, 3)]), (2, 12, 12), (3, 3)),
    ],
    ids=["maps", "signals", "volumes", "flattened and back"],
)
def test_without_a_batch_axis(network: nn.Module, shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    assert ca.receptive_field(network, shape).final.size == size
    if not isinstance(network, Network):
        assert ca.receptive_field(network, (1, *shape)).final.size == size


def test_a_flattened_map_and_its_classifier_are_no_map() -> None:
    fields = ca.receptive_field(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3)), (1, 1, 8, 8))
    assert [(layer.is_map, layer.sees_all) for layer in fields] == [(True, False), (False, True), (False, True)]


def test_the_first_layer_with_a_window_tells_which_axes_are_spatial() -> None:
    channels_last = Network([lambda x: x.permute(0, 3, 1, 2), nn.Conv2d(3, 4, (3, 5))])
    assert ca.receptive_field(channels_last, (2, 16, 16, 3)).final.size == (3, 5)
    frames = Network([lambda x: x.flatten(0, 1), nn.Conv2d(3, 4, 3, 2), lambda x: x.unflatten(0, (2, 8)).mean(1)])
    field = ca.receptive_field(frames, (2, 8, 3, 16, 16)).final
    assert (field.size, field.stride, field.sees_all) == ((3, 3), (2, 2), False)
