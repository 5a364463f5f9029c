"""Convolutions, 1 to 3 dimensions: plain, grouped, depthwise, dilated, transposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from ..strides import Strides, channels_last_strides, following, normal
from .base import Kept, Op, Specs, Window, sliding_size
from .reading import Along, Overlap, Reads, cut, straight
from .window import _Windowed


class TooSmallError(ConvatlasError):
    """An input is smaller than an op's window. ``got`` and ``least`` are sizes along one axis, before padding."""

    def __init__(self, op: str, got: tuple[int, ...], least: tuple[int, ...]) -> None:
        self.got, self.least = got, least
        shown = ["x".join(map(str, size)) for size in (got, least)]
        super().__init__(f"{op} got {shown[0]}, but needs at least {shown[1]}")


@lru_cache(maxsize=4096)
def _sizes(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """Output positions along each axis."""
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple([(n + p[0] + p[1] - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes])


def _convolved(inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
    """Channels innermost where the input's or the weight's are."""
    result = outputs[0].shape
    of_input = following(inputs[0].shape, strides[0], result)
    return (following(inputs[1].shape, strides[1], result) if of_input is None else of_input,)


def _gradients_lie(given: Specs, lay: Sequence[Strides]) -> tuple[Strides, ...]:
    """As `_convolved`: the gradients of both, where one of both has its channels innermost."""
    last = any(following(spec.shape, own, spec.shape) for spec, own in zip(given[:2], lay, strict=False))
    shapes = [spec.shape for spec in given]
    return tuple([normal(shape, channels_last_strides(shape)) if last and len(shape) in (4, 5) else None for shape in shapes])


@dataclass(frozen=True, slots=True)
class Conv(_Windowed):
    """Convolution of (N, C, *size) with a weight (C_out, C / groups, *kernel): MACs = outputs x C / groups x prod(kernel)."""

    kind: ClassVar[str] = "conv"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias")
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))  # before and after, for each axis
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1

    @property
    def name(self) -> str:
        return f"conv{len(self.stride)}d"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape, weight = inputs[0].shape, inputs[1].shape
        rank = len(self.stride)
        if len(shape) != rank + 2 and len(shape) != rank + 1:
            raise ConvatlasError(f"conv{rank}d takes {rank + 2} axes (N, C, size), got {shape}")
        batch, channels, size = shape[: -rank - 1], shape[-rank - 1], shape[-rank:]
        if channels != weight[1] * self.groups:
            raise ConvatlasError(f"conv{rank}d expects {weight[1] * self.groups} channels, got {channels} in {shape}")
        if weight[0] % self.groups:
            raise ConvatlasError(f"conv{rank}d: {weight[0]} filters do not divide into {self.groups} groups")
        out = _sizes(size, weight[2:], self.stride, self.padding, self.dilation)
        if min(out) < 1:
            raise TooSmallError(
                f"conv{rank}d",
                size,
                tuple(d * (k - 1) + 1 - sum(p) for k, d, p in zip(weight[2:], self.dilation, self.padding, strict=True)),
            )
        return TensorSpec((*batch, weight[0], *out), inputs[0].dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        return _convolved(inputs, strides, outputs)

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        return _gradients_lie(given, lay)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) * prod(inputs[1].shape[1:])

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        return self.macs(inputs, outputs) * sum(needs_grad[:2])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) if len(inputs) > 2 else 0  # the bias

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1))

    def spatial_axes(self, inputs: Specs) -> int:
        return len(self.stride)

    def mixes_channels(self, inputs: Specs) -> bool:
        return not self.groups == inputs[1].shape[0] == inputs[0].shape[-len(self.stride) - 1]  # depthwise

    def window(self, inputs: Specs, outputs: Specs) -> Window:
        return Window(inputs[1].shape[2:], self.stride, tuple(p[0] for p in self.padding), self.dilation)


