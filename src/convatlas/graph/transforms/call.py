"""One call in the backward pass, as its op sees it: it asks for the ops that its gradients are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..graph import Node
from ..ops import Cast, Gradient, Op, Reduce, Slice, View
from ..ops.base import Specs
from ..spec import TensorSpec
from ..strides import Shape, view_strides
from .writer import Writer


@dataclass(slots=True)
class Saved:
    """A call as it ran, and what autograd keeps of it: values by number."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    extra: tuple[int, ...]
    held: list[int]


class BackwardCall:
    """A call in the backward pass, as its op sees it (`Backward`)."""

    def __init__(self, step: Writer, node: Node, saved: Saved, needs: Sequence[bool]) -> None:
        self.step, self.node, self.needs = step, node, needs
        self.inputs, self.outputs, self.extra, self.held = saved.inputs, saved.outputs, saved.extra, saved.held
        self.made: list[int] = []
        self.arrived: list[int] = []  # the gradients that came in, as long as they are held

    def run(self, grads: Sequence[int | None]) -> list[int | None]:
        """The gradients of the inputs, of their shapes and dtypes, each held; those that came in are let go of at the end."""
        self.arrived = [grad for grad in grads if grad is not None]
        made = self._made(grads)
        for value in (*self.held, *self.arrived):
            self.step.drop(value)
        return made

    def _made(self, grads: Sequence[int | None]) -> list[int | None]:
        step, result = self.step, self.step.result
        found = self.node.op.gradients(self, grads)
        found = [grad if need else None for grad, need in zip(found, self.needs, strict=False)]
        for grad in found:
            if grad is not None:
                step.hold(grad)
        self.let_go(0, None)
        for index, grad in enumerate(found):
            if grad is None:
                continue
            wanted, spec = result.values[self.inputs[index]], result.values[grad]
            if spec == wanted:
                continue
            smaller = self._summed(grad, wanted.shape) if spec.shape != wanted.shape else grad
            if spec.dtype != wanted.dtype:
                smaller = self.add(Cast(wanted.dtype), smaller)
            step.hold(smaller)
            step.drop(grad)
            self.let_go(0, None)
            found[index] = smaller
        return found

    @property
    def count(self) -> int:
        return len(self.made)

    def let_go(self, before: int, result: int | None) -> None:
        for value in self.made[before:]:
            if value != result:
                self.step.drop(value)
        self.made[before:] = [value for value in self.made[before:] if value == result]

    def _summed(self, grad: int, shape: Shape) -> int:
        """Summed over the axes along which an input was repeated."""
        full = self.step.result.values[grad].shape
        lead = len(full) - len(shape)
        axes = [axis for axis in range(len(full)) if axis < lead or (shape[axis - lead] == 1 and full[axis] != 1)]
        summed = self.add(Reduce("sum", tuple(axes), keep_axes=True), grad)
        return self.view(summed, shape) if lead else summed

    def spec(self, value: int) -> TensorSpec:
        return self.step.result.values[value]

    def add(self, op: Op, *values: int) -> int:
        result = self.step.result
        specs = [result.values[value] for value in values]
        made = op.output(*specs)
        outputs = [made] if isinstance(made, TensorSpec) else list(made)
        lies = op.output_strides(specs, [result.strides[value] for value in values], outputs)
        base = values[0] if op.is_view and values else None
        numbers = tuple([self.step.new(spec, own, base) for spec, own in zip(outputs, lies, strict=True)])
        if op.is_view and not op.in_place:
            self.step.views.update(numbers)
        self.step.run(op, values, numbers)
        for number in numbers:
            self.step.hold(number)
        self.made.extend(numbers)
        return numbers[0]

    def view(self, value: int, shape: Shape) -> int:
        result = self.step.result
        before, lies = result.values[value].shape, result.strides[value]
        if before == shape:
            return value
        copies = lies is not None and view_strides(before, lies, shape) is None
        made = self.add(View(shape, "view", copies), value)
        if copies and value in self.arrived:  # torch's view is a node of its own, which then lets go of what came in
            self.arrived.remove(value)
            self.step.drop(value)
        return made

    def seen(self, value: int) -> int:
        return self.add(View(self.spec(value).shape), value)

    def part(self, value: int, axis: int, start: int, length: int, keep_axis: bool = True) -> int:
        shape = list(self.step.result.values[value].shape)
        offset, axes = [0] * len(shape), list(range(len(shape)))
        offset[axis], shape[axis] = start, length
        if not keep_axis:
            del shape[axis], axes[axis]
        return self.add(Slice(tuple(shape), tuple(offset), (1,) * len(offset), tuple(axes)), value)

    def kernel(self, grads: Sequence[int | None], wanted: Sequence[bool], given: Specs | None = None) -> list[int | None]:
        result, op = self.step.result, self.node.op
        own = [result.values[value] for value in self.inputs]
        given = own if given is None else given
        # one that is asked for in another shape than the input's has no strides of its own
        pairs = zip(self.inputs, own, given, strict=False)
        lay = tuple([result.strides[value] if spec == asked else None for value, spec, asked in pairs])
        made = tuple([result.values[value] for value in self.outputs])
        arrived = [grad for grad in grads if grad is not None]
        gradient = Gradient(op, tuple(given), made, tuple(wanted), lay if any(lay) else ())
        before = len(self.made)
        self.add(gradient, *arrived, *self.held)
        numbers = iter(self.made[before:])
        return [next(numbers) if want else None for want in wanted]
