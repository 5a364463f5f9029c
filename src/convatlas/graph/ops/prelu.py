"""ReLU whose slope below zero is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .base import AS_INPUTS, Backward, Kept, Op, Specs
from .reduce import Reduce


@dataclass(frozen=True, slots=True)
class Prelu(Op):
    """Leaky ReLU with a learnt slope, one for all channels or one each."""

    kind: ClassVar[str] = "activation"
    lies: ClassVar[str] = AS_INPUTS
    roles: ClassVar[tuple[str, ...]] = ("input", "weight")

    @property
    def name(self) -> str:
        return "prelu"

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 2 * prod(inputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0, 1))

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        full, weight = call.spec(call.inputs[0]), call.spec(call.inputs[1])
        of_input, of_weight = call.kernel(grads, call.needs, [full, full])
        if of_weight is not None and len(weight.shape) == 1 and weight.numel > 1:  # one for each channel, which is the second axis
            others = tuple([axis for axis in range(len(full.shape)) if axis != 1])
            of_weight = call.view(call.add(Reduce("sum", others, keep_axes=True), of_weight), weight.shape)
        return [of_input, of_weight]