@dataclass(frozen=True, slots=True)
class ConvTranspose(_Windowed):
    """Transposed convolution with a weight (C, C_out / groups, *kernel): MACs = inputs x C_out / groups x prod(kernel)."""

    kind: ClassVar[str] = "conv_transpose"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias")
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    output_padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1

    @property
    def name(self) -> str:
        return f"conv_transpose{len(self.stride)}d"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape, weight = inputs[0].shape, inputs[1].shape
        rank = len(self.stride)
        if len(shape) != rank + 2 and len(shape) != rank + 1:
            raise ConvatlasError(f"{self.name} takes {rank + 2} axes (N, C, size), got {shape}")
        if shape[-rank - 1] != weight[0]:
            raise ConvatlasError(f"{self.name} expects {weight[0]} channels, got {shape[-rank - 1]} in {shape}")
        if weight[0] % self.groups:
            raise ConvatlasError(f"{self.name}: {weight[0]} channels do not divide into {self.groups} groups")
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ConvatlasError(f"{self.name}: output_padding {extra} must be below stride {s} or dilation {d}")
        out = [
            (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            for n, k, s, p, d, o in zip(
                shape[-rank:], weight[2:], self.stride, self.padding, self.dilation, self.output_padding, strict=True
            )
        ]
        if min(out) < 1:
            least = [
                -(-max(2 * p - d * (k - 1) - o, 0) // s) + 1
                for k, s, p, d, o in zip(weight[2:], self.stride, self.padding, self.dilation, self.output_padding, strict=True)
            ]
            raise TooSmallError(self.name, shape[-rank:], tuple(least))
        return TensorSpec((*shape[: -rank - 1], weight[1] * self.groups, *out), inputs[0].dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        return _convolved(inputs, strides, outputs)

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        return _gradients_lie(given, lay)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * prod(inputs[1].shape[1:])

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        return self.macs(inputs, outputs) * sum(needs_grad[:2])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) if len(inputs) > 2 else 0

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1))

    def spatial_axes(self, inputs: Specs) -> int:
        return len(self.stride)

    def mixes_channels(self, inputs: Specs) -> bool:
        return True

    def sees(self, place: int, position: int, inputs: Specs, outputs: Specs) -> Sequence[int]:
        # input i goes to the outputs i * stride - padding + tap * dilation
        stride, place_of = self.stride[place], position + self.padding[place]
        reached = [place_of - tap * self.dilation[place] for tap in range(inputs[1].shape[2 + place])]
        return sorted(n // stride for n in reached if n % stride == 0)

    def rate(self, place: int, inputs: Specs, outputs: Specs) -> tuple[int, int]:
        return 1, self.stride[place]


@dataclass(frozen=True, slots=True)
class Unfold(Op):
    """Sliding windows as columns: (N, C, H, W) -> (N, C x prod(kernel), windows)."""

    kind: ClassVar[str] = "unfold"
    kernel: tuple[int, ...] = (1, 1)
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs[0].shape) not in (3, 4):
            raise ConvatlasError(f"unfold takes 4 axes (N, C, H, W), got {inputs[0].shape}")
        *batch, channels, height, width = inputs[0].shape
        windows = _windows((height, width), self)
        if min(windows) < 1:
            raise TooSmallError("unfold", (height, width), _least_size(self))
        return TensorSpec((*batch, channels * prod(self.kernel), prod(windows)), inputs[0].dtype)

    def spatial_axes(self, inputs: Specs) -> int:
        return 2

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        *batch, channels, height, width = inputs[0].shape
        lead = len(batch)
        windows, taps = [], []
        for place, count in enumerate(_windows((height, width), self)):
            axis, stride, start = lead + 1 + place, self.stride[place], -self.padding[place]
            windows.append(Along(axis, count, stride, ((start,),)))
            taps.append(Along(axis, self.kernel[place], self.dilation[place]))
        samples = [(Along(axis, size),) for axis, size in enumerate(batch)]
        return (*samples, (Along(lead, channels), *taps), tuple(windows))


@dataclass(frozen=True, slots=True)
class Fold(Op):
    """Columns back to a map, overlapping windows added: (N, C x prod(kernel), windows) -> (N, C, *size)."""

    kind: ClassVar[str] = "fold"
    size: tuple[int, ...] = (1, 1)
    kernel: tuple[int, ...] = (1, 1)
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs[0].shape) not in (2, 3):
            raise ConvatlasError(f"fold takes 3 axes (N, C x kernel, windows), got {inputs[0].shape}")
        *batch, columns, count = inputs[0].shape
        windows = prod(_windows(self.size, self))
        if columns % prod(self.kernel) or count != windows:
            raise ConvatlasError(f"fold to {self.size} expects {windows} windows of {self.kernel} each, got {inputs[0].shape}")
        return TensorSpec((*batch, columns // prod(self.kernel), *self.size), inputs[0].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape)

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        *batch, columns, _ = inputs[0].shape
        lead = len(batch)
        channels, *taps = cut(lead, (columns // prod(self.kernel), *self.kernel))
        windows = cut(lead + 1, tuple(_windows(self.size, self)))
        samples = straight(inputs[0].shape[:lead], outputs[0].shape[:lead])
        settings = zip(windows, taps, self.size, self.stride, self.padding, self.dilation, strict=True)
        return (*samples, (channels,), *((Overlap(*each),) for each in settings))


def _windows(size: tuple[int, ...], op: Unfold | Fold) -> list[int]:
    """How many windows fit along each axis."""
    return [sliding_size(n, k, s, p, d) for n, k, s, p, d in zip(size, op.kernel, op.stride, op.padding, op.dilation, strict=True)]


def _least_size(op: Unfold | Fold) -> tuple[int, ...]:
    return tuple(d * (k - 1) + 1 - 2 * p for k, p, d in zip(op.kernel, op.padding, op.dilation, strict=True))
