"""Einstein summation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, NamedTuple

from ...errors import ConvatlasError
from ..spec import TensorSpec
from ..strides import Strides, dense_strides, normal
from .base import Backward, Kept, Op, Specs
from .reading import Reads, picked


class Contraction(NamedTuple):
    """One product: of what the operands before ``right`` have become, and that one."""

    right: int
    macs: int
    elementwise: int
    made: tuple[int | None, int | None]  # elements of either side where it was made on the way; None: an operand as it came


@dataclass(frozen=True, slots=True)
class Einsum(Op):
    """Einstein summation, two operands at a time: MACs of a product = the sizes of all indices that its operands have then."""

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

    def contractions(self, inputs: Specs) -> list[Contraction]:
        """The products of two, from the left, as torch takes them.

        A letter that only one operand still has is summed there first. Two that share no letter to sum are multiplied element by element.
        """
        terms, right, sizes = self._terms(inputs)

        def count(letters: set[str]) -> int:
            return prod([sizes[letter] for letter in letters])

        present = [
            {letter for letter, size in zip(term, spec.shape, strict=True) if size == sizes[letter]}
            for term, spec in zip(terms, inputs, strict=True)
        ]
        found, left = [], present[0]
        for place, other in enumerate(present[1:], start=1):
            later = set(right).union(*present[place + 1 :])
            single, shared = (left ^ other) - later, (left & other) - later
            sums = sum([count(each) for each in (left, other) if each & single])
            made = (
                count(left - single) if place > 1 or left & single else None,
                count(other - single) if other & single else None,
            )
            product = count((left | other) - single)
            found.append(Contraction(place, product if shared else 0, sums + (0 if shared else product), made))
            left = (left | other) - single - shared
        return found

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return sum([step.macs for step in self.contractions(inputs)])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        if len(inputs) > 1:
            return sum([step.elementwise for step in self.contractions(inputs)])
        return 0 if set(self._terms(inputs)[0][0]) <= set(self._terms(inputs)[1]) else prod(inputs[0].shape)

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        steps = self.contractions(inputs)
        return sum([step.macs * (any(needs_grad[: step.right]) + needs_grad[step.right]) for step in steps])

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        # products of permuted operands, each in another shape than its own
        return [found if found is None else call.seen(found) for found in call.kernel(grads, call.needs)]

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        """Of each product the operand that the other one's gradient asks for; sums and earlier products are made for it."""
        kept, extra = [], []
        for step in self.contractions(inputs):
            wanted = (needs_grad[step.right], any(needs_grad[: step.right]))
            for place, want, made in zip((0, step.right), wanted, step.made, strict=True):
                if want and made is not None:
                    extra.append(TensorSpec((made,), inputs[0].dtype))
                elif want:
                    kept.append(place)
        return Kept(tuple(kept), extra=tuple(extra))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        terms, right, sizes = self._terms(inputs)
        term, shape = terms[index], inputs[index].shape
        axes = [term.find(letter) for letter in right]
        same = [axis if axis >= 0 and shape[axis] == sizes[letter] else -1 for axis, letter in zip(axes, right, strict=True)]
        return picked(shape, tuple(same))
