"""Matrix products: linear layers, matmul, the bilinear form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec, broadcast, promote
from ..strides import Strides
from .base import Backward, Kept, Op, Specs, one_by_one
from .reading import Along, Reads, broadcast_reads, nowhere, straight


def crossed(inputs: Specs, needs_grad: Sequence[bool]) -> Kept:
    """What a product keeps: each operand for the other's gradient."""
    return Kept(inputs=tuple(keep for keep, other in ((0, 1), (1, 0)) if needs_grad[other]))


@dataclass(frozen=True, slots=True)
class _Product(Op):
    """A product of two operands, and perhaps a third one added to it."""

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        return self.macs(inputs, outputs) * sum(needs_grad[:2])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) if len(inputs) > 2 else 0

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return crossed(inputs, needs_grad)


@dataclass(frozen=True, slots=True)
class Linear(_Product):
    """x W^T + b over the last axis, with a weight (out, in): MACs = outputs x in."""

    kind: ClassVar[str] = "linear"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "bias")

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape, weight = inputs[0].shape, inputs[1].shape
        if not shape or shape[-1] != weight[-1]:
            raise ConvatlasError(f"linear expects {weight[-1]} features, got {shape[-1] if shape else 0} in {shape}")
        return TensorSpec(shape[:-1] + weight[:-1], inputs[0].dtype)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) * inputs[1].shape[-1]

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        shape = call.spec(grad).shape
        if len(shape) > 2:
            grad = call.view(grad, (prod(shape[:-1]), shape[-1]))
        order = range(3) if len(call.inputs) > 2 else (1, 0)

        def made(index: int) -> int | None:
            found = call.kernel([grad], [place == index for place in range(len(call.inputs))])[index]
            # the product was of the weight transposed, and of a matrix of rows
            turned = index == 1 or (index == 0 and len(shape) > 2)
            return call.seen(found) if turned and found is not None else found

        return one_by_one(call, made, order)

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape, after = inputs[0].shape, outputs[0].shape
        return nowhere(after) if index else straight(shape, after, (len(shape) - 1,))


@dataclass(frozen=True, slots=True)
class Matmul(_Product):
    """Product of two (stacks of) matrices, batch axes broadcast: MACs = outputs x inner size."""

    kind: ClassVar[str] = "matmul"
    roles: ClassVar[tuple[str, ...]] = ("left", "right", "addend")

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        left, right = inputs[0].shape, inputs[1].shape
        if not left or not right:
            raise ConvatlasError(f"matmul takes tensors with axes, got {left} and {right}")
        a = (1, *left) if len(left) == 1 else left
        b = (*right, 1) if len(right) == 1 else right
        if a[-1] != b[-2]:
            raise ConvatlasError(f"matmul of {left} and {right}: inner sizes {a[-1]} and {b[-2]} differ")
        shape = (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])
        if len(left) == 1:
            shape = (*shape[:-2], shape[-1])
        if len(right) == 1:
            shape = shape[:-1]
        return TensorSpec(shape, promote(inputs[0].dtype, inputs[1].dtype))

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) * inputs[0].shape[-1]

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        shape = call.spec(grad).shape
        specs = [call.spec(value) for value in call.inputs]
        given = list(specs)
        if len(shape) > 2:
            grad = call.view(grad, (prod(shape[:-2]), *shape[-2:]))
            # of two stacks one may be repeated for the other's; a matrix for all of a stack is not
            given = [spec if len(spec.shape) < 3 else TensorSpec((*shape[:-2], *spec.shape[-2:]), spec.dtype) for spec in specs]

        def made(index: int) -> int | None:
            found = call.kernel([grad], [place == index for place in range(len(call.inputs))], given)[index]
            return call.seen(found) if index < 2 and found is not None and len(specs[index].shape) > 2 else found

        return one_by_one(call, made)

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        # a matrix that lies by columns gets a gradient that does
        return tuple(
            [own if len(spec.shape) == 2 and own == (1, spec.shape[0]) else None for spec, own in zip(given, lay, strict=True)]
        )

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape, after = inputs[index].shape, outputs[0].shape
        if index > 1:
            return broadcast_reads(shape, after)
        if len(shape) == 1:
            return nowhere(after)
        rank, turned = len(after), len(inputs[1 - index].shape) == 1  # the other one's vector leaves no axis behind
        if index == 0:  # rows stay apart
            return straight(shape, after, (len(shape) - 1,), rank - len(shape) + turned)
        columns = (Along(len(shape) - 1, shape[-1]),)
        return (*straight(shape, after, (len(shape) - 2, len(shape) - 1), rank - len(shape) + turned)[:-1], columns)


@dataclass(frozen=True, slots=True)
class Bilinear(Op):
    """x1 W x2 + b for each of W's matrices, (out, in1, in2): MACs = rows x elements of W."""

    kind: ClassVar[str] = "bilinear"
    roles: ClassVar[tuple[str, ...]] = ("left", "right", "weight", "bias")

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        left, right, weight = (spec.shape for spec in inputs[:3])
        if left[:-1] != right[:-1] or (left[-1], right[-1]) != weight[1:]:
            raise ConvatlasError(f"bilinear of {left} and {right} does not fit the weight {weight}")
        return TensorSpec((*left[:-1], weight[0]), inputs[0].dtype)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape[:-1]) * prod(inputs[2].shape)

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        return self.macs(inputs, outputs) * sum(needs_grad[:3])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) if len(inputs) > 3 else 0

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1, 2))
