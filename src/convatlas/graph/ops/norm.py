"""Normalisation: batch, layer, group, instance, RMS, local response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec, bytes_of
from ..strides import Shape
from .base import AS_INPUTS, CHANNELS, Kept, Op, Specs
from .reading import Reads, broadcast_reads


@dataclass(frozen=True, slots=True)
class BatchNorm(Op):
    """Normalise each channel of (N, C, ...): by the batch's statistics (``training``) or by the running ones.

    Element-wise operations: 2 (scale, shift) with running statistics; 4 more (two for the mean and variance, subtract,
    multiply) by the batch's.
    """

    kind: ClassVar[str] = "batch_norm"
    lies: ClassVar[str] = CHANNELS
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias", "running_mean", "running_var")
    training: bool = False
    present: str = "wbmv"  # which of weight, bias, running mean and variance are given

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        x = inputs[0]
        if len(x.shape) < 2:
            raise ConvatlasError(f"batch_norm takes (N, C, ...), got {x.shape}")
        if len(inputs) > 1 and inputs[1].shape[0] != x.shape[1]:
            raise ConvatlasError(f"batch_norm expects {inputs[1].shape[0]} channels, got {x.shape[1]} in {x.shape}")
        if self.training and prod(x.shape) == x.shape[1]:
            raise ConvatlasError(
                f"batch_norm in training needs more than one value for each channel, got {x.shape}; take a larger batch"
            )
        return x

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (6 if self.training else 2)

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        # the batch's statistics need a pass of their own over the input
        return bytes_of(inputs) + (inputs[0].nbytes if self.training else 0)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        positions = (
            (0,)
            + ((1,) if "w" in self.present else ())
            + tuple(range(len(inputs)))[1 + sum(letter in self.present for letter in "wb") :]
        )
        channels = TensorSpec((inputs[0].shape[1] if self.training else 0,), "float32")
        return Kept(inputs=positions, extra=(channels, channels))


@dataclass(frozen=True, slots=True)
class LayerNorm(Op):
    """Normalise over the last ``axes`` axes."""

    kind: ClassVar[str] = "layer_norm"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias")
    axes: int = 1

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs) > 1 and inputs[1].shape != inputs[0].shape[-self.axes :]:
            raise ConvatlasError(f"layer_norm over {inputs[1].shape} does not fit {inputs[0].shape}")
        return inputs[0]

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (4 + len(inputs[1:]))

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        statistics = TensorSpec(inputs[0].shape[: -self.axes] + (1,) * self.axes, "float32")
        return Kept(inputs=tuple(range(len(inputs))), extra=(statistics, statistics))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return _but_the_last(self.axes, inputs[index].shape, outputs[output].shape)


@dataclass(frozen=True, slots=True)
class RMSNorm(Op):
    """Divide by the root mean square over the last ``axes`` axes."""

    kind: ClassVar[str] = "rms_norm"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight")
    axes: int = 1

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs) > 1 and inputs[1].shape != inputs[0].shape[-self.axes :]:
            raise ConvatlasError(f"rms_norm over {inputs[1].shape} does not fit {inputs[0].shape}")
        return inputs[0]

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (3 + len(inputs[1:]))

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        statistics = TensorSpec(inputs[0].shape[: -self.axes] + (1,) * self.axes, "float32")
        return Kept(inputs=tuple(range(len(inputs))), extra=(statistics,))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return _but_the_last(self.axes, inputs[index].shape, outputs[output].shape)


@dataclass(frozen=True, slots=True)
class GroupNorm(Op):
    """Normalise (N, C, ...) over ``groups`` groups of channels and all positions."""

    kind: ClassVar[str] = "group_norm"
    lies: ClassVar[str] = CHANNELS
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias")
    groups: int = 1

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        if len(shape) < 2:
            raise ConvatlasError(f"group_norm takes (N, C, ...), got {shape}")
        if shape[1] % self.groups:
            raise ConvatlasError(f"group_norm: {shape[1]} channels do not divide into {self.groups} groups")
        if len(inputs) > 1 and inputs[1].shape[0] != shape[1]:
            raise ConvatlasError(f"group_norm expects {inputs[1].shape[0]} channels, got {shape[1]} in {shape}")
        return inputs[0]

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (4 + len(inputs[1:]))

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        statistics = TensorSpec((inputs[0].shape[0], self.groups), "float32")
        return Kept(inputs=(0, 1) if len(inputs) > 1 else (0,), extra=(statistics, statistics))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        rank = len(inputs[0].shape)
        return broadcast_reads(inputs[index].shape, outputs[output].shape, tuple(range(1, rank)))


@dataclass(frozen=True, slots=True)
class InstanceNorm(Op):
    """Normalise each channel of each image over its positions."""

    kind: ClassVar[str] = "instance_norm"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias", "running_mean", "running_var")
    running: bool = False  # use the running statistics instead

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs[0].shape) < 3:
            raise ConvatlasError(f"instance_norm takes (N, C, size), got {inputs[0].shape}")
        return inputs[0]

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (2 if self.running else 6)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        # runs as a batch norm over N x C channels, with weights repeated N times
        channels = TensorSpec((inputs[0].shape[0] * inputs[0].shape[1],), "float32")
        return Kept(inputs=(0,), extra=(channels,) * (3 if len(inputs) > 1 else 2))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        mixed = () if self.running else tuple(range(2, len(inputs[0].shape)))
        return broadcast_reads(inputs[index].shape, outputs[output].shape, mixed)


@dataclass(frozen=True, slots=True)
class LocalResponseNorm(Op):
    """AlexNet's normalisation across ``size`` neighbouring channels: x / (k + alpha mean(x^2))^beta."""

    kind: ClassVar[str] = "local_response_norm"
    lies: ClassVar[str] = AS_INPUTS
    size: int = 5

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs[0].shape) < 3:
            raise ConvatlasError(f"local_response_norm takes (N, C, size), got {inputs[0].shape}")
        return inputs[0]

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (self.size + 5)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        batch, channels, *size = inputs[0].shape
        squares = TensorSpec((batch, channels + self.size - 1, *size), inputs[0].dtype)
        return Kept(inputs=(0,), extra=(squares, inputs[0], inputs[0]))


def _but_the_last(count: int, before: Shape, after: Shape) -> Reads:
    """Positions stay apart along all axes but the last ones, which are normalised together."""
    return broadcast_reads(before, after, tuple(range(len(before) - count, len(before))))


@dataclass(frozen=True, slots=True)
class WeightNorm(Op):
    """A weight made of its direction and the length along each position of ``axis``: length x direction / |direction|."""

    kind: ClassVar[str] = "weight_norm"
    roles: ClassVar[tuple[str, ...]] = ("direction", "length")
    axis: int = 0

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 3 * inputs[0].numel  # squared, added, scaled

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1), extra=(TensorSpec((inputs[0].shape[self.axis],), inputs[0].dtype),))
