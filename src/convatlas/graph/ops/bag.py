"""Bags of rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..spec import ITEM_BYTES, TensorSpec
from .base import Kept, Op, Specs
from .reading import Reads, nowhere


@dataclass(frozen=True, slots=True)
class EmbeddingBag(Op):
    """The sum, mean or maximum of the rows of a table (count, width) that each of ``bags`` bags picks."""

    kind: ClassVar[str] = "embedding_bag"
    roles: ClassVar[tuple[str, ...]] = ("index", "weight", "factor")
    mode: str = "mean"
    bags: int = 1

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec((self.bags, inputs[1].shape[-1]), inputs[1].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return inputs[0].numel * inputs[1].shape[-1]

    def bytes_read(self, inputs: Specs, outputs: Specs) -> int:
        return inputs[0].nbytes + inputs[0].numel * inputs[1].shape[-1] * ITEM_BYTES[inputs[1].dtype]

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        of_each = TensorSpec(inputs[0].shape, "int64"), TensorSpec((self.bags,), "int64")  # its bag; how many a bag has
        largest = (TensorSpec(outputs[0].shape, "int64"),) if self.mode == "max" else ()
        return Kept(inputs=(0, *range(2, len(inputs))), extra=(*of_each, *largest))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return nowhere(outputs[0].shape)
