"""Rules for indexing: numbers and slices make a view, tensors gather, assignment writes."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ....errors import ConvatlasError
from ....graph.ops import Assign, Embedding, Fill, Gather
from ....graph.spec import broadcast
from .registry import axis_of, is_number, register, rule_for
from .views import index_in, sliced

if TYPE_CHECKING:
    from ..tracer import Tracer


class _Part(NamedTuple):
    """What an index picks: a rectangular part, then positions along some of its axes by tensors."""

    shape: list[int]
    offset: list[int]
    step: list[int]
    axes: list[int | None]  # for each axis of the part, which axis of the input it is; None is a new one
    gathered: list[tuple[int, Any]]  # axis of the part, and the index tensor or list


def _part_of(shape: tuple[int, ...], index: Any) -> _Part:
    if isinstance(index, list) and any(isinstance(i, list | tuple | slice | torch.Tensor) or i in (None, ...) for i in index):
        index = tuple(index)  # as torch reads a list of more than numbers
    items = list(index) if isinstance(index, tuple) else [index]
    consumed = sum(item is not None and item is not Ellipsis and not isinstance(item, bool) for item in items)
    if consumed > len(shape):
        raise IndexError(f"too many indices ({consumed}) for a tensor of {len(shape)} axes")
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    place = next(position for position, item in enumerate(items) if item is Ellipsis)
    items[place : place + 1] = [slice(None)] * (len(shape) - consumed)
    result = _Part([], [0] * len(shape), [1] * len(shape), [], [])
    axis = 0
    for item in items:
        if item is None or item is True:
            result.shape.append(1)
            result.axes.append(None)
            continue
        size = shape[axis]
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            if step < 1:
                raise ConvatlasError(f"a slice's step must be at least 1, got {step}")
            result.offset[axis], result.step[axis] = start, step
            result.shape.append(max(0, -(-(stop - start) // step)))
            result.axes.append(axis)
        elif isinstance(item, Integral):
            result.offset[axis] = index_in(int(item), axis, shape)
        else:
            result.gathered.append((len(result.shape), item))
            result.shape.append(size)
            result.axes.append(axis)
        axis += 1
    return result


def _is_mask(item: Any) -> bool:
    if isinstance(item, torch.Tensor):
        return item.dtype in (torch.bool, torch.uint8)
    return isinstance(item, list) and bool(item) and isinstance(item[0], bool)


def _has_mask(index: Any) -> bool:
    return any(map(_is_mask, index)) if isinstance(index, tuple) else _is_mask(index)


def _listed_shape(item: Any) -> tuple[int, ...]:
    """Shape of an index that comes as an array, or as a (nested) list of numbers."""
    if hasattr(item, "shape"):
        return tuple(item.shape)
    return (len(item), *_listed_shape(item[0])) if isinstance(item, list | tuple | range) and len(item) else ()


@rule_for("__getitem__")
def getitem(t: Tracer, x: Any, index: Any) -> Any:
    """Indexing."""
    x = t.proxy(x)
    if _has_mask(index):
        raise t.asks_for_values("a mask's number of true elements")
    part = _part_of(x.spec.shape, index)
    if part.gathered and tuple(part.shape) == x.spec.shape and not any(part.offset):
        view = x
    else:
        view = sliced(t, x, part.shape, part.offset, part.step, part.axes)
    if not part.gathered:
        return view
    tensors = [
        item if isinstance(item, torch.Tensor) else t.emit(Fill(_listed_shape(item), "int64", "indices"))
        for _, item in part.gathered
    ]
    return t.emit(Gather(_gathered_shape(part, [t.shape(tensor) for tensor in tensors])), view, *tensors)


def _gathered_shape(part: _Part, indices: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The index shapes broadcast, and stand where the indexed axes stood if these are neighbours, else in front."""
    index_shape: tuple[int, ...] = ()
    for shape in indices:
        index_shape = broadcast(index_shape, shape)
    axes = [axis for axis, _ in part.gathered]
    rest = [n for axis, n in enumerate(part.shape) if axis not in axes]
    place = axes[0] if axes == list(range(axes[0], axes[0] + len(axes))) else 0
    return (*rest[:place], *index_shape, *rest[place:])


@rule_for("__setitem__")
def _setitem(t: Tracer, x: Any, index: Any, value: Any) -> None:
    shape = t.shape(x)
    indices: list[Any] = []
    if not _has_mask(index):
        part = _part_of(shape, index)
        tensors = [item for _, item in part.gathered]
        indices = [item for item in tensors if isinstance(item, torch.Tensor)]
        shapes = [t.shape(item) if isinstance(item, torch.Tensor) else _listed_shape(item) for item in tensors]
        shape = _gathered_shape(part, shapes) if tensors else tuple(part.shape)
    source = [] if is_number(value) else [value]
    t.overwrite(Assign(shape), x, *source, *indices)


def _overwrite(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    given = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
    # of several tensors the last one is the source, the others say where it goes
    return t.overwrite(Assign(t.shape(x)), x, *reversed(given))


register(
    _overwrite, "copy_", "fill_", "zero_", "index_copy_", "index_add_", "index_fill_", "scatter_", "scatter_add_",
    "scatter_reduce_", "masked_scatter_", "normal_", "uniform_", "bernoulli_", "random_", "exponential_",
    "fill_diagonal_", "set_",
)  # fmt: skip


@rule_for("index_select")
def _index_select(t: Tracer, x: Any, dim: int, index: Any) -> Any:
    shape = list(t.shape(x))
    shape[axis_of(dim, len(shape))] = t.proxy(index).spec.numel
    return t.emit(Gather(tuple(shape)), x, index)


@rule_for("gather", "take_along_dim")
def _gather(t: Tracer, x: Any, dim: Any = None, index: Any = None, **kwargs: Any) -> Any:
    index = dim if index is None else index  # take_along_dim takes the index first
    index = kwargs.get("indices", index)
    return t.emit(Gather(t.shape(index)), x, index)


@rule_for("embedding")
def embedding(t: Tracer, input: Any, weight: Any, *args: Any, **kwargs: Any) -> Any:
    """Table look-up; torch.embedding takes the table first."""
    if kwargs.get("max_norm") is not None or kwargs.get("sparse"):
        raise t.unsure("an embedding with max_norm or sparse gradients")
    if not t.proxy(weight).spec.is_floating:
        input, weight = weight, input
    indices = t.proxy(input).spec
    if indices.is_floating:
        raise ConvatlasError(
            f"an embedding looks up whole numbers, got {indices}; say the dtype, as `--input 10:int64` or "
            'TensorSpec((1, 10), "int64")'
        )
    return t.emit(Embedding(), input, weight)
