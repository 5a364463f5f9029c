"""Resampling: to another size, or at positions that the network computes. A weighted mean counts a product and a sum for each tap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from .base import CHANNELS, Kept, Op, Specs
from .reading import Reads, picked
from .window import _Windowed, ratio

_TAPS = {"nearest": 1, "nearest-exact": 1, "bicubic": 4}  # along one axis; the others take 2


def _weighted(taps: int, rank: int) -> int:
    """Operations for each output; the nearest position is only moved."""
    return 0 if taps == 1 else 2 * taps**rank


@dataclass(frozen=True, slots=True)
class Interpolate(_Windowed):
    """Resample the spatial axes to ``size``: by the nearest position, or a weighted mean of 2 or 4 an axis."""

    kind: ClassVar[str] = "interpolate"
    lies: ClassVar[str] = CHANNELS
    size: tuple[int, ...] = (1, 1)
    mode: str = "nearest"
    align_corners: bool = False
    antialias: bool = False

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        if len(shape) != len(self.size) + 2:
            raise ConvatlasError(f"interpolate to {self.size} takes {len(self.size) + 2} axes (N, C, size), got {shape}")
        if min(self.size) < 1 and self.mode != "area":
            raise ConvatlasError(f"interpolate: {shape[2:]} leaves nothing at {self.size}")
        return TensorSpec((*inputs[0].shape[:2], *self.size), inputs[0].dtype)

    @property
    def taps(self) -> int:
        """Input positions that each output is a mean of, along one axis."""
        return _TAPS.get(self.mode, 2)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return _weighted(self.taps, len(self.size)) * prod(outputs[0].shape)

    def spatial_axes(self, inputs: Specs) -> int:
        return len(self.size)

    def sees(self, place: int, position: int, inputs: Specs, outputs: Specs) -> Sequence[int]:
        before, after = self.rate(place, inputs, outputs)
        if self.mode == "nearest":
            return (position * before // after,)
        if self.mode == "area" or (self.antialias and before > after):
            reach = 0 if self.mode == "area" else (self.taps // 2) * before // after  # a wider filter, to smooth
            return range(position * before // after - reach, -(-(position + 1) * before // after) + reach)
        if self.mode == "nearest-exact":
            return ((2 * position + 1) * before // (2 * after),)
        # the place between two input positions, in 1/(2 after) of them: corners or centres coincide
        place_of = 2 * position * before if self.align_corners else (2 * position + 1) * before - after
        first, between = divmod(place_of, 2 * after)
        if not between:
            return (first,)
        return range(first + 1 - self.taps // 2, first + 1 + self.taps // 2)

    def rate(self, place: int, inputs: Specs, outputs: Specs) -> tuple[int, int]:
        before, after = inputs[0].shape[2 + place], self.size[place]
        if self.align_corners and before > 1 and after > 1:
            return ratio(before - 1, after - 1)
        return ratio(before, after)


@dataclass(frozen=True, slots=True)
class GridSample(Op):
    """Look-up at positions that the network itself computes: the nearest one, or a weighted mean of 2 or 4 an axis."""

    kind: ClassVar[str] = "grid_sample"
    roles: ClassVar[tuple[str, ...]] = ("input", "grid")
    mode: str = "bilinear"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape, grid = inputs[0].shape, inputs[1].shape
        if len(shape) not in (4, 5) or len(grid) != len(shape) or grid[-1] != len(shape) - 2 or grid[0] != shape[0]:
            raise ConvatlasError(f"grid_sample takes (N, C, size) and a grid (N, size, axes), got {shape} and {grid}")
        if self.mode == "bicubic" and len(shape) == 5:
            raise ConvatlasError(f"grid_sample: mode 'bicubic' takes 4 axes (N, C, H, W), got {shape}")
        return TensorSpec((*shape[:2], *grid[1:-1]), inputs[0].dtype)

    def spatial_axes(self, inputs: Specs) -> int:
        return len(inputs[0].shape) - 2

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return _weighted(_TAPS.get(self.mode, 2), self.spatial_axes(inputs)) * prod(outputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        rank = self.spatial_axes(inputs)
        if index:
            return picked(inputs[1].shape, (0, -1, *range(1, 1 + rank)))
        return picked(inputs[0].shape, (0, 1, *(-1,) * rank))
