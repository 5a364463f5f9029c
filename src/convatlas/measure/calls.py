"""One op of a graph as a call of torch's, on random tensors that lie as the graph's do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from ..graph.ops import (
    Activation,
    AdaptiveAvgPool,
    Attention,
    AvgPool,
    BatchNorm,
    Binary,
    Cast,
    Concat,
    Conv,
    Copy,
    GroupNorm,
    Interpolate,
    LayerNorm,
    Linear,
    Matmul,
    MaxPool,
    Op,
    Pad,
    Reduce,
    Softmax,
)
from ..graph.ops.base import Specs
from ..graph.strides import Strides, dense_strides

Function = Callable[..., object]
_SCALAR = 0.5  # the second operand of arithmetic with a number
_PERIOD = 2**20 - 3  # after so many random numbers they come again: drawing new ones takes longer than most ops


def function_of(op: Op) -> Function | None:
    """What torch calls for an op, given its inputs as tensors; None where that isn't known here."""
    match op:
        case Conv(stride, padding, dilation, groups) if len(stride) == 2 and all(before == after for before, after in padding):
            pads = tuple(before for before, _ in padding)
            return lambda image, weight, bias=None: F.conv2d(image, weight, bias, stride, pads, dilation, groups)
        case Linear():
            return F.linear
        case BatchNorm(False, "wbmv"):
            return lambda image, weight, bias, mean, variance: F.batch_norm(image, mean, variance, weight, bias)
        case LayerNorm(last):
            return lambda image, *affine: F.layer_norm(image, image.shape[-last:], *affine)
        case MaxPool(kernel, stride, around, dilation, ceil_mode) if len(kernel) == 2:
            return lambda image: F.max_pool2d(image, kernel, stride, around, dilation, ceil_mode)
        case AvgPool(kernel, stride, around, _, ceil_mode) if len(kernel) == 2:
            return lambda image: F.avg_pool2d(image, kernel, stride, around, ceil_mode)
        case AdaptiveAvgPool(cells) if len(cells) == 2:
            return lambda image: F.adaptive_avg_pool2d(image, cells)
        case Concat(axis):
            return lambda *parts: torch.cat(parts, axis)
        case Pad(padding, "constant"):
            return lambda image: F.pad(image, padding)
        case Reduce("mean" | "sum" | "amax" as function, axes, keep_axes, None):
            reduced = getattr(torch, function)
            return lambda image: reduced(image, axes, keepdim=keep_axes)
        case Reduce("norm", axes, keep_axes, None):
            return lambda image: torch.linalg.vector_norm(image, 2, axes, keep_axes)
        case Reduce("var", axes, keep_axes, None):
            return lambda image: torch.var(image, axes, keepdim=keep_axes)
        case Softmax(axis, False, None):
            return lambda values: F.softmax(values, axis)
        case Matmul():
            return lambda left, right: left @ right
        case Attention(False, 0.0):
            return F.scaled_dot_product_attention
        case GroupNorm(groups):
            return lambda image, *affine: F.group_norm(image, groups, *affine)
        case Interpolate(size, "nearest"):
            return lambda image: F.interpolate(image, size, mode="nearest")
        case Interpolate(size, mode, align_corners, False):
            return lambda image: F.interpolate(image, size, mode=mode, align_corners=align_corners)
        case Cast(dtype):
            return lambda values: values.to(getattr(torch, dtype))
        case Copy("contiguous", None, "contiguous" | "preserve"):
            return Tensor.contiguous
        case Activation(function, in_place):
            return _pointwise(function, in_place)
        case Binary(function, in_place):
            return getattr(Tensor, f"{function}_" if in_place else function, None)
    return None


def _pointwise(function: str, in_place: bool) -> Function | None:
    if function in ("add", "sub", "mul", "div", "pow"):
        method = getattr(Tensor, f"{function}_" if in_place else function)
        return lambda values: method(values, _SCALAR)
    named = getattr(F, function, None)
    if named is not None and in_place:
        return lambda values: named(values, inplace=True)
    return named or getattr(torch, function, None)


def tensors(specs: Specs, strides: Sequence[Strides], device: str = "cpu") -> list[Tensor]:
    """Random tensors of these shapes and dtypes, that lie so; between 0.5 and 1.5, as a variance must be above 0."""
    made = []
    for spec, strided in zip(specs, strides, strict=True):
        lies = strided or dense_strides(spec.shape)
        span = 1 + sum((size - 1) * stride for size, stride in zip(spec.shape, lies, strict=True))
        values = _noise().repeat(ceil(span / _PERIOD)).to(device, getattr(torch, spec.dtype))
        made.append(values.as_strided(spec.shape, lies))
    return made


@cache
def _noise() -> Tensor:
    return torch.rand(_PERIOD) + 0.5
