"""Element by element."""

from __future__ import annotations

from ....graph.ops import Activation, Binary, Dropout, Glu, Softmax, Where
from ..calls import Call
from .base import Made, Rule, plain


def function(name: str) -> Rule:
    """A function of one tensor, or of a tensor and numbers."""
    return plain(Activation(name))


def arithmetic(name: str) -> Rule:
    """Arithmetic on two tensors, or on a tensor and a number."""
    alone, both = Activation(name), Binary(name)
    return lambda call: both if len(call.inputs) > 1 else alone


def pointwise(call: Call) -> Made:
    """An element-wise op that has no line of its own: one operation an element."""
    return arithmetic(call.function)(call)


def softmax(log: bool) -> Rule:
    """Softmax, or its logarithm."""

    def rule(call: Call) -> Made:
        return Softmax(call.axis(), log, None if call.out.dtype == call.x.dtype else call.out.dtype)

    return rule


def glu(call: Call) -> Made:
    """Gated linear unit."""
    return Glu(call.axis())


def dropout(call: Call) -> Made:
    """Dropout in one kernel, as CUDA has it."""
    return Dropout(float(call["p"]), bool(call["train"]))


def where(call: Call) -> Made:
    """A choice between two."""
    return Where(call.out.dtype)


def masked_fill(call: Call) -> Made:
    """A choice between a tensor and a number."""
    return Where(call.out.dtype), [call["mask"], call["self"]]
