"""The gradients of a call by one kernel, as torch's convolution_backward and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import ClassVar

from ..spec import TensorSpec
from ..strides import Strides
from .base import Op, Specs
from .reading import Reads, nowhere


@dataclass(frozen=True, slots=True)
class Gradient(Op):
    """Gradients of the inputs of a call of ``of``.

    Its inputs are the gradients of the call's outputs and what autograd kept of it; its outputs are the gradients of those inputs
    that are ``wanted``, in their order. The call itself is known by the specs of what it was ``given``, and how that lay in
    memory, and of what it ``made``.
    """

    kind: ClassVar[str] = "gradient"
    packs: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("gradient", "kept")
    differentiable: ClassVar[bool] = False  # a step's second derivatives are not followed
    of: Op
    given: tuple[TensorSpec, ...]
    made: tuple[TensorSpec, ...]
    wanted: tuple[bool, ...]
    lay: tuple[Strides, ...] = ()  # strides of what was given; empty: contiguous

    @property
    def name(self) -> str:
        return f"{self.of.name} backward"

    def output(self, *inputs: TensorSpec) -> tuple[TensorSpec, ...]:
        return tuple(compress(self.given, self.wanted))

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        lay = self.lay or (None,) * len(self.given)
        return tuple(compress(self.of.gradient_strides(self.given, lay, inputs[0], strides[0]), self.wanted))

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return self.of.backward_macs(self.given, self.made, self.wanted)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return self.of.elementwise(self.given, self.made) * sum(self.wanted[:1])

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        return nowhere(outputs[output].shape)
