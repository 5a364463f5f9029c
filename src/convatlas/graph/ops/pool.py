"""Pooling: max, average, Lp, fixed windows and adaptive ones. A window of K x K counts K x K element-wise operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from ..strides import Shape, Strides, dense_strides, element_wise, following, normal
from .base import CHANNELS, Kept, Specs, Window, sliding_size
from .conv import TooSmallError
from .window import _Windowed, ratio


@lru_cache(maxsize=4096)
def _sizes(size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool) -> Shape:
    """Windows along each axis."""
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple([sliding_size(n, k, s, p, d, ceil_mode) for n, k, s, p, d in axes])


@dataclass(frozen=True, slots=True)
class _Pool(_Windowed):
    kernel: tuple[int, ...] = (2, 2)
    stride: tuple[int, ...] = (2, 2)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    ceil_mode: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}{len(self.kernel)}d"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape, dtype = inputs[0]
        rank = len(self.kernel)
        if len(shape) != rank + 2 and len(shape) != rank + 1:
            raise ConvatlasError(f"{self.name} takes {rank + 2} axes (N, C, size), got {shape}")
        for k, p in zip(self.kernel, self.padding, strict=True):
            if 2 * p > k:
                raise ConvatlasError(f"{self.name}: padding {p} is more than half of the kernel {k}")
        out = _sizes(shape[-rank:], self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)
        if min(out) < 1:
            least = tuple([d * (k - 1) + 1 - 2 * p for k, p, d in zip(self.kernel, self.padding, self.dilation, strict=True)])
            raise TooSmallError(self.name, shape[-rank:], least)
        return TensorSpec(shape[:-rank] + out, dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) * prod(self.kernel)

    def spatial_axes(self, inputs: Specs) -> int:
        return len(self.kernel)

    def window(self, inputs: Specs, outputs: Specs) -> Window:
        return Window(self.kernel, self.stride, self.padding, self.dilation)


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """Maximum over each window; keeps its input and the int64 index of each maximum for backward."""

    kind: ClassVar[str] = "max_pool"
    lies: ClassVar[str] = CHANNELS

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,), extra=(TensorSpec(outputs[0].shape, "int64"),))


@dataclass(frozen=True, slots=True)
class AvgPool(_Pool):
    """Mean over each window."""

    kind: ClassVar[str] = "avg_pool"
    lies: ClassVar[str] = CHANNELS

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        # torch's one exception: in three dimensions padding does not make up for an input that is too small
        size = inputs[0].shape[-3:]
        if len(self.kernel) == 3 and len(size) == 3 and any(n < k for n, k in zip(size, self.kernel, strict=True)):
            raise TooSmallError(self.name, size, self.kernel)
        return _Pool.output(self, *inputs)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        before, after = inputs[0].shape, outputs[0].shape
        if strides[0] is None or len(before) != 3 or len(self.kernel) != 1:
            return _Pool.output_strides(self, inputs, strides, outputs)
        # runs on maps of height 1
        batch, channel, along = strides[0]
        lies = following((*before[:2], 1, before[2]), (batch, channel, before[2] * along, along), (*after[:2], 1, after[2]))
        return (lies and normal(after, (*lies[:2], lies[3])),)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,))


@dataclass(frozen=True, slots=True)
class LpPool(_Pool):
    """p-norm over each window."""

    kind: ClassVar[str] = "lp_pool"
    lies: ClassVar[str] = CHANNELS

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,), extra=(inputs[0], outputs[0], outputs[0]))


@dataclass(frozen=True, slots=True)
class _AdaptivePool(_Windowed):
    size: tuple[int | None, ...] = (1, 1)

    @property
    def name(self) -> str:
        return f"{self.kind}{len(self.size)}d"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        rank = len(self.size)
        if len(shape) not in (rank + 1, rank + 2):
            raise ConvatlasError(f"{self.name} takes {rank + 2} axes (N, C, size), got {shape}")
        out = tuple(n if s is None else s for n, s in zip(shape[-rank:], self.size, strict=True))
        return TensorSpec(shape[:-rank] + out, inputs[0].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        # window i spans floor(i n / m) to ceil((i + 1) n / m), so windows overlap where m does not divide n
        rank = len(self.size)
        taps = 1
        for n, m in zip(inputs[0].shape[-rank:], outputs[0].shape[-rank:], strict=True):
            taps *= n if n % m == 0 else sum(-(-(i + 1) * n // m) - i * n // m for i in range(m))
        return prod(outputs[0].shape[:-rank]) * taps

    def spatial_axes(self, inputs: Specs) -> int:
        return len(self.size)

    def sees(self, place: int, position: int, inputs: Specs, outputs: Specs) -> Sequence[int]:
        before, after = self.rate(place, inputs, outputs)
        return range(position * before // after, -(-(position + 1) * before // after))

    def rate(self, place: int, inputs: Specs, outputs: Specs) -> tuple[int, int]:
        rank = len(self.size)
        return ratio(inputs[0].shape[place - rank], outputs[0].shape[place - rank])


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool(_AdaptivePool):
    """Mean over equal parts, however large the input is."""

    kind: ClassVar[str] = "adaptive_avg_pool"
    lies: ClassVar[str] = CHANNELS

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        return (None,) if len(self.size) == 3 else _AdaptivePool.output_strides(self, inputs, strides, outputs)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept() if self.is_mean else Kept(inputs=(0,))

    @property
    def is_mean(self) -> bool:
        """Whether torch runs it as a mean, which keeps nothing but a shape."""
        return all(size == 1 for size in self.size)

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        if self.is_mean and len(self.size) < 3:  # one value, repeated over the map and divided
            repeated = dense_strides(gradient.shape) if strides is None else strides
            return (element_wise(given[0].shape, ((given[0].shape, (*repeated[: -len(self.size)], *(0,) * len(self.size))),)),)
        return _AdaptivePool.gradient_strides(self, given, lay, gradient, strides)


@dataclass(frozen=True, slots=True)
class AdaptiveMaxPool(_AdaptivePool):
    """Maximum over equal parts, however large the input is."""

    kind: ClassVar[str] = "adaptive_max_pool"
    lies: ClassVar[str] = CHANNELS

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,), extra=(TensorSpec(outputs[0].shape, "int64"),))
