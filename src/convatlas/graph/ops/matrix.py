"""Matrix products: linear layers, matmul, einsum, attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec, broadcast, promote
from ..strides import Strides, dense_strides, element_wise, normal
from .base import Kept, Op, Specs
from .reading import Along, Reads, broadcast_reads, nowhere, picked, straight


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
class Einsum(Op):
    """Einstein summation. Two operands are one product: MACs = product of all index sizes; more are taken from the left."""

    kind: ClassVar[str] = "einsum"
    packs: ClassVar[bool] = False
    equation: str = ""

    def _terms(self, inputs: Specs) -> tuple[list[str], str, dict[str, int]]:
        left, arrow, right = self.equation.replace(" ", "").partition("->")
        terms = left.split(",")
        if "..." in self.equation:
            rank = max(len(spec.shape) - len(term.replace("...", "")) for spec, term in zip(inputs, terms, strict=True))
            letters = "".join(c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in self.equation)[:rank]
            terms = [
                term.replace("...", letters[rank - (len(spec.shape) - len(term) + 3) :])
                for spec, term in zip(inputs, terms, strict=True)
            ]
            right = right.replace("...", letters)
        if not arrow:
            joined = "".join(terms)
            right = "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
        sizes: dict[str, int] = {}
        for spec, term in zip(inputs, terms, strict=True):
            if len(term) != len(spec.shape):
                raise ConvatlasError(f"einsum {self.equation!r}: {term!r} does not fit shape {spec.shape}")
            for letter, size in zip(term, spec.shape, strict=True):
                known = sizes.get(letter, 1)
                if known != size and known != 1 and size != 1:
                    raise ConvatlasError(f"einsum {self.equation!r}: {letter!r} is both {known} and {size}")
                sizes[letter] = size if known == 1 else known
        return terms, right, sizes

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        _, right, sizes = self._terms(inputs)
        return TensorSpec(tuple(sizes[letter] for letter in right), inputs[0].dtype)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        terms, right, sizes = self._terms(inputs)
        total, seen = 0, set(terms[0])
        for position, term in enumerate(terms[1:], start=2):
            total += prod(sizes[letter] for letter in seen | set(term))
            later = set(right).union(*terms[position:])
            seen = (seen | set(term)) & later
        return total

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        terms, right, sizes = self._terms(inputs)
        if len(terms) != 2:
            return (None,)
        # one stack of products: the shared letters, those of the left operand, those of the right one; then permuted
        groups = [[letter for letter in right if (letter in terms[0]) == left and (letter in terms[1]) == both] for left, both in
                  ((True, True), (True, False), (False, True))]  # fmt: skip
        order = [letter for group in groups for letter in group]
        lies = dict(zip(order, dense_strides(tuple([sizes[letter] for letter in order])), strict=True))
        return (normal(outputs[0].shape, tuple([lies[letter] for letter in right])),)

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        return self.macs(inputs, outputs) * sum(needs_grad) if len(inputs) > 1 else 0

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return crossed(inputs, needs_grad) if len(inputs) == 2 else Kept(inputs=tuple(range(len(inputs))))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        terms, right, sizes = self._terms(inputs)
        term, shape = terms[index], inputs[index].shape
        axes = [term.find(letter) for letter in right]
        same = [axis if axis >= 0 and shape[axis] == sizes[letter] else -1 for axis, letter in zip(axes, right, strict=True)]
        return picked(shape, tuple(same))


@dataclass(frozen=True, slots=True)
class Attention(Op):
    """Scaled dot product attention, softmax(q k^T) v: MACs = the two products."""

    kind: ClassVar[str] = "attention"
    roles: ClassVar[tuple[str, ...]] = ("query", "key", "value", "mask")

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec((*inputs[0].shape[:-1], inputs[2].shape[-1]), inputs[0].dtype)

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        same = inputs[0].shape == outputs[0].shape
        fused = all(lies is None or lies[-1] == 1 for lies in strides[:3])
        return (element_wise(outputs[0].shape, ((inputs[0].shape, strides[0]),)) if same and fused else None,)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        query, key, value = (spec.shape for spec in inputs[:3])
        return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        # a fused backward computes the scores again, then one product for each of grad-scores, grad-q, grad-k, grad-v
        query, key, value = (spec.shape for spec in inputs[:3])
        scores = prod(query[:-1]) * key[-2]
        return scores * (3 * query[-1] + 2 * value[-1])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 4 * prod(inputs[0].shape[:-1]) * inputs[1].shape[-2]  # scale, and the softmax's exp, sum and divide

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        statistics = TensorSpec(inputs[0].shape[:-1], "float32")
        return Kept(inputs=tuple(range(len(inputs))), outputs=(0,), extra=(statistics,))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        # an output position sees its own query, and all keys and values
        rank = len(inputs[index].shape)
        mixed = {0: (rank - 1,), 1: (rank - 2, rank - 1), 2: (rank - 2,)}.get(index, (rank - 1,))
        return broadcast_reads(inputs[index].shape, outputs[0].shape, mixed)
