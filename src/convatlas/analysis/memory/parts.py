"""Ops that a CPU makes of simpler ones, for want of a kernel that fits: what is kept, and what their passes take beside it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from ...graph import TensorSpec
from ...graph.ops import Kept, Op
from ...graph.spec import ITEM_BYTES
from ...graph.strides import Strides
from .layouts import can_view
from .script import GRADIENTS, OUTPUT, Script

if TYPE_CHECKING:
    from .plan import Step

MAYBE_IN_PARTS = ("attention", "rms_norm")


def comes_in_parts(op: Op, inputs: list[TensorSpec], needs: list[bool], strides: list[Strides]) -> bool:
    """Whether no fused kernel takes these inputs.

    That of attention takes four axes, the last of them innermost in memory, and no trained mask.
    """
    if op.kind == "rms_norm":
        return True
    innermost = all(lies is None or lies[-1] == 1 for lies in strides[:3])
    return not innermost or len(inputs[0].shape) != 4 or any(needs[3:])


def kept_by_parts(op: Op, inputs: list[TensorSpec], strides: list[Strides], kept: Kept) -> Kept:
    """What autograd keeps: of attention the scaled query and key, and the scores' softmax; of the norm the scaled input too."""
    if op.kind == "rms_norm":
        return kept._replace(extra=(*kept.extra, inputs[0]))
    query, key, value = inputs[:3]
    (*batch, queries, _), (*_, keys, width) = query.shape, value.shape
    scores = TensorSpec((*batch, queries, keys), query.dtype)
    if can_view(value.shape, strides[2], (prod(batch), keys, width)):
        return Kept(inputs=(2,), extra=(query, key, scores))
    return Kept(extra=(query, key, scores, value))  # a copy, as a stack of matrices


def forward(step: Step) -> Script:
    """What happens in memory while the parts run forward."""
    if step.node.op.kind == "rms_norm":
        square = step.inputs[0].nbytes
        return [square, -square, OUTPUT]
    query, key, scores, value = _sizes(step)
    infinite = scores // ITEM_BYTES[step.inputs[0].dtype]  # a mask of the rows that a mask leaves empty
    softmax: Script = [scores, infinite, -infinite, -scores]
    return [query, key, scores, *softmax, value, OUTPUT, -value, -scores, -key, -query]


def backward(step: Step) -> Script:
    """What happens in memory while the parts run backward."""
    made: list[Script] = [[GRADIENTS[index]] if need else [] for index, need in enumerate([*step.needs, False, False])]
    if step.node.op.kind == "rms_norm":  # two gradients of the scaled input, then the square's own temporaries
        x = step.inputs[0].nbytes
        return [x, x, *made[1], -x, *made[0], x, -x, -x]
    query, key, scores, _ = _sizes(step)
    return [*made[2], scores, scores, -scores, *made[3], query, key, -scores, *made[0], -query, *made[1], -key]


def _sizes(step: Step) -> tuple[int, int, int, int]:
    """Bytes of the query, the key, the scores, and the copy of the value if there is one."""
    query, key, value = step.inputs[:3]
    scores = query.nbytes // query.shape[-1] * key.shape[-2]
    return query.nbytes, key.nbytes, scores, value.nbytes if len(step.kept.extra) > 3 else 0
