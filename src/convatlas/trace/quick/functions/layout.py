"""Rules for functions that copy, join, pad or resample; and for changes of dtype, device and memory format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ....errors import ConvatlasError
from ....graph.ops import (
    Cast,
    Concat,
    Copy,
    Flip,
    Fold,
    GridSample,
    Interpolate,
    Pad,
    PixelShuffle,
    Repeat,
    Roll,
    Stack,
    Unfold,
    Windows,
)
from ....graph.ops.base import per_axis
from ....graph.strides import channels_last_strides, is_channels_last, normal
from ...network import DTYPES
from ..proxy import Proxy
from .registry import axes_of, axis_of, numbers, op_of, register, rule_for
from .views import reshaped

if TYPE_CHECKING:
    from ..tracer import Tracer

_CHANNELS_LAST = (torch.channels_last, torch.channels_last_3d)


@rule_for("contiguous")
def contiguous(t: Tracer, x: Any, memory_format: Any = torch.contiguous_format) -> Any:
    """A packed copy; the tensor itself where it is packed already."""
    x = t.proxy(x)
    if memory_format in _CHANNELS_LAST:
        shape = x.spec.shape
        if is_channels_last(shape, x.strides) or (x.strides is None and normal(shape, channels_last_strides(shape)) is None):
            return x
        return t.emit(Copy("contiguous", memory_format="channels_last"), x)
    if x.strides is None or memory_format == torch.preserve_format:
        return x
    return t.emit(op_of(Copy, "contiguous"), x)


@rule_for("clone")
def clone(t: Tracer, x: Any, *, memory_format: Any = torch.preserve_format) -> Any:
    """A copy, laid out as the original unless ``memory_format`` says otherwise."""
    if memory_format == torch.preserve_format:
        return t.emit(Copy("clone"), x)
    return t.emit(Copy("clone", memory_format="channels_last" if memory_format in _CHANNELS_LAST else "contiguous"), x)


@rule_for("flip")
def _flip(t: Tracer, x: Any, *dims: Any, **kwargs: Any) -> Any:
    axes = axes_of(numbers(dims or (kwargs["dims"],)), len(t.shape(x)))
    return t.emit(op_of(Flip, axes), x)


@rule_for("roll")
def _roll(t: Tracer, x: Any, shifts: Any, dims: Any = None) -> Any:
    axes = () if dims is None or dims == () else axes_of(dims, len(t.shape(x)))
    return t.emit(op_of(Roll, numbers((shifts,)), axes), x)


@rule_for("repeat")
def _repeat(t: Tracer, x: Any, *sizes: Any, **kwargs: Any) -> Any:
    return t.emit(op_of(Repeat, numbers(sizes or tuple(kwargs.values()))), x)


@rule_for("repeat_interleave")
def _repeat_interleave(t: Tracer, x: Any, repeats: Any, dim: int | None = None, **kwargs: Any) -> Any:
    x = reshaped(t, x, (-1,), "flatten") if dim is None else t.proxy(x)
    shape = x.spec.shape
    axis = axis_of(dim or 0, len(shape))
    if isinstance(repeats, int):
        return t.emit(op_of(Repeat, (*(1,) * axis, repeats, *(1,) * (len(shape) - axis - 1)), True), x)
    total = kwargs.get("output_size") or shape[axis] * int(repeats)
    return t.emit(Copy("repeat_interleave", (*shape[:axis], total, *shape[axis + 1 :])), x)


@rule_for("cat", "concat", "concatenate")
def concat(t: Tracer, tensors: Any, dim: int = 0, **kwargs: Any) -> Any:
    """Concatenate."""
    return t.emit(op_of(Concat, kwargs.get("axis", dim)), *tensors)


@rule_for("stack")
def _stack(t: Tracer, tensors: Any, dim: int = 0) -> Any:
    return t.emit(Stack(dim), *tensors)


@rule_for("pad")
def pad(t: Tracer, x: Any, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
    """Padding, in torch's order: from the last axis backwards."""
    return t.emit(Pad(numbers((pad,)), mode), x)


