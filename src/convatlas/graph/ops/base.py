"""What an op is: the one place that knows everything about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from ...errors import ConvatlasError
from ..spec import TensorSpec, bytes_of
from ..strides import Shape, Strides, dense_strides, element_wise, following, normal
from .reading import AT_ITSELF, Along, Reads, broadcast_reads

Specs = Sequence[TensorSpec]


class Window(NamedTuple):
    """What one output position sees of the input, along each spatial axis: ``kernel`` taps, ``dilation`` apart.

    ``stride`` is the step between neighbouring outputs in input positions, below 1 in upsampling, where ``kernel`` is the
    most that one sees.
    """

    kernel: tuple[int, ...]
    stride: tuple[float, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


class Kept(NamedTuple):
    """What autograd keeps of one call for the backward pass."""

    inputs: tuple[int, ...] = ()  # positions among the op's inputs
    outputs: tuple[int, ...] = ()  # positions among the op's outputs
    extra: tuple[TensorSpec, ...] = ()  # tensors made for the backward only: masks, indices, statistics


class Backward(Protocol):
    """A call in the backward pass: what its gradients are made of, and the ops that make them, put down one by one."""

    inputs: tuple[int, ...]  # of the call, by number
    outputs: tuple[int, ...]
    extra: tuple[int, ...]  # the tensors that were made for backward alone (`Kept.extra`)
    needs: Sequence[bool]  # which inputs need a gradient

    @property
    def count(self) -> int:
        """How many tensors its formula has made and still holds."""

    def let_go(self, before: int, result: int | None) -> None:
        """The formula lets go of what it has made since it held ``before`` tensors, but for the result."""

    def spec(self, value: int) -> TensorSpec:
        """A value's shape and dtype."""

    def add(self, op: Op, *values: int) -> int:
        """Call an op; its (first) output."""

    def view(self, value: int, shape: Shape) -> int:
        """The value in another shape: a view, or a copy where its strides allow none."""

    def seen(self, value: int) -> int:
        """The value as a view of itself, which is what comes of one that torch has made in another shape."""

    def part(self, value: int, axis: int, start: int, length: int, keep_axis: bool = True) -> int:
        """A view of ``length`` positions along an axis."""

    def kernel(self, gradients: Sequence[int | None], wanted: Sequence[bool], given: Specs | None = None) -> list[int | None]:
        """The gradients of the ``wanted`` inputs by one kernel, `Gradient`; of other shapes than the inputs' if they are ``given``."""


OPS: dict[str, type[Op]] = {}
# how an op lays out what it makes
PACKED = "packed"  # contiguous, whatever the inputs are
AS_INPUTS = "as the inputs"  # as torch's TensorIterator: densely, in the order of axes that the inputs have
CHANNELS = "channels"  # channels innermost if the first input has them so, else contiguous
POINTWISE = Window((), (), (), ())  # an output position sees the input position it stands at
GLOBAL = "global"  # an output position sees the whole input
NOTHING = Kept()


