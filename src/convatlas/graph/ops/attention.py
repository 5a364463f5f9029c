"""Attention in one op."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec, broadcast
from ..strides import Shape, Strides, dense_strides, element_wise, normal
from .base import Kept, Op, Specs
from .reading import Reads, broadcast_reads


@dataclass(frozen=True, slots=True)
class Attention(Op):
    """Scaled dot product attention, softmax(q k^T) v: MACs = the two products."""

    kind: ClassVar[str] = "attention"
    roles: ClassVar[tuple[str, ...]] = ("query", "key", "value", "mask")
    grouped: bool = False  # several heads of the query to one of key and value
    dropout: float = 0.0  # the share of scores that training leaves out

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        query, key, value = (spec.shape for spec in inputs[:3])
        if min(map(len, (query, key, value))) < 2 or query[-1] != key[-1] or key[-2] != value[-2]:
            raise ConvatlasError(f"attention: query {query}, key {key} and value {value} do not fit each other")
        return TensorSpec((*self._stacks(inputs), query[-2], value[-1]), inputs[0].dtype)

    def _stacks(self, inputs: Specs) -> tuple[int, ...]:
        """The axes before the last two: of all three together, or the query's where several of its heads share a key and value."""
        query, key, value = (spec.shape[:-2] for spec in inputs[:3])
        return query if self.grouped else broadcast(broadcast(query, key), value)

    def _scores(self, inputs: Specs) -> int:
        """Pairs of a query and a key."""
        return prod(self._stacks(inputs)) * inputs[0].shape[-2] * inputs[1].shape[-2]

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        shape = outputs[0].shape
        laid = inputs[0].shape == shape and self.fused(inputs, strides)
        return (element_wise(shape, ((shape, strides[0]),)) if laid else None,)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return self._scores(inputs) * (inputs[0].shape[-1] + inputs[2].shape[-1])

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        # the fused one computes the scores again, then one product for each of grad-scores, grad-q, grad-k, grad-v
        return self._scores(inputs) * (3 * inputs[0].shape[-1] + 2 * inputs[2].shape[-1])

    def fused(self, inputs: Specs, strides: Sequence[Strides], needs_grad: Sequence[bool] = ()) -> bool:
        """Whether torch has one kernel for it on a CPU; else it runs in parts.

        The kernel takes stacks of heads, one width in all three, the last axis innermost in memory; a key and a value may serve
        several heads of the query; no trained mask, and no dropout.
        """
        query, key, value = (spec.shape for spec in inputs[:3])
        heads = len(query) == 4 and query[0] == key[0] and key[:2] == value[:2] and (self.grouped or key[1] in (1, query[1]))
        fits = heads and query[3] == value[3]
        innermost = all(lies is None or lies[-1] == 1 for lies in strides[:3])
        return fits and innermost and not self.dropout and not any(needs_grad[3:])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 4 * self._scores(inputs)  # scale, and the softmax's exp, sum and divide

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        statistics = TensorSpec(outputs[0].shape[:-1], "float32")
        return Kept(inputs=tuple(range(len(inputs))), outputs=(0,), extra=(statistics,))

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        return tuple([heads_inside(spec.shape) if len(spec.shape) == 4 else None for spec in given])

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        # an output position sees its own query, and all keys and values
        rank = len(inputs[index].shape)
        mixed = {0: (rank - 1,), 1: (rank - 2, rank - 1), 2: (rank - 2,)}.get(index, (rank - 1,))
        return broadcast_reads(inputs[index].shape, outputs[0].shape, mixed)


def heads_inside(shape: Shape) -> Strides:
    """Strides of (N, heads, length, size) that lies as (N, length, heads, size), the order in which fused attention works."""
    strides = dense_strides((shape[0], shape[2], shape[1], shape[3]))
    return normal(shape, (strides[0], strides[2], strides[1], strides[3]))
