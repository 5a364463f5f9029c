"""Reductions, running ones and losses."""

from __future__ import annotations

from ....graph.ops import Cumulative, Loss, Reduce, Select
from ..calls import Call
from .base import Made, Rule


def reduction(name: str, axes: str = "dim") -> Rule:
    """A reduction along some axes, or all."""

    def rule(call: Call) -> Made:
        dtype = None if call.out.dtype == call.x.dtype else call.out.dtype
        return Reduce(name, call.axes(axes), bool(call.arguments.get("keepdim")), dtype)

    return rule


def extremes(name: str, count: bool = False) -> Rule:
    """Extremes along an axis, with their indices."""

    def rule(call: Call) -> Made:
        axis = call.axis()
        size = call.out.shape[axis] if count and call.rank else None
        return Select(name, axis, size, bool(call.arguments.get("keepdim")))

    return rule


def running(name: str) -> Rule:
    """A running sum and its kin."""
    return lambda call: Cumulative(name, call.axis(), None if call.out.dtype == call.x.dtype else call.out.dtype)


_REDUCTIONS = ("none", "mean", "sum")


def loss(name: str) -> Rule:
    """A loss."""

    def rule(call: Call) -> Made:
        return Loss(name, _REDUCTIONS[call["reduction"]])

    return rule
