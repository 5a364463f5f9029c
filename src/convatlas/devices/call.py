"""What a device is asked: one call of a step, with its tensors and how they lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..graph import TensorSpec
from ..graph.ops import Gradient, Op
from ..graph.ops.base import Specs
from ..graph.strides import Shape, Strides, channels_innermost, is_dense

PACKED, CHANNELS_LAST, SPARSE, PART = 0, 1, 2, 3  # SPARSE: axes in another order; PART: some elements of a larger tensor


class Call(NamedTuple):
    """A call of an op, or of its gradients' kernel."""

    op: Op
    inputs: Specs  # of the op, in a call of its gradients too
    outputs: Specs
    lay: Sequence[Strides]  # how the inputs lie
    wanted: tuple[bool, ...] = ()  # which inputs get a gradient; empty in a forward call
    gradient: TensorSpec | None = None  # the gradient that comes in
    gradient_lies: Strides = None

    @property
    def backward(self) -> bool:
        """Whether it is the kernel of an op's gradients."""
        return bool(self.wanted)

    @property
    def layout(self) -> int:
        """How the first input lies: PACKED, CHANNELS_LAST, SPARSE or PART."""
        return layout_of(self.inputs[0].shape, self.lay[0])

    @property
    def second_layout(self) -> int:
        """How the second input lies, as a convolution's weight."""
        return layout_of(self.inputs[1].shape, self.lay[1])


def call_of(op: Op, inputs: Specs, outputs: Specs, strides: Sequence[Strides]) -> Call:
    """The call of a node: a gradient's is known by what it is the gradient of."""
    if isinstance(op, Gradient):
        return Call(op.of, op.given, op.made, op.lay or (None,) * len(op.given), op.wanted, inputs[0], strides[0])
    return Call(op, inputs, outputs, strides)


def layout_of(shape: Shape, strides: Strides) -> int:
    """What a kernel sees in a tensor's strides: PACKED, CHANNELS_LAST, SPARSE or PART."""
    if strides is None:
        return PACKED
    if channels_innermost(shape, strides):
        return CHANNELS_LAST
    return SPARSE if is_dense(shape, strides) else PART
