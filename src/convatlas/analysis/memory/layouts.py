"""How tensors and their gradients lie in memory: strides from one op to the next, and where torch copies."""

from __future__ import annotations

from math import prod

from ...graph.ops import Activation, Alias, Binary, Concat, Copy, Expand, Op, Permute, Reduce, Stack, View
from ...graph.ops.base import axis_of
from ...graph.strides import (
    Shape,
    Strides,
    channels_innermost,
    channels_last_strides,
    dense_like,
    dense_strides,
    is_channels_last,
    normal,
    same_layout,
    view_strides,
)

PACKED, CHANNELS_LAST, SPARSE, PART = 0, 1, 2, 3  # SPARSE: axes in another order; PART: some elements of a larger tensor
_ELEMENT_WISE = ("activation", "arithmetic", "dropout")
_PACK_GRADIENTS = frozenset({"conv", "conv_transpose", "batch_norm", "layer_norm", "group_norm", "linear", "max_pool", "avg_pool",
                             "softmax", "attention"})  # fmt: skip


def layout_of(shape: Shape, strides: Strides) -> int:
    """What a kernel sees in a tensor's strides: PACKED, CHANNELS_LAST, SPARSE or PART."""
    if strides is None:
        return PACKED
    if channels_innermost(shape, strides):
        return CHANNELS_LAST
    dense = dense_like(shape, strides) or dense_strides(shape)
    return SPARSE if same_layout(shape, strides, dense) else PART


def passes_on(op: Op) -> bool:
    """Whether an op's backward hands its incoming gradient on, whole or in part, without a new tensor."""
    if isinstance(op, Activation | Binary):
        return op.function == "add"
    if isinstance(op, Copy):
        return op.function in ("clone", "contiguous")
    if isinstance(op, Reduce):
        return op.function == "sum"
    return isinstance(op, View | Permute | Alias | Expand | Concat | Stack)


def can_view(shape: Shape, strides: Strides, wanted: Shape) -> bool:
    """Whether a tensor of these strides can be seen in another shape without a copy."""
    return strides is None or view_strides(shape, strides, wanted) is not None


def seen_as(op: Op, shape: Shape) -> Shape:
    """The shape in which an op's backward takes its gradient: a product's has one axis of rows, or of matrices.

    Torch copies a gradient that is no such view.
    """
    if op.kind == "linear":
        return (prod(shape[:-1]), *shape[-1:])
    if op.kind == "matmul" and len(shape) > 2:
        return (prod(shape[:-2]), *shape[-2:])
    return shape


def strides_passed_on(op: Op, shape: Shape, strides: Strides, wanted: Shape) -> Strides:
    """Strides of the gradient that an op hands on to an input of the shape ``wanted``."""
    if strides is None and isinstance(op, View | Copy | Alias | Expand | Activation | Binary):
        return None
    before = dense_strides(shape) if strides is None else strides
    if isinstance(op, View):
        return normal(wanted, view_strides(shape, before, wanted) or dense_strides(wanted))
    if isinstance(op, Permute):
        places = [axis_of(axis, len(wanted)) for axis in op.axes]
        return normal(wanted, tuple([before[places.index(axis)] for axis in range(len(wanted))]))
    if isinstance(op, Stack):
        axis = axis_of(op.axis, len(shape))
        return normal(wanted, before[:axis] + before[axis + 1 :])
    if isinstance(op, Reduce):  # repeated without a copy
        gone = {axis_of(axis, len(wanted)) for axis in op.axes}
        kept = iter([n for axis, n in enumerate(before) if not (op.keep_axes and axis in gone)])
        return normal(wanted, tuple([0 if axis in gone else next(kept) for axis in range(len(wanted))]))
    return normal(wanted, before)


def strides_made(op: Op, layout: int, shape: Shape, incoming: Strides, wanted: Shape) -> Strides:
    """Strides of the gradient of the shape ``wanted`` that an op makes of its first input, which lies in a ``layout``."""
    if op.kind in _ELEMENT_WISE:
        return dense_like(wanted, incoming) if wanted == shape else None
    if op.kind == "attention" and len(wanted) == 4:
        return _heads_inside(wanted)
    if layout == CHANNELS_LAST and op.kind != "reduce" and len(wanted) == 4:
        return normal(wanted, channels_last_strides(wanted))
    return None


def _heads_inside(shape: Shape) -> Strides:
    """Strides of (N, heads, length, size) that lies as (N, length, heads, size), the order in which fused attention works."""
    strides = dense_strides((shape[0], shape[2], shape[1], shape[3]))
    return normal(shape, (strides[0], strides[2], strides[1], strides[3]))


def packs_first(op: Op, layout: int, shape: Shape, incoming: Strides, dense: bool) -> bool:
    """Whether a kernel first packs its gradient: one that is a part of a larger tensor, or lies otherwise than it computes.

    ``layout`` is that of the op's first input, ``shape`` the gradient's.
    """
    if op.kind not in _PACK_GRADIENTS:
        return False
    if incoming is not None and not dense:
        return True
    if op.kind == "attention":
        return len(shape) == 4 and incoming != _heads_inside(shape)
    if op.kind in ("layer_norm", "softmax") or (op.kind == "avg_pool" and layout == PACKED):
        return incoming is not None
    if op.kind != "conv" or len(shape) != 4 or shape[1] == 1 or shape[2] * shape[3] == 1:
        return False
    return not is_channels_last(shape, incoming) if layout == CHANNELS_LAST else incoming is not None
