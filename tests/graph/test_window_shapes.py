"""Shapes of convolutions, pooling, padding and resampling are torch's, for generated sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

Check = Callable[..., Any]
quick = settings(max_examples=80, deadline=None, derandomize=True)
small = st.integers(1, 4)


def axes(rank: int, least: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(least, most)] * rank)


@quick
@given(st.data(), st.integers(1, 3))
def test_convolution(same_as_torch: Check, data: st.DataObject, rank: int) -> None:
    groups, inner, outer = (data.draw(small) for _ in range(3))
    size, kernel = data.draw(axes(rank, 1, 12)), data.draw(axes(rank, 1, 5))
    stride, dilation = data.draw(axes(rank, 1, 3)), data.draw(axes(rank, 1, 3))
    padding = data.draw(st.one_of(axes(rank, 0, 3), st.integers(0, 3), st.sampled_from(["same", "valid"])))
    batch = data.draw(st.sampled_from([(), (2,)]))
    wrong = data.draw(st.sampled_from([0, 0, 0, 1]))
    function = getattr(F, f"conv{rank}d")
    same_as_torch(
        lambda x, w: function(x, w, None, stride, padding, dilation, groups),
        (*batch, groups * inner + wrong, *size),
        (groups * outer, inner, *kernel),
    )


@quick
@given(st.data(), st.integers(1, 3))
def test_transposed_convolution(same_as_torch: Check, data: st.DataObject, rank: int) -> None:
    groups, inner, outer = (data.draw(small) for _ in range(3))
    size, kernel = data.draw(axes(rank, 1, 6)), data.draw(axes(rank, 1, 4))
    stride, dilation = data.draw(axes(rank, 1, 3)), data.draw(axes(rank, 1, 2))
    padding, extra = data.draw(axes(rank, 0, 2)), data.draw(axes(rank, 0, 2))
    # some of torch's kernels make a map of no positions, others refuse
    assume(all((n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, s, p, d, k, o in
               zip(size, stride, padding, dilation, kernel, extra, strict=True)))  # fmt: skip
    function = getattr(F, f"conv_transpose{rank}d")
    same_as_torch(
        lambda x, w: function(x, w, None, stride, padding, extra, groups, dilation),
        (2, groups * inner, *size),
        (groups * inner, outer, *kernel),
    )


@quick
@given(st.data(), st.integers(1, 3), st.booleans())
def test_pooling(same_as_torch: Check, data: st.DataObject, rank: int, ceil_mode: bool) -> None:
    size, kernel = data.draw(axes(rank, 1, 11)), data.draw(axes(rank, 1, 4))
    stride = data.draw(st.one_of(st.none(), axes(rank, 1, 4)))
    padding, dilation = data.draw(axes(rank, 0, 2)), data.draw(axes(rank, 1, 3))
    batch = data.draw(st.sampled_from([(), (2,)]))
    most, mean = getattr(F, f"max_pool{rank}d"), getattr(F, f"avg_pool{rank}d")
    same_as_torch(lambda x: most(x, kernel, stride, padding, dilation, ceil_mode), (*batch, 3, *size))
    same_as_torch(lambda x: mean(x, kernel, stride, padding, ceil_mode), (*batch, 3, *size))


@quick
@given(st.data(), st.integers(1, 3))
def test_adaptive_pooling(same_as_torch: Check, data: st.DataObject, rank: int) -> None:
    size, target = data.draw(axes(rank, 1, 9)), list(data.draw(axes(rank, 1, 6)))
    if rank > 1 and data.draw(st.booleans()):
        target[0] = None  # type: ignore[call-overload]
    mean, most = getattr(F, f"adaptive_avg_pool{rank}d"), getattr(F, f"adaptive_max_pool{rank}d")
    same_as_torch(lambda x: mean(x, target), (2, 3, *size))
    if None not in target:
        same_as_torch(lambda x: most(x, target, return_indices=True), (2, 3, *size))


@quick
@given(st.data(), st.sampled_from(["nearest", "nearest-exact", "linear", "area", "bicubic"]), st.integers(1, 3))
def test_resampling(same_as_torch: Check, data: st.DataObject, mode: str, rank: int) -> None:
    if mode == "linear":
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
    if mode == "bicubic":
        rank = 2
    size = data.draw(axes(rank, 1, 7))
    target = data.draw(axes(rank, 1, 9))
    factor = data.draw(st.one_of(st.sampled_from([0.5, 1.5, 2, 2.7, 3]), st.tuples(*[st.floats(0.4, 3.0)] * rank)))
    same_as_torch(lambda x: F.interpolate(x, target, mode=mode), (2, 3, *size), strides=False)
    same_as_torch(lambda x: F.interpolate(x, scale_factor=factor, mode=mode), (2, 3, *size), strides=False)


@quick
@given(st.data(), st.sampled_from(["constant", "reflect", "replicate", "circular"]), st.integers(1, 3))
def test_padding(same_as_torch: Check, data: st.DataObject, mode: str, rank: int) -> None:
    least = -2 if mode == "constant" else 0
    pads = data.draw(axes(2 * rank, least, 4))
    same_as_torch(lambda x: F.pad(x, pads, mode=mode), (2, 3, *data.draw(axes(rank, 1, 5))), strides=False)


@quick
@given(st.data())
def test_columns_and_back(same_as_torch: Check, data: st.DataObject) -> None:
    size, kernel, dilation, padding, stride = (
        data.draw(axes(2, least, most)) for least, most in ((1, 9), (1, 3), (1, 2), (0, 2), (1, 3))
    )
    graph = same_as_torch(lambda x: F.unfold(x, kernel, dilation, padding, stride), (2, 3, *size))
    if graph is not None:
        columns = graph.values[graph.outputs[0]].shape
        same_as_torch(lambda x: F.fold(x, size, kernel, dilation, padding, stride), columns)
        same_as_torch(lambda x: F.fold(x, size, kernel, dilation, padding, stride), (*columns[:2], columns[2] + 1))


@quick
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_pixel_shuffle(same_as_torch: Check, factor: int, channels: int, height: int, width: int) -> None:
    square = factor * factor
    same_as_torch(lambda x: F.pixel_shuffle(x, factor), (2, channels * square, height, width))
    same_as_torch(lambda x: F.pixel_unshuffle(x, factor), (2, channels, height * factor, width * factor))
    same_as_torch(lambda x: F.pixel_shuffle(x, 3), (2, channels, height, width))
    same_as_torch(lambda x: F.pixel_unshuffle(x, 2), (2, channels, height, width))


def test_rectangular_same_padding_with_an_even_kernel(same_as_torch: Check) -> None:
    # 4 and 2 taps leave 3 and 1 to pad: the larger half goes behind
    graph = same_as_torch(lambda x, w: F.conv2d(x, w, padding="same"), (1, 2, 5, 7), (3, 2, 4, 2))
    assert graph.nodes[0].op.padding == ((1, 2), (0, 1))


def test_torch_agrees_on_channels_last_results(same_as_torch: Check) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
        x = x.contiguous(memory_format=torch.channels_last)
        y = F.conv2d(x, w, padding=1)
        z = F.max_pool2d(torch.relu(y), 2)
        return [x, y, z, z.flatten(2), z.permute(0, 2, 3, 1), z.reshape(2, -1), F.interpolate(z, scale_factor=2.0)]

    same_as_torch(function, (2, 3, 8, 6), (4, 3, 3, 3))
