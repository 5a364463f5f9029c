"""Rules for views: other shapes, orders of axes and parts of the same elements."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from ....errors import ConvatlasError
from ....graph import TensorSpec
from ....graph.ops import Alias, Expand, Permute, Slice, Split, View
from ....graph.strides import Strides
from ..proxy import Proxy
from .registry import axes_of, axis_of, in_place, numbers, op_of, rule_for

if TYPE_CHECKING:
    from ..tracer import Tracer


@lru_cache(maxsize=4096)
def _reshaping(spec: TensorSpec, strides: Strides, shape: tuple[int, ...], function: str) -> tuple[View, TensorSpec]:
    """The op and its output: a view where the input's layout allows one, else a copy."""
    op = View(shape, function)
    result = op.output(spec)
    if strides is not None and op.seen_strides(spec.shape, strides, result.shape) is None:
        op = View(shape, function, copies=True)
    return op, result


def reshaped(t: Tracer, x: Any, shape: tuple[int, ...], function: str) -> Proxy:
    """The same elements in another shape."""
    x = t.proxy(x)
    op, result = _reshaping(x.spec, x.strides, shape, function)
    return t.add(op, (x.value,), result)


@rule_for("view", "reshape", "_unsafe_view")
def reshape(t: Tracer, x: Any, *shape: Any, **kwargs: Any) -> Any:
    """View or reshape."""
    given = shape or (kwargs.get("shape", kwargs.get("size", kwargs.get("dtype"))),)
    if isinstance(given[0], torch.dtype):
        raise t.unsure("a view of another dtype")
    return reshaped(t, x, numbers(given), "view")


@rule_for("view_as", "reshape_as")
def _view_as(t: Tracer, x: Any, other: Any) -> Any:
    return reshaped(t, x, t.shape(other), "view")


