"""An operation that no rule knows: its shapes are known, its cost is not, and that is said wherever it appears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spec import TensorSpec
from .base import Op, Passage, Specs


@dataclass(frozen=True, slots=True)
class Uncounted(Op):
    """A call whose output specs were asked of torch, or stated by whoever built the graph."""

    kind: ClassVar[str] = "uncounted"
    counted: ClassVar[bool] = False
    function: str = "?"
    outputs: tuple[tuple[tuple[int, ...], str], ...] = ()

    @property
    def name(self) -> str:
        return self.function

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(tuple(shape), dtype) for shape, dtype in self.outputs)

    def passage(self, axis: int, index: int, inputs: Specs, outputs: Specs) -> Passage | None:
        return None