@dataclass(frozen=True, slots=True)
class Op:
    """An operation on tensors, with all of its rules.

    Every rule is a pure function of the op's fields and of the specs of its inputs and outputs. Conventions: one MAC is a
    multiply with its addition, in matrix products and convolutions, bias additions left out; element-wise operations are
    counted apart, one for each multiply, add, comparison or function evaluation.
    """

    kind: ClassVar[str] = "op"
    roles: ClassVar[tuple[str, ...]] = ("input",)  # names of the inputs, for messages and tables; the last one repeats
    is_view: ClassVar[bool] = False  # output 0 shares the storage of input 0
    counted: ClassVar[bool] = True
    lies: ClassVar[str] = PACKED
    packs: ClassVar[bool] = True  # contiguous inputs give contiguous outputs
    differentiable: ClassVar[bool] = True  # whether a gradient comes through
    multiplies: ClassVar[bool] = False  # whether it has MACs at all

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super(Op, cls).__init_subclass__(**kwargs)
        cls.multiplies = cls.macs is not Op.macs
        if not cls.__name__.startswith("_"):  # a common base is no op
            OPS[cls.__name__] = cls

    @property
    def name(self) -> str:
        """What the op is called in tables."""
        return self.kind

    @property
    def in_place(self) -> bool:
        """Whether output 0 is input 0, overwritten."""
        return False

    def output(self, *inputs: TensorSpec) -> TensorSpec | tuple[TensorSpec, ...]:
        """The output's spec (or several) for the inputs' specs.

        Raises:
            ConvatlasError: the inputs do not fit; the message shows the sizes.
        """
        return inputs[0]

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        """Multiply-accumulates of the forward pass."""
        return 0

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        """Multiply-accumulates of the backward pass: one forward's worth for each operand that needs a gradient."""
        return 0

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        """Element-wise operations of the forward pass."""
        return 0

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        """Bytes that an unfused kernel reads: each input once."""
        return 0 if self.is_view and not self.in_place else bytes_of(inputs)

    def bytes_written(self, inputs: Specs, outputs: Specs) -> int:
        """Bytes that an unfused kernel writes: each output once."""
        return 0 if self.is_view and not self.in_place else bytes_of(outputs)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        """What autograd keeps for backward, given which inputs need a gradient (at least one does)."""
        return NOTHING

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        """The gradients of the inputs that need one, of those of the outputs: by one kernel, unless an op knows better.

        One that is larger than its input, since that was repeated, is summed up by whoever asks.
        """
        return call.kernel(grads, call.needs)

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        """How the gradients lie that the op's kernel makes for the inputs, given how these and the incoming gradient do."""
        if self.lies == AS_INPUTS:
            rank = len(gradient.shape)
            return tuple(
                [
                    element_wise(spec.shape, ((gradient.shape, strides), (spec.shape, own))) if len(spec.shape) == rank else None
                    for spec, own in zip(given, lay, strict=True)
                ]
            )
        if self.lies == CHANNELS:
            return tuple([following(spec.shape, own, spec.shape) for spec, own in zip(given, lay, strict=True)])
        return (None,) * len(given)

    def spatial_axes(self, inputs: Specs) -> int:
        """How many of the first input's last axes are spatial; 0 where an op does not tell, as most do not."""
        return 0

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        """Which axes of the input ``index`` each axis of an output runs along.

        Each position of the output sees the whole of an axis that none runs along, and of an input that is read nowhere.
        """
        return broadcast_reads(inputs[index].shape, outputs[output].shape)

    def seen_strides(self, shape: Shape, strides: Shape, result: Shape) -> Shape | None:
        """Strides of a view of the shape ``result``, given its input's shape and strides; None where they allow no view."""
        return strides

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        """How each output lies in memory, given how the inputs do."""
        if self.in_place:
            return (strides[0],)
        if self.is_view:
            shape = inputs[0].shape
            before = dense_strides(shape) if strides[0] is None else strides[0]
            seen = [self.seen_strides(shape, before, spec.shape) for spec in outputs]
            return tuple([lies and normal(spec.shape, lies) for spec, lies in zip(outputs, seen, strict=True)])
        if self.lies == AS_INPUTS:
            operands = tuple([(spec.shape, lies) for spec, lies in zip(inputs, strides, strict=True)])
            return tuple([element_wise(spec.shape, operands) for spec in outputs])
        if self.lies == CHANNELS:
            return tuple([following(inputs[0].shape, strides[0], spec.shape) for spec in outputs])
        return (None,) * len(outputs)

    def window(self, inputs: Specs, outputs: Specs) -> Window | str:
        """What an output position sees of the first input's spatial axes: a `Window`, `POINTWISE` or `GLOBAL`."""
        reads = self.reads(0, 0, inputs, outputs) if inputs else ()
        found = {part.axis: part for axis in reads for part in axis if isinstance(part, Along)}
        axes = range(2, len(inputs[0].shape)) if inputs else range(0)
        if not all(axis in found for axis in axes):
            return GLOBAL
        parts = [found[axis] for axis in axes]
        if all((part.step, part.seen) == (1, AT_ITSELF) for part in parts):
            return POINTWISE
        ones = (1,) * len(parts)
        return Window(ones, tuple([part.step for part in parts]), tuple([-part.seen[0][0] for part in parts]), ones)

    def to_json(self) -> dict[str, Any]:
        """The op as plain data."""
        return {"op": type(self).__name__, **{f.name: getattr(self, f.name) for f in fields(self)}}

    def replace(self, **changes: Any) -> Self:
        """A copy with other fields."""
        return type(self)(**{f.name: getattr(self, f.name) for f in fields(self)} | changes)


def per_axis(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One value for each of ``rank`` spatial axes."""
    if isinstance(value, int):
        return (value,) * rank
    values = tuple(value)
    return values * rank if len(values) == 1 else values


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ConvatlasError: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ConvatlasError(f"there is no axis {axis} in a tensor of {rank} axes")
    return axis % rank


def sliding_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """Number of windows along one axis (of torch's pooling and convolution)."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    # the last window must start inside the input or its left padding
    return count - 1 if (count - 1) * stride >= size + padding else count


def one_by_one(call: Backward, gradient: Callable[[int], int | None], order: Iterable[int] | None = None) -> list[int | None]:
    """The gradients of a call's inputs, each by its own formula; the last one first, as torch does it."""
    found: list[int | None] = [None] * len(call.inputs)
    for index in reversed(range(len(call.inputs))) if order is None else order:
        if call.needs[index]:
            before = call.count
            found[index] = gradient(index)
            call.let_go(before, found[index])
    return found


def in_turn(call: Backward, functions: Sequence[Op], value: int) -> int:
    """Functions of one tensor, one after another."""
    for op in functions:
        value = call.add(op, value)
    return value
