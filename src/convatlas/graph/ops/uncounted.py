"""An operation that no rule knows: its shapes are known, its cost is not, and that is said wherever it appears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spec import TensorSpec
from .base import Op, Specs
from .reading import Reads, nowhere


@dataclass(frozen=True, slots=True)
class Uncounted(Op):
    """A call whose output specs were asked of torch, or stated by whoever built the graph."""

    kind: ClassVar[str] = "uncounted"
    counted: ClassVar[bool] = False
    function: str = "?"
    outputs: tuple[tuple[tuple[int, ...], str], ...] = ()
    in_place: bool = False  # output 0 is written into input 0

    @property
    def name(self) -> str:
        return self.function

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.in_place

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(tuple(shape), dtype) for shape, dtype in self.outputs)

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return nowhere(outputs[output].shape)
