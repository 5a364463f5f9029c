"""Calls whose outputs were stated, by torch or by a person: of one kind the cost is stated too, of the other it is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..spec import TensorSpec, bytes_of
from .base import Kept, Op, Specs
from .reading import Reads, nowhere

Outputs = tuple[tuple[tuple[int, ...], str], ...]


def plain(specs: Sequence[TensorSpec]) -> Outputs:
    """Specs as an op's field holds them."""
    return tuple([(tuple(spec.shape), spec.dtype) for spec in specs])


def specs_of(outputs: Outputs) -> tuple[TensorSpec, ...]:
    """The specs that `plain` was made of."""
    return tuple([TensorSpec(tuple(shape), dtype) for shape, dtype in outputs])


@dataclass(frozen=True, slots=True)
class _Stated(Op):
    """A call of a function by its name, with the specs of what it makes; an output position is taken to see the whole input."""

    function: str = "?"
    outputs: Outputs = ()

    @property
    def name(self) -> str:
        return self.function

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.in_place

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        return specs_of(self.outputs)

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return nowhere(outputs[output].shape)


@dataclass(frozen=True, slots=True)
class Uncounted(_Stated):
    """An operation that no rule knows: its cost is not known, and that is said wherever it appears.

    Its output specs were asked of torch, or stated by whoever built the graph.
    """

    kind: ClassVar[str] = "uncounted"
    counted: ClassVar[bool] = False
    in_place: bool = False  # output 0 is written into input 0


@dataclass(frozen=True, slots=True)
class Custom(_Stated):
    """A call with the figures that its rule gave for it; a graph's file keeps them without the rule.

    None stands for what follows from the tensors: one forward's worth of MACs for each floating input of two axes or more that needs a
    gradient, each input read once, each output written once. Which input positions an output sees is not known, so it is taken to see all.
    """

    kind: ClassVar[str] = "custom"
    forward_macs: int = 0
    gradient_macs: int | None = None
    each_element: int = 0  # element-wise operations in all
    read: int | None = None
    written: int | None = None
    saved_inputs: tuple[int, ...] = ()
    saved_outputs: tuple[int, ...] = ()
    saved_extra: Outputs = ()
    in_place: bool = False  # output 0 is written into input 0

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return self.forward_macs

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        if self.gradient_macs is not None:
            return self.gradient_macs
        return self.forward_macs * sum(
            needs and spec.is_floating and len(spec.shape) > 1 for needs, spec in zip(needs_grad, inputs, strict=True)
        )

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return self.each_element

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        return bytes_of(inputs) if self.read is None else self.read

    def bytes_written(self, inputs: Specs, outputs: Specs) -> int:
        return bytes_of(outputs) if self.written is None else self.written

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(self.saved_inputs, self.saved_outputs, specs_of(self.saved_extra))
