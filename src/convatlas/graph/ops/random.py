"""Ops that draw random numbers in training and do nothing outside it: dropout, stochastic depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ..spec import TensorSpec
from .base import AS_INPUTS, NOTHING, Backward, Kept, Op, Specs


@dataclass(frozen=True, slots=True)
class Dropout(Op):
    """Zero a share of the elements (or whole channels) in training; keeps the mask. Outside training it does nothing."""

    kind: ClassVar[str] = "dropout"
    lies: ClassVar[str] = AS_INPUTS
    probability: float = 0.5
    training: bool = False
    channels: bool = False  # one draw for each channel (dropout2d and the like)
    in_place: bool = False

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.in_place or not self.training or self.probability == 0.0

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 0 if not self.training or self.probability == 0.0 else 2 * prod(inputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        if not self.training or self.probability == 0.0:
            return NOTHING
        shape = inputs[0].shape
        if self.channels:
            return Kept(extra=(TensorSpec(shape[:2] + (1,) * (len(shape) - 2), inputs[0].dtype),))
        return Kept(extra=(TensorSpec(shape, "bool"),))

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        return call.kernel(grads, call.needs) if self.training and self.probability else list(grads)


@dataclass(frozen=True, slots=True)
class StochasticDepth(Op):
    """Drop the whole residual branch, of the batch or of single images, in training; keeps one draw for each."""

    kind: ClassVar[str] = "stochastic_depth"
    lies: ClassVar[str] = AS_INPUTS
    probability: float = 0.0
    training: bool = False
    per_image: bool = True

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return not self.training or self.probability == 0.0

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 0 if self.is_view else prod(inputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        if self.is_view:
            return NOTHING
        shape = inputs[0].shape
        draws = (shape[0] if self.per_image else 1, *(1 for _ in shape[1:]))
        return Kept(extra=(TensorSpec(draws, inputs[0].dtype),))

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        return list(grads) if self.is_view else call.kernel(grads, call.needs)
