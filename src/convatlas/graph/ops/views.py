"""Ops that only rename elements: the same ones in another shape, order or part. Nothing moves, unless a view has to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from ..strides import Shape, view_strides
from .base import Backward, Op, Specs, axis_of
from .layout import Concat, Fill, Stack
from .reading import Along, Reads, nowhere, picked, regrouped, straight, without


@dataclass(frozen=True, slots=True)
class Alias(Op):
    """The same tensor under another name, through which no gradient flows (detach)."""

    kind: ClassVar[str] = "identity"
    is_view: ClassVar[bool] = True
    differentiable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class View(Op):
    """The same elements in another shape (view, reshape, flatten, squeeze); ``copies`` where the memory layout forbids a view."""

    kind: ClassVar[str] = "view"
    shape: tuple[int, ...] = ()
    function: str = "view"
    copies: bool = False

    @property
    def name(self) -> str:
        return self.function

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return not self.copies

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        count = prod(inputs[0].shape)
        if -1 in self.shape:
            rest = -prod(self.shape)
            if rest == 0 or count % rest:
                raise ConvatlasError(f"{self.function}: {inputs[0].shape} does not fit into {self.shape}")
            return TensorSpec(tuple(count // rest if n == -1 else n for n in self.shape), inputs[0].dtype)
        if prod(self.shape) != count:
            raise ConvatlasError(f"{self.function}: {inputs[0].shape} does not fit into {self.shape}")
        return TensorSpec(self.shape, inputs[0].dtype)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape | None:
        return view_strides(shape, strides, result)

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        return [call.view(grad, call.spec(call.inputs[0]).shape)]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return regrouped(inputs[0].shape, outputs[0].shape)


@dataclass(frozen=True, slots=True)
class Permute(Op):
    """The axes in another order (permute, transpose); a view."""

    kind: ClassVar[str] = "permute"
    packs: ClassVar[bool] = False
    is_view: ClassVar[bool] = True
    axes: tuple[int, ...] = ()

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        if sorted([axis_of(axis, len(shape)) for axis in self.axes]) != list(range(len(shape))):
            raise ConvatlasError(f"permute: {self.axes} is no order of the axes of {shape}")
        return TensorSpec(tuple([shape[axis] for axis in self.axes]), inputs[0].dtype)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape:
        return tuple([strides[axis] for axis in self.axes])

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        places = [axis % len(self.axes) for axis in self.axes]
        return [call.add(Permute(tuple([places.index(axis) for axis in range(len(places))])), grad)]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return picked(inputs[0].shape, tuple([axis % len(self.axes) for axis in self.axes]))


@dataclass(frozen=True, slots=True)
class Expand(Op):
    """Axes of size 1 repeated without copying."""

    kind: ClassVar[str] = "expand"
    packs: ClassVar[bool] = False
    is_view: ClassVar[bool] = True
    shape: tuple[int, ...] = ()

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        before = (1,) * (len(self.shape) - len(inputs[0].shape)) + inputs[0].shape
        if len(before) > len(self.shape):
            raise ConvatlasError(f"expand: {inputs[0].shape} has more axes than {self.shape}")
        if any(n not in (-1, m) and m != 1 for m, n in zip(before, self.shape, strict=True)):
            raise ConvatlasError(f"expand: {inputs[0].shape} does not expand to {self.shape}")
        return TensorSpec(tuple(m if n == -1 else n for m, n in zip(before, self.shape, strict=True)), inputs[0].dtype)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape:
        lead = len(result) - len(shape)
        sizes = zip(result, (1,) * lead + shape, (0,) * lead + strides, strict=True)
        return tuple([stride if n == before else 0 for n, before, stride in sizes])

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        return [grad]


@dataclass(frozen=True, slots=True)
class Slice(Op):
    """A rectangular part (indexing by numbers and slices, narrow); a view of ``shape``."""

    kind: ClassVar[str] = "slice"
    packs: ClassVar[bool] = False
    is_view: ClassVar[bool] = True
    shape: tuple[int, ...] = ()
    offset: tuple[int, ...] = ()  # where the part begins along each axis of the input
    step: tuple[int, ...] = ()
    axes: tuple[int, ...] | None = None  # which axis of the input each axis of the part is; -1: a new one. None: unknown

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec(self.shape, inputs[0].dtype)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape | None:
        if self.axes is None:
            return None
        return tuple([0 if axis < 0 else strides[axis] * self.step[axis] for axis in self.axes])

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        """Zeros around the part: torch cuts one axis after the other, and puts them back one after the other."""
        whole = call.spec(call.inputs[0])
        if self.axes is None:
            return call.kernel(grads, call.needs)
        there = {axis: n for axis, n in zip(self.axes, self.shape, strict=True) if axis >= 0}
        for axis in reversed(range(len(whole.shape))):
            if there.get(axis) != whole.shape[axis]:
                there[axis] = whole.shape[axis]
                shape = tuple([there[each] for each in sorted(there)])
                grads = call.kernel(grads, call.needs, [TensorSpec(shape, whole.dtype)])
                call.let_go(0, grads[0])
        return [None if grad is None else call.view(grad, whole.shape) for grad in grads]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        if self.axes is None:
            return nowhere(self.shape)
        along = [(axis, size) for axis, size in zip(self.axes, self.shape, strict=True)]
        kept = [() if axis < 0 else (Along(axis, size, self.step[axis], ((self.offset[axis],),)),) for axis, size in along]
        return tuple(kept)


@dataclass(frozen=True, slots=True)
class Split(Op):
    """Parts of given ``sizes`` along ``axis`` (split, chunk, unbind); all are views."""

    kind: ClassVar[str] = "split"
    packs: ClassVar[bool] = False
    is_view: ClassVar[bool] = True
    sizes: tuple[int, ...] = ()
    axis: int = 1
    keep_axis: bool = True

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        shape, dtype = inputs[0]
        axis = axis_of(self.axis, len(shape))
        if sum(self.sizes) != shape[axis]:
            raise ConvatlasError(f"split: sizes {self.sizes} do not add up to {shape[axis]} along axis {axis} of {shape}")
        return tuple(
            TensorSpec(shape[:axis] + ((size,) if self.keep_axis else ()) + shape[axis + 1 :], dtype) for size in self.sizes
        )

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape:
        axis = axis_of(self.axis, len(shape))
        return strides if self.keep_axis else strides[:axis] + strides[axis + 1 :]

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        joined = []
        for value, grad in zip(call.outputs, grads, strict=True):
            shape, dtype = call.spec(value)
            zeros = Fill(shape if self.keep_axis else (), dtype)
            joined.append(call.add(zeros) if grad is None else grad)
        if self.keep_axis:
            return [call.add(Concat(self.axis), *joined)]
        part = call.spec(call.outputs[0]).shape
        whole = [value if call.spec(value).shape == part else call.add(Expand(part), value) for value in joined]
        return [call.add(Stack(self.axis), *whole)]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        own = axis_of(self.axis, len(shape))
        if not self.keep_axis:
            return without(shape, (own,))
        part = Along(own, self.sizes[output], 1, ((sum(self.sizes[:output]),),))
        return tuple([(part,) if axis == own else (Along(axis, size),) for axis, size in enumerate(shape)])


@dataclass(frozen=True, slots=True)
class Reinterpret(Op):
    """The same bytes as elements of another dtype: complex numbers as pairs and back, or any dtype as one of its size."""

    kind: ClassVar[str] = "view"
    is_view: ClassVar[bool] = True
    function: str = "view"
    shape: tuple[int, ...] = ()
    dtype: str = "float32"

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec(self.shape, self.dtype)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape | None:
        if len(result) > len(shape):  # as pairs
            return (*(2 * stride for stride in strides), 1)
        if len(result) < len(shape):
            return tuple([stride // 2 for stride in strides[:-1]])
        return strides if result == shape else None

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return straight(inputs[0].shape, self.shape)


@dataclass(frozen=True, slots=True)
class Windows(Op):
    """Windows of ``size`` positions along ``axis``, ``step`` apart (Tensor.unfold): their places in a new last axis."""

    kind: ClassVar[str] = "windows"
    is_view: ClassVar[bool] = True
    packs: ClassVar[bool] = False
    axis: int = 0
    size: int = 1
    step: int = 1

    @property
    def name(self) -> str:
        return "unfold"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        axis = axis_of(self.axis, len(shape))
        if self.size > shape[axis] or self.step < 1:
            raise ConvatlasError(f"unfold: windows of {self.size}, {self.step} apart, do not fit into axis {axis} of {shape}")
        count = (shape[axis] - self.size) // self.step + 1
        return TensorSpec((*shape[:axis], count, *shape[axis + 1 :], self.size), inputs[0].dtype)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape:
        axis = axis_of(self.axis, len(shape))
        return (*strides[:axis], strides[axis] * self.step, *strides[axis + 1 :], strides[axis])

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape, after = inputs[0].shape, outputs[0].shape
        own = axis_of(self.axis, len(shape))
        axes = [(Along(axis, after[axis], self.step if axis == own else 1),) for axis in range(len(shape))]
        return (*axes, (Along(own, self.size),))