@rule_for("flatten")
def flatten(t: Tracer, x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Flatten some neighbouring axes into one."""
    shape = t.shape(x)
    start, end = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if start > end:
        raise ConvatlasError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if start == end and shape:
        return x
    return reshaped(t, x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]), "flatten")


@rule_for("unflatten")
def _unflatten(t: Tracer, x: Any, dim: int, sizes: Any) -> Any:
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    sizes = list(numbers((sizes,)))
    if -1 in sizes:
        sizes[sizes.index(-1)] = shape[axis] // -math.prod(sizes)
    if math.prod(sizes) != shape[axis]:
        raise ConvatlasError(f"unflatten: {sizes} does not multiply to {shape[axis]}")
    return reshaped(t, x, (*shape[:axis], *sizes, *shape[axis + 1 :]), "unflatten")


@rule_for("unsqueeze")
def _unsqueeze(t: Tracer, x: Any, dim: int) -> Any:
    shape = t.shape(x)
    axis = axis_of(dim, len(shape) + 1)
    return reshaped(t, x, (*shape[:axis], 1, *shape[axis:]), "unsqueeze")


@rule_for("squeeze")
def _squeeze(t: Tracer, x: Any, dim: Any = None) -> Any:
    shape = t.shape(x)
    axes = axes_of(dim, len(shape))
    return reshaped(t, x, tuple(n for axis, n in enumerate(shape) if not (axis in axes and n == 1)), "squeeze")


def permuted(t: Tracer, x: Any, axes: tuple[int, ...]) -> Proxy:
    """The axes in another order."""
    return t.emit(op_of(Permute, axes_of(axes, len(t.shape(x))) if axes else ()), x)


@rule_for("permute")
def permute(t: Tracer, x: Any, *dims: Any, **kwargs: Any) -> Any:
    """Reorder axes."""
    return permuted(t, x, numbers(dims or (kwargs["dims"],)))


@rule_for("transpose", "swapaxes", "swapdims")
def transpose(t: Tracer, x: Any, dim0: int, dim1: int) -> Any:
    """Swap two axes."""
    rank = len(t.shape(x))
    first, second = axis_of(dim0, rank), axis_of(dim1, rank)
    axes = list(range(rank))
    if rank:
        axes[first], axes[second] = axes[second], axes[first]
    return permuted(t, x, tuple(axes))


@rule_for("t")
def _t(t: Tracer, x: Any) -> Any:
    rank = len(t.shape(x))
    if rank > 2:
        raise ConvatlasError(f"t() takes at most 2 axes, got {t.shape(x)}")
    return permuted(t, x, tuple(reversed(range(rank))))


@rule_for("movedim", "moveaxis")
def _movedim(t: Tracer, x: Any, source: Any, destination: Any) -> Any:
    rank = len(t.shape(x))
    moved, places = axes_of(source, rank), axes_of(destination, rank)
    rest = iter(axis for axis in range(rank) if axis not in moved)
    by_place = dict(zip(places, moved, strict=True))
    return permuted(t, x, tuple(by_place[place] if place in by_place else next(rest) for place in range(rank)))


@rule_for("expand", "broadcast_to")
def expand(t: Tracer, x: Any, *sizes: Any, **kwargs: Any) -> Any:
    """Repeat axes of size 1 without copying."""
    return t.emit(op_of(Expand, numbers(sizes or (kwargs["size"],))), x)


@rule_for("expand_as")
def _expand_as(t: Tracer, x: Any, other: Any) -> Any:
    return expand(t, x, t.shape(other))


@rule_for("detach", "alias")
def _detach(t: Tracer, x: Any) -> Any:
    return t.emit(Alias(), x)


in_place(_unsqueeze, "unsqueeze_")
in_place(_squeeze, "squeeze_")
in_place(transpose, "transpose_", "swapaxes_", "swapdims_")
in_place(_t, "t_")
in_place(_detach, "detach_")


def _split_into(t: Tracer, x: Any, sizes: tuple[int, ...], axis: int, keep_axis: bool = True) -> tuple[Proxy, ...]:
    return t.emit_many(op_of(Split, sizes, axis, keep_axis), x)


@rule_for("chunk")
def _chunk(t: Tracer, x: Any, chunks: int, dim: int = 0) -> Any:
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    size = -(-shape[axis] // chunks)
    return _split_into(t, x, _equal_parts(shape[axis], size), axis)


def _equal_parts(total: int, size: int) -> tuple[int, ...]:
    return tuple(min(size, total - start) for start in range(0, total, size)) if total else (0,)


@rule_for("split", "split_with_sizes")
def _split(t: Tracer, x: Any, split_size_or_sections: Any = None, dim: int = 0, **kwargs: Any) -> Any:
    sections = split_size_or_sections if split_size_or_sections is not None else next(iter(kwargs.values()))
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    sizes = _equal_parts(shape[axis], sections) if isinstance(sections, int) else numbers((sections,))
    return _split_into(t, x, sizes, axis)


@rule_for("tensor_split")
def _tensor_split(t: Tracer, x: Any, indices_or_sections: Any = None, dim: int = 0, **kwargs: Any) -> Any:
    given = indices_or_sections if indices_or_sections is not None else next(iter(kwargs.values()))
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    total = shape[axis]
    if isinstance(given, int):
        sizes = [total // given + (position < total % given) for position in range(given)]
        return _split_into(t, x, tuple(sizes), axis)
    ends = [*numbers((given,)), total]  # the parts are slices, so they may overlap or be empty
    bounds = [slice(start, end).indices(total) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return tuple(part(t, x, axis, start, max(stop - start, 0)) for start, stop, _ in bounds)


@rule_for("unbind")
def _unbind(t: Tracer, x: Any, dim: int = 0) -> Any:
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    return _split_into(t, x, (1,) * shape[axis], axis, keep_axis=False)


def sliced(t: Tracer, x: Proxy, shape: list[int], offset: list[int], step: list[int], axes: list[int | None]) -> Proxy:
    """A rectangular part; ``axes`` tells for each axis of the part which axis of ``x`` it is (None: a new one)."""
    return t.emit(Slice(tuple(shape), tuple(offset), tuple(step), tuple([-1 if axis is None else axis for axis in axes])), x)


def part(t: Tracer, x: Any, axis: int, start: int, length: int, *, keep_axis: bool = True) -> Proxy:
    """``length`` positions along an axis from ``start`` on."""
    x = t.proxy(x)
    shape = list(x.spec.shape)
    offset, step = [0] * len(shape), [1] * len(shape)
    offset[axis] = start
    axes: list[int | None] = list(range(len(shape)))
    shape[axis] = length
    if not keep_axis:
        del shape[axis], axes[axis]
    return sliced(t, x, shape, offset, step, axes)


@rule_for("narrow")
def _narrow(t: Tracer, x: Any, dim: int, start: int, length: int) -> Any:
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    first = start + shape[axis] if start < 0 else start
    if not 0 <= first <= first + length <= shape[axis]:
        raise IndexError(f"narrow: {length} positions from {start} do not lie in the {shape[axis]} of axis {axis}")
    return part(t, x, axis, first, length)


@rule_for("select")
def _select(t: Tracer, x: Any, dim: int, index: int) -> Any:
    shape = t.shape(x)
    axis = axis_of(dim, len(shape))
    return part(t, x, axis, index_in(index, axis, shape), 1, keep_axis=False)


def index_in(index: int, axis: int, shape: tuple[int, ...]) -> int:
    """A position along an axis, counted from the front.

    Raises:
        IndexError: there is no such position.

    """
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(f"index {index} is out of range for axis {axis} of {shape}")
    return index % shape[axis]