@rule_for("pixel_shuffle")
def pixel_shuffle(t: Tracer, x: Any, upscale_factor: int) -> Any:
    """Channels to positions."""
    return t.emit(PixelShuffle(upscale_factor), x)


@rule_for("pixel_unshuffle")
def pixel_unshuffle(t: Tracer, x: Any, downscale_factor: int) -> Any:
    """Positions to channels."""
    return t.emit(PixelShuffle(downscale_factor, True), x)


@rule_for("interpolate", "upsample")
def interpolate(
    t: Tracer, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Any:  # fmt: skip
    """Resample to a size or by a factor."""
    shape = t.shape(input)
    space = shape[2:]
    if (size is None) == (scale_factor is None):
        raise ConvatlasError(f"interpolate takes a size or a scale_factor, got size={size} and scale_factor={scale_factor}")
    if size is None:
        factors = per_axis(scale_factor, len(space)) if isinstance(scale_factor, int) else scale_factor
        factors = factors if isinstance(factors, list | tuple) else (factors,) * len(space)
        target = tuple([math.floor(float(n * factor)) for n, factor in zip(space, factors, strict=True)])
    else:
        target = per_axis(size if isinstance(size, int) else numbers((size,)), len(space))
    return t.emit(Interpolate(target, mode, bool(align_corners), antialias), input)


@rule_for("grid_sample")
def _grid_sample(t: Tracer, input: Any, grid: Any, mode: str = "bilinear", *args: Any, **kwargs: Any) -> Any:
    return t.emit(op_of(GridSample, mode), input, grid)


@rule_for("unfold")
def _unfold(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    if len(args) == 3 and all(isinstance(n, int) for n in args):  # Tensor.unfold(dimension, size, step)
        return _windows(t, t.proxy(x), *args)
    if "dimension" in kwargs:
        return _windows(t, t.proxy(x), **kwargs)
    return _columns(t, x, *args, **kwargs)


def _windows(t: Tracer, x: Proxy, dimension: int, size: int, step: int) -> Proxy:
    """A view with one more axis: the positions within each window."""
    return t.emit(Windows(axis_of(dimension, len(x.spec.shape)), size, step), x)


def _columns(t: Tracer, x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    kernel, steps, pads, gaps = (per_axis(value, 2) for value in (kernel_size, stride, padding, dilation))
    return t.emit(Unfold(kernel, steps, pads, gaps), x)


@rule_for("fold")
def fold(t: Tracer, input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns back to a map, overlaps added."""
    size, kernel, steps, pads, gaps = (per_axis(value, 2) for value in (output_size, kernel_size, stride, padding, dilation))
    return t.emit(Fold(size, kernel, steps, pads, gaps), input)


# dtype and device


@rule_for("to")
def to(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Another dtype, memory format or device; the last one changes nothing in a trace."""
    x = t.proxy(x)
    if kwargs.get("copy") or any(isinstance(item, str) and item.startswith("torch.") for item in args):
        raise t.unsure("a conversion that always copies")
    given = [*args, kwargs.get("dtype"), kwargs.get("other")]
    for item in given:
        dtype = item if isinstance(item, torch.dtype) else item.dtype if isinstance(item, torch.Tensor) else None
        if dtype is not None and DTYPES[dtype] != x.spec.dtype:
            x = t.emit(Cast(DTYPES[dtype]), x)
    memory_format = kwargs.get("memory_format")
    return x if memory_format is None else contiguous(t, x, memory_format)


@rule_for("type_as")
def _type_as(t: Tracer, x: Any, other: Any) -> Any:
    return to(t, x, other)


@rule_for("cpu", "cuda", "pin_memory", "positive", "__pos__", "resolve_conj", "resolve_neg")
def _unchanged(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    return x


def _cast(name: str, dtype: torch.dtype) -> None:
    register(lambda t, x, **kwargs: to(t, x, dtype), name)


for _name, _dtype in {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16, "double": torch.float64,
                      "long": torch.int64, "int": torch.int32, "short": torch.int16, "char": torch.int8,
                      "byte": torch.uint8, "bool": torch.bool}.items():  # fmt: skip
    _cast(_name, _dtype)
