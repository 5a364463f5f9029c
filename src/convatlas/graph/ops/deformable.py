"""Deformable convolution: each tap of each position looks where an offset says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ...errors import ConvatlasError
from ..spec import TensorSpec
from .base import Kept, Op, Specs, sliding_size
from .conv import TooSmallError
from .reading import Reads, nowhere, picked


@dataclass(frozen=True, slots=True)
class DeformConv(Op):
    """Convolution of (N, C, H, W) at offsets (N, 2 x groups of them x taps, H_out, W_out), perhaps weighted by a mask.

    MACs are those of a convolution of the same size; a look-up counts a product and a sum for each of 4 neighbours, as in `GridSample`.
    """

    kind: ClassVar[str] = "deform_conv"
    roles: ClassVar[tuple[str, ...]] = ("input", "weight", "offset", "mask", "bias")
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    has_mask: bool = False

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape, weight, offset = (spec.shape for spec in inputs[:3])
        if len(shape) != 4 or shape[1] != weight[1] * self.groups:
            raise ConvatlasError(f"deform_conv takes (N, {weight[1] * self.groups}, H, W), got {shape}")
        windows = zip(shape[2:], weight[2:], self.stride, self.padding, self.dilation, strict=True)
        size = tuple([sliding_size(*window) for window in windows])
        if min(size) < 1:
            sizes = zip(weight[2:], self.padding, self.dilation, strict=True)
            raise TooSmallError("deform_conv", shape[2:], tuple([d * (k - 1) + 1 - 2 * p for k, p, d in sizes]))
        taps = 2 * prod(weight[2:])
        if offset[0] != shape[0] or offset[2:] != size or offset[1] % taps:
            raise ConvatlasError(
                f"deform_conv takes offsets ({shape[0]}, {taps} or a multiple, {size[0]}, {size[1]}), got {offset}"
            )
        return TensorSpec((shape[0], weight[0], *size), inputs[0].dtype)

    def macs(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape) * prod(inputs[1].shape[1:])

    def backward_macs(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> int:
        # one product for the gradient of what was looked up, from which those of input, offset and mask follow; one for the weight's
        looked_up = needs_grad[0] or needs_grad[2] or (self.has_mask and needs_grad[3])
        return self.macs(inputs, outputs) * (looked_up + needs_grad[1])

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        weight, result = inputs[1].shape, outputs[0].shape
        looked_up = result[0] * inputs[0].shape[1] * prod(weight[2:]) * prod(result[2:])
        biased = len(inputs) > 3 + self.has_mask
        return looked_up * (8 + self.has_mask) + biased * prod(result)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=tuple(range(len(inputs))))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[index].shape
        if index == 0:  # an offset may point anywhere
            return picked(shape, (0, -1, -1, -1))
        offsets = index == 2 or (index == 3 and self.has_mask)
        return picked(shape, (0, -1, 2, 3)) if offsets else nowhere(outputs[0].shape)
