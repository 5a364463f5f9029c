"""Ops that move elements: concatenation, padding, copies, indexing, resampling. No arithmetic but resampling's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec, promote
from ..strides import Strides, channels_last_strides, element_wise, following, normal
from .base import CHANNELS, NOTHING, Kept, Op, Passage, Specs, Window, axis_of, ratio, window_seen
from .conv import TooSmallError

_NO_ELEMENTS = (0,)  # a tensor of this shape is left out of a concatenation, whatever the rank of the others


@dataclass(frozen=True, slots=True)
class Concat(Op):
    """Tensors one after another along ``axis``."""

    kind: ClassVar[str] = "concat"
    axis: int = 1

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        first, dtype = inputs[0]
        if first == _NO_ELEMENTS:
            inputs = tuple([spec for spec in inputs if spec.shape != _NO_ELEMENTS]) or inputs[:1]
            first, dtype = inputs[0]
        axis = axis_of(self.axis, len(first))
        before, after = first[:axis], first[axis + 1 :]
        total, fitting = 0, first
        for shape, kind in inputs:
            if shape != fitting:  # mostly it is that of the one before
                if shape == _NO_ELEMENTS:
                    continue
                if shape[:axis] != before or shape[axis + 1 :] != after:
                    raise ConvatlasError(f"concat along axis {axis}: {first} and {shape} differ elsewhere")
                fitting = shape
            total += shape[axis]
            if kind != dtype:
                dtype = promote(dtype, kind)
        return TensorSpec((*before, total, *after), dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        found = {following(spec.shape, lies, outputs[0].shape) for spec, lies in zip(inputs, strides, strict=True)}
        return (found.pop() if len(found) == 1 else None,)

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return None if axis == axis_of(self.axis, len(outputs[0].shape)) else Passage(axis)


@dataclass(frozen=True, slots=True)
class Stack(Op):
    """Tensors of one shape side by side along a new ``axis``."""

    kind: ClassVar[str] = "stack"
    axis: int = 0

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        if any(spec.shape != shape for spec in inputs):
            raise ConvatlasError(f"stack: shapes differ, {shape} and {next(s.shape for s in inputs if s.shape != shape)}")
        axis = axis_of(self.axis, len(shape) + 1)
        return TensorSpec((*shape[:axis], len(inputs), *shape[axis:]), inputs[0].dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        shape = inputs[0].shape
        axis = axis_of(self.axis, len(shape) + 1)
        if axis == len(shape):
            return (None,)
        # runs as a concatenation along the axis, which is then cut in two
        joined = TensorSpec((*shape[:axis], len(inputs) * shape[axis], *shape[axis + 1 :]))
        lies = Concat(axis).output_strides(inputs, strides, [joined])[0]
        return (lies and normal(outputs[0].shape, (*lies[:axis], shape[axis] * lies[axis], *lies[axis:])),)

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return Passage(axis + (axis >= axis_of(self.axis, len(outputs[0].shape))))


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """More positions around: ``padding`` is torch's, pairs from the last axis backwards; negative ones crop."""

    kind: ClassVar[str] = "pad"
    padding: tuple[int, ...] = ()
    mode: str = "constant"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = list(inputs[0].shape)
        if len(self.padding) % 2 or len(self.padding) > 2 * len(shape):
            raise ConvatlasError(f"pad: {self.padding} are no pairs for the axes of {inputs[0].shape}")
        for axis, (before, after) in enumerate(zip(self.padding[::2], self.padding[1::2], strict=True), start=1):
            limit = shape[-axis] - (self.mode == "reflect")
            if self.mode in ("reflect", "circular") and max(before, after) > limit:
                raise TooSmallError(f"pad ({self.mode})", (shape[-axis],), (max(before, after) + (self.mode == "reflect"),))
            if shape[-axis] + min(before, 0) + min(after, 0) < 0:
                raise ConvatlasError(f"pad: {inputs[0].shape} has nothing left after {self.padding}")
            shape[-axis] += before + after
        return TensorSpec(tuple(shape), inputs[0].dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        return (None if self.mode == "circular" else following(inputs[0].shape, strides[0], outputs[0].shape),)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return NOTHING if self.mode == "constant" else Kept(inputs=(0,))

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        place = 2 * (len(inputs[0].shape) - 1 - axis)
        return Passage(axis, -self.padding[place] if place < len(self.padding) else 0)


@dataclass(frozen=True, slots=True)
class Copy(Op):
    """A fresh copy of the same shape (clone, contiguous, flip, roll), or of a given ``shape`` (repeat, tile)."""

    kind: ClassVar[str] = "copy"
    packs: ClassVar[bool] = False
    function: str = "clone"
    shape: tuple[int, ...] | None = None
    memory_format: str = "preserve"  # or "contiguous", or "channels_last"

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return inputs[0] if self.shape is None else TensorSpec(self.shape, inputs[0].dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        shape = outputs[0].shape
        if self.memory_format == "channels_last":
            return (normal(shape, channels_last_strides(shape)),)
        if self.memory_format == "contiguous" or self.function in ("contiguous", "repeat"):
            return (None,)
        if self.function in ("clone", "flip"):
            return (element_wise(shape, ((shape, strides[0]),)),)
        return (following(inputs[0].shape, strides[0], shape),)

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return Passage(axis) if self.function in ("clone", "contiguous", "channel_shuffle") else None


@dataclass(frozen=True, slots=True)
class Assign(Op):
    """Write the second tensor into the first (copy_, indexed assignment)."""

    kind: ClassVar[str] = "assign"
    roles: ClassVar[tuple[str, ...]] = ("target", "source")
    is_view: ClassVar[bool] = True
    shape: tuple[int, ...] = ()  # of the part that is written

    @property
    def in_place(self) -> bool:
        return True

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        return inputs[1].nbytes if len(inputs) > 1 else 0

    def bytes_written(self, inputs: Specs, outputs: Specs) -> int:
        return TensorSpec(self.shape, inputs[0].dtype).nbytes

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return Passage(axis) if inputs[index].shape == outputs[0].shape else None


@dataclass(frozen=True, slots=True)
class Insert(Op):
    """What a tensor holds after a part of it was written through a view: the call that wrote has moved the elements.

    ``offset``, ``step`` and ``axes`` tell the part, as in `Slice`.
    """

    kind: ClassVar[str] = "insert"
    roles: ClassVar[tuple[str, ...]] = ("whole", "part")
    is_view: ClassVar[bool] = True
    offset: tuple[int, ...] = ()
    step: tuple[int, ...] = ()
    axes: tuple[int, ...] | None = None  # which axis of the whole each axis of the part is; -1: a new one. None: unknown

    @property
    def in_place(self) -> bool:
        return True

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        return 0

    def bytes_written(self, inputs: Specs, outputs: Specs) -> int:
        return 0

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        if index == 0:
            return Passage(axis)
        if self.axes is None or self.axes[axis] < 0:
            return None
        into = self.axes[axis]
        return Passage(into, -self.offset[into]) if self.step[into] == 1 else None


@dataclass(frozen=True, slots=True)
class Gather(Op):
    """Elements picked by an index tensor (index, gather, index_select, take); keeps the indices."""

    kind: ClassVar[str] = "gather"
    roles: ClassVar[tuple[str, ...]] = ("input", "index")
    shape: tuple[int, ...] = ()

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec(self.shape, inputs[0].dtype)

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        return sum(spec.nbytes for spec in (*outputs, *inputs[1:]))

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=tuple(range(1, len(inputs))))

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return None


@dataclass(frozen=True, slots=True)
class Embedding(Op):
    """Rows of a table (count, width) picked by integer indices."""

    kind: ClassVar[str] = "embedding"
    roles: ClassVar[tuple[str, ...]] = ("index", "weight")

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec((*inputs[0].shape, inputs[1].shape[-1]), inputs[1].dtype)

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        return inputs[0].nbytes + outputs[0].nbytes

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,))

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return Passage(axis) if index == 0 else None


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

    def window(self, inputs: Specs, outputs: Specs) -> Window:
        if self.inverse:
            return Window((self.factor,) * 2, (self.factor,) * 2, (0, 0), (1, 1))
        return window_seen(self, 2, inputs, outputs)

    def sees(self, place: int, position: int, inputs: Specs, outputs: Specs) -> Sequence[int]:
        return Op.sees(self, place, position, inputs, outputs) if self.inverse else (position // self.factor,)

    def rate(self, place: int, inputs: Specs, outputs: Specs) -> tuple[int, int]:
        return (self.factor, 1) if self.inverse else (1, self.factor)


@dataclass(frozen=True, slots=True)
class Interpolate(Op):
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
        return {"nearest": 1, "nearest-exact": 1, "bicubic": 4}.get(self.mode, 2)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 0 if self.taps == 1 else 2 * self.taps ** len(self.size) * prod(outputs[0].shape)

    def window(self, inputs: Specs, outputs: Specs) -> Window:
        return window_seen(self, len(self.size), inputs, outputs)

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
    """Bilinear look-up at positions that the network itself computes."""

    kind: ClassVar[str] = "grid_sample"
    roles: ClassVar[tuple[str, ...]] = ("input", "grid")

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec((*inputs[0].shape[:2], *inputs[1].shape[1:-1]), inputs[0].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 8 * prod(outputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1))

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return None


@dataclass(frozen=True, slots=True)
class Fill(Op):
    """A tensor made of nothing: zeros, ones, arange, random numbers."""

    kind: ClassVar[str] = "fill"
    roles: ClassVar[tuple[str, ...]] = ()
    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    function: str = "zeros"

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec(self.shape, self.dtype)
