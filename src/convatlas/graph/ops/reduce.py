"""Reductions along axes, and losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from ..strides import Strides, element_wise
from .base import NOTHING, Backward, Kept, Op, Specs, axis_of, in_turn
from .layout import Copy
from .pointwise import Activation, Binary
from .reading import Reads, nowhere, straight, without
from .views import Expand

# what the derivative reads: extremes compare the output with the input, norms and variances read the input
_KEEPS = {
    "amax": Kept(inputs=(0,), outputs=(0,)),
    "amin": Kept(inputs=(0,), outputs=(0,)),
    "norm": Kept(inputs=(0,), outputs=(0,)),
    "logsumexp": Kept(inputs=(0,), outputs=(0,)),
    "var": Kept(inputs=(0,)),
    "std": Kept(inputs=(0,), outputs=(0,)),
    "prod": Kept(inputs=(0,), outputs=(0,)),
}
_BY_FORMULA = ("sum", "var", "std", "norm", "logsumexp", "amax", "amin")
_OPERATIONS = {"var": 3, "std": 3, "norm": 2, "logsumexp": 2}


@dataclass(frozen=True, slots=True)
class Reduce(Op):
    """Sum, mean, extreme, variance or norm over ``axes``: one operation for each element read."""

    kind: ClassVar[str] = "reduce"
    function: str = "mean"
    axes: tuple[int, ...] = ()
    keep_axes: bool = False
    dtype: str | None = None

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        rank = len(shape)
        gone = {axis_of(axis, rank) for axis in self.axes} if rank else set()
        if rank and len(gone) < len(self.axes):
            raise ConvatlasError(f"{self.function}: {self.axes} names an axis twice")
        kept = tuple(1 if axis in gone else size for axis, size in enumerate(shape) if self.keep_axes or axis not in gone)
        return TensorSpec(kept, self.dtype or inputs[0].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * _OPERATIONS.get(self.function, 1)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return _KEEPS.get(self.function, NOTHING)

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        x, shape = call.inputs[0], call.spec(call.inputs[0]).shape
        kept = tuple([1 if axis in {axis_of(each, len(shape)) for each in self.axes} else n for axis, n in enumerate(shape)])
        if self.function not in _BY_FORMULA or not shape:
            return call.kernel(grads, call.needs)
        if self.function == "std":
            grad = call.add(Binary("div"), grad, call.add(Activation("mul"), call.outputs[0]))
        grad = call.view(grad, kept)
        match self.function:
            case "sum":
                return [call.add(Expand(shape), grad)]
            case "var" | "std":
                centred = call.add(Binary("sub"), x, call.add(Reduce("mean", self.axes, True), x))
                return [call.add(Binary("mul"), call.add(Activation("mul"), grad), centred)]
            case "norm":
                return [call.add(Binary("mul"), grad, call.add(Binary("div"), x, call.view(call.outputs[0], kept)))]
            case "logsumexp":
                less = call.add(Binary("sub"), x, call.view(call.outputs[0], kept))
                return [call.add(Binary("mul"), grad, call.add(Activation("exp"), less))]
        # shared out among all that are equal to the extreme
        mask = call.add(Binary("eq"), call.view(call.outputs[0], kept), x)
        count = call.add(Reduce("sum", self.axes, True, "int64"), mask)
        return [call.add(Binary("mul"), call.add(Binary("div"), grad, count), mask)]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        gone = tuple({axis_of(each, len(shape)) for each in self.axes})
        return straight(shape, outputs[output].shape, gone) if self.keep_axes else without(shape, gone)


@dataclass(frozen=True, slots=True)
class Select(Op):
    """Extremes along ``axis`` with their indices (max, min, topk, sort, median): values and int64 indices."""

    kind: ClassVar[str] = "select"
    function: str = "max"
    axis: int = -1
    count: int | None = None  # how many along the axis; None removes the axis
    keep_axes: bool = False

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        shape = list(inputs[0].shape)
        if not shape:
            return inputs[0], TensorSpec((), "int64")
        axis = axis_of(self.axis, len(shape))
        if self.count is not None:
            shape[axis] = self.count
        elif self.keep_axes:
            shape[axis] = 1
        else:
            del shape[axis]
        return TensorSpec(tuple(shape), inputs[0].dtype), TensorSpec(tuple(shape), "int64")

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        lies = element_wise(outputs[0].shape, ((inputs[0].shape, strides[0]),)) if self.function == "sort" else None
        return (lies, lies)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(outputs=(1,))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        if not shape:
            return ()
        gone = (axis_of(self.axis, len(shape)),)
        stays = self.count is not None or self.keep_axes
        return straight(shape, outputs[output].shape, gone) if stays else without(shape, gone)


@dataclass(frozen=True, slots=True)
class Cumulative(Op):
    """Running sum or product along ``axis``."""

    kind: ClassVar[str] = "cumulative"
    function: str = "cumsum"
    axis: int = 0
    dtype: str | None = None

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        spec = inputs[0]
        return TensorSpec(spec.shape, self.dtype or (spec.dtype if spec.is_floating else "int64"))

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape)

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        if self.function != "cumsum":
            return call.kernel(grads, call.needs)
        return [in_turn(call, [Copy("flip"), self, Copy("flip")], grad)]

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        return straight(shape, outputs[output].shape, (axis_of(self.axis, len(shape)),))


@dataclass(frozen=True, slots=True)
class Loss(Op):
    """A training loss of predictions and targets, reduced to one number unless ``reduction`` is "none"."""

    kind: ClassVar[str] = "loss"
    roles: ClassVar[tuple[str, ...]] = ("prediction", "target", "weight")
    function: str = "cross_entropy"
    reduction: str = "mean"

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        if self.reduction != "none":
            return TensorSpec((), inputs[0].dtype)
        shape = inputs[0].shape
        by_class = self.function in ("cross_entropy", "nll_loss")
        return TensorSpec((shape[0], *shape[2:]) if by_class and len(shape) > 1 else shape, inputs[0].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * (4 if self.function == "cross_entropy" else 2)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        if self.function == "cross_entropy":  # keeps the log-softmax, not the logits
            return Kept(inputs=(1,), extra=(inputs[0], TensorSpec((), inputs[0].dtype)))
        if self.function == "nll_loss":  # the sum of the weights
            return Kept(inputs=(0, 1), extra=(TensorSpec((), inputs[0].dtype),))
        return Kept(inputs=(0, 1))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return nowhere(outputs[output].shape)
