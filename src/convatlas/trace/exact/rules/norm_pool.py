"""Normalisation, pooling, resampling, padding, and windows as columns."""

from __future__ import annotations

from ....graph.ops import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Fold,
    GridSample,
    GroupNorm,
    Interpolate,
    LayerNorm,
    MaxPool,
    Pad,
    PixelShuffle,
    RMSNorm,
    Unfold,
    WeightNorm,
)
from ....graph.ops.base import per_axis
from ..calls import Call
from .base import Made, Rule


def batch_norm(training: bool | None = None) -> Rule:
    """Batch norm; in training where the call says so, unless it is known."""

    def rule(call: Call) -> Made:
        by_batch = call["training"] if training is None else training
        roles = {"w": "weight", "b": "bias", "m": "running_mean", "v": "running_var"}
        present = "".join([letter for letter, name in roles.items() if call.arguments.get(name) is not None])
        return BatchNorm(by_batch, present), [call.inputs[0], *(call[roles[letter]] for letter in present)]

    return rule


def layer_norm(call: Call) -> Made:
    """Layer norm."""
    return LayerNorm(len(call["normalized_shape"]))


def rms_norm(call: Call) -> Made:
    """RMS norm."""
    return RMSNorm(len(call["normalized_shape"]))


def group_norm(call: Call) -> Made:
    """Group norm."""
    return GroupNorm(call["group"])


def weight_norm(call: Call) -> Made:
    """A weight made of its direction and its length."""
    return WeightNorm(call.axis())


def pool(kind: type[MaxPool] | type[AvgPool]) -> Rule:
    """Pooling by windows."""

    def rule(call: Call) -> Made:
        rank = int(call.function.partition("pool")[2][0])
        kernel = per_axis(call["kernel_size"], rank)
        stride = per_axis(call["stride"], rank) if call["stride"] else kernel
        dilation = per_axis(call.arguments.get("dilation", 1), rank)
        return kind(kernel, stride, per_axis(call["padding"], rank), dilation, call["ceil_mode"])

    return rule


def adaptive(kind: type[AdaptiveAvgPool] | type[AdaptiveMaxPool]) -> Rule:
    """Pooling to a size."""
    return lambda call: kind(tuple(call["output_size"]))


def resample(mode: str, rank: int, antialias: bool = False) -> Rule:
    """Interpolation to a size."""
    return lambda call: Interpolate(call.out.shape[-rank:], mode, bool(call.arguments.get("align_corners")), antialias)


def grid_sample(call: Call) -> Made:
    """Look-up at positions."""
    return GridSample(("bilinear", "nearest", "bicubic")[call["interpolation_mode"]])


def padding(mode: str) -> Rule:
    """Padding; constant padding says `pad`."""
    return lambda call: Pad(tuple(call.arguments.get("pad") or call["padding"]), mode)


def shuffle(inverse: bool) -> Rule:
    """Channels to positions, or back."""
    name = "downscale_factor" if inverse else "upscale_factor"
    return lambda call: PixelShuffle(call[name], inverse)


def unfold(call: Call) -> Made:
    """Windows as columns."""
    return Unfold(*(tuple(call[name]) for name in ("kernel_size", "stride", "padding", "dilation")))


def fold(call: Call) -> Made:
    """Columns as a map."""
    return Fold(*(tuple(call[name]) for name in ("output_size", "kernel_size", "stride", "padding", "dilation")))
