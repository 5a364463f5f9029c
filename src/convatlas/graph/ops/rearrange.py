"""Ops that put elements into another order or repeat them. They copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from .base import AS_INPUTS, CHANNELS, Op, Specs, axis_of
from .reading import OTHER_END, Along, Reads, cut, nowhere, straight


@dataclass(frozen=True, slots=True)
class PixelShuffle(Op):
    """(N, C r r, H, W) -> (N, C, H r, W r), or back (``inverse``)."""

    kind: ClassVar[str] = "pixel_shuffle"
    lies: ClassVar[str] = CHANNELS
    factor: int = 2
    inverse: bool = False

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs[0].shape) < 3:
            raise ConvatlasError(f"{self.kind} takes (N, C, H, W), got {inputs[0].shape}")
        *batch, channels, height, width = inputs[0].shape
        r = self.factor
        if self.inverse:
            if height % r or width % r:
                raise ConvatlasError(f"pixel_unshuffle: {height}x{width} does not divide by {r}")
            shape = (*batch, channels * r * r, height // r, width // r)
        else:
            if channels % (r * r):
                raise ConvatlasError(f"pixel_shuffle: {channels} channels do not divide by {r * r}")
            shape = (*batch, channels // (r * r), height * r, width * r)
        return TensorSpec(shape, inputs[0].dtype)

    def spatial_axes(self, inputs: Specs) -> int:
        return 2

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        r, shape = self.factor, inputs[0].shape
        lead = len(shape) - 3
        samples = straight(shape[:lead], shape[:lead])
        if self.inverse:
            (high, in_high), (wide, in_wide) = (cut(axis, (shape[axis] // r, r)) for axis in (lead + 1, lead + 2))
            return (*samples, (Along(lead, shape[lead]), in_high, in_wide), (high,), (wide,))
        channels, in_high, in_wide = cut(lead, (shape[lead] // (r * r), r, r))
        rows, columns = (Along(axis, shape[axis]) for axis in (lead + 1, lead + 2))
        return (*samples, (channels,), (rows, in_high), (columns, in_wide))


@dataclass(frozen=True, slots=True)
class ChannelShuffle(Op):
    """(N, groups x C, ...) -> (N, C x groups, ...): each group's channels spread over all."""

    kind: ClassVar[str] = "channel_shuffle"
    lies: ClassVar[str] = CHANNELS
    groups: int = 1

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        if len(shape) < 3 or shape[1] % self.groups:
            raise ConvatlasError(f"channel_shuffle: the channels of {shape} do not divide into {self.groups} groups")
        return inputs[0]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        group, within = cut(1, (self.groups, shape[1] // self.groups))
        return tuple([(within, group) if axis == 1 else (Along(axis, size),) for axis, size in enumerate(shape)])


@dataclass(frozen=True, slots=True)
class Flip(Op):
    """The positions along some axes from last to first."""

    kind: ClassVar[str] = "flip"
    lies: ClassVar[str] = AS_INPUTS
    axes: tuple[int, ...] = ()

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        turned = {axis_of(axis, len(shape)) for axis in self.axes}
        return tuple([
            (Along(axis, size, -1, ((size - 1,),)),) if axis in turned else (Along(axis, size),) for axis, size in enumerate(shape)
        ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Roll(Op):
    """The positions along some axes moved on by ``shifts``, the last ones coming first; along none: of all elements in a row."""

    kind: ClassVar[str] = "roll"
    lies: ClassVar[str] = CHANNELS
    shifts: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        # what comes in at the other end lies beside the border, as under circular padding
        shape = inputs[0].shape
        if not self.axes:
            return nowhere(shape)
        moves = dict.fromkeys(range(len(shape)), 0)
        for axis, shift in zip(self.axes, self.shifts, strict=True):
            moves[axis_of(axis, len(shape))] -= shift
        return tuple([(Along(axis, size, 1, ((moves[axis],),), OTHER_END),) for axis, size in enumerate(shape)])


@dataclass(frozen=True, slots=True)
class Repeat(Op):
    """Each axis so many times over: all of it after itself (repeat, tile), or ``interleaved``, each position after itself."""

    kind: ClassVar[str] = "repeat"
    counts: tuple[int, ...] = ()
    interleaved: bool = False

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        if len(self.counts) < len(shape):
            raise ConvatlasError(f"repeat: {self.counts} has fewer axes than {shape}")
        before = (1,) * (len(self.counts) - len(shape)) + shape
        return TensorSpec(tuple([size * count for size, count in zip(before, self.counts, strict=True)]), inputs[0].dtype)

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        lead = len(self.counts) - len(shape)
        found: list[tuple[Along, ...]] = [()] * lead
        for axis, (size, count) in enumerate(zip(shape, self.counts[lead:], strict=True)):
            times = [Along(-1, count)] if count > 1 else []
            found.append((Along(axis, size), *times) if self.interleaved else (*times, Along(axis, size)))
        return tuple(found)
