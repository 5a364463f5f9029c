"""Ops that copy elements: concatenation, padding, copies, indexing. No arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec, promote
from ..strides import Strides, channels_last_strides, element_wise, following, normal
from .base import NOTHING, Backward, Kept, Op, Specs, axis_of
from .conv import TooSmallError
from .reading import NOTHING_THERE, OTHER_END, PADDING, Along, Reads, nowhere, picked, straight

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

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        axis, start, found = axis_of(self.axis, len(call.spec(grad).shape)), 0, list[int | None]()
        for value, need in zip(call.inputs, call.needs, strict=True):
            length = 0 if call.spec(value).shape == _NO_ELEMENTS else call.spec(value).shape[axis]
            found.append(call.part(grad, axis, start, length) if need else None)
            start += length
        return found

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape, after = inputs[index].shape, outputs[0].shape
        if len(shape) != len(after):
            return nowhere(after)
        own = axis_of(self.axis, len(after))
        start = sum([spec.shape[own] for spec in inputs[:index] if spec.shape != _NO_ELEMENTS])
        part = Along(own, after[own], 1, ((-start,),), NOTHING_THERE)
        return tuple([(part,) if axis == own else (Along(axis, size),) for axis, size in enumerate(shape)])


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

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        axis = axis_of(self.axis, len(call.spec(grad).shape))
        return [call.part(grad, axis, place, 1, keep_axis=False) if need else None for place, need in enumerate(call.needs)]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        own = axis_of(self.axis, len(outputs[0].shape))
        axes = range(len(inputs[index].shape))
        return picked(inputs[index].shape, (*axes[:own], -1, *axes[own:]))


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

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        after = outputs[0].shape
        before = (0,) * (len(after) - len(self.padding) // 2) + self.padding[-2::-2]
        beyond = OTHER_END if self.mode == "circular" else PADDING
        starts = enumerate(zip(after, before, strict=True))
        return tuple([(Along(axis, size, 1, ((-start,),), beyond),) for axis, (size, start) in starts])


@dataclass(frozen=True, slots=True)
class Copy(Op):
    """A fresh copy of the same shape (clone, contiguous, tril), or of a given ``shape`` whose places are unknown (one_hot)."""

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
        if self.memory_format == "contiguous" or self.function in ("contiguous", "repeat_interleave"):
            return (None,)
        if self.function == "clone":
            return (element_wise(shape, ((shape, strides[0]),)),)
        return (following(inputs[0].shape, strides[0], shape),)

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        return list(grads) if self.function in ("clone", "contiguous") else call.kernel(grads, call.needs)

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        after = outputs[0].shape
        return straight(after, after) if self.shape is None else nowhere(after)


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

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        whole, found = call.spec(grad), list[int | None]([None] * len(call.inputs))
        everywhere = self.shape == whole.shape
        if call.needs[0]:
            found[0] = call.add(Fill(whole.shape, whole.dtype) if everywhere else Copy("clone"), *([] if everywhere else [grad]))
        if len(call.inputs) > 1 and call.needs[1]:
            given = [whole, TensorSpec(self.shape, whole.dtype)]
            found[1] = grad if everywhere else call.kernel(grads, (False, True), given)[1]
        return found

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape, after = inputs[index].shape, outputs[0].shape
        return straight(shape, after) if shape == after else nowhere(after)


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

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        after = outputs[0].shape
        if index == 0:
            return straight(after, after)
        found: list[tuple[Along, ...]] = [()] * len(after)
        for axis, into in enumerate(self.axes or ()):
            if into >= 0:
                places = [divmod(place - self.offset[into], self.step[into]) for place in range(self.step[into])]
                seen = tuple([() if between else (position,) for position, between in places])
                found[into] = (Along(axis, after[into], 1, seen, NOTHING_THERE),)
        return tuple(found)


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

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return nowhere(outputs[0].shape)


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

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        after = outputs[0].shape
        return nowhere(after) if index else straight(inputs[0].shape, after, (len(after) - 1,))


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
