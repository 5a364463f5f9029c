"""Rules for tensors made of nothing, and for checks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from ....graph.ops import Fill
from ...network import DTYPES
from ..calls import leaves
from ..proxy import Proxy
from .layout import to
from .registry import FUNCTION_RULES, numbers, register, rule_for
from .views import expand, reshaped

if TYPE_CHECKING:
    from ..tracer import Tracer


def _dtype_of(value: Any, dtype: Any = None) -> str:
    """The dtype that torch gives to a tensor of Python numbers."""
    if dtype is not None:
        return DTYPES[dtype]
    if isinstance(value, bool):
        return "bool"
    return "int64" if isinstance(value, int) else DTYPES[torch.get_default_dtype()]


def _size(size: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
    return numbers((kwargs["size"],) if "size" in kwargs else size)


def _filled(t: Tracer, shape: tuple[int, ...], x: Any, dtype: Any, function: str) -> Proxy:
    """A new tensor that takes its dtype from ``x`` unless it is given."""
    return t.emit(Fill(shape, DTYPES[dtype] if dtype else t.graph.values[t.number(x)].dtype, function))


def _family(function: str) -> None:
    """The three forms of a factory: of a size, of another tensor's size, of another tensor's kind."""

    def made(t: Tracer, *size: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if kwargs.get("requires_grad"):
            raise t.unsure("a tensor made on the way that wants a gradient")
        return t.emit(Fill(_size(size, kwargs), _dtype_of(0.0, dtype), function))

    def like(t: Tracer, x: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return _filled(t, t.shape(x), x, dtype, function)

    def new(t: Tracer, x: Any, *size: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return _filled(t, _size(size, kwargs), x, dtype, function)

    register(made, function)
    register(like, f"{function}_like")
    register(new, f"new_{function}")


for _function in ("zeros", "ones", "empty", "rand", "randn"):
    _family(_function)


@rule_for("full")
def _full(t: Tracer, size: Any, fill_value: Any, *, dtype: Any = None, **kwargs: Any) -> Any:
    return t.emit(Fill(numbers((size,)), _dtype_of(fill_value, dtype), "full"))


@rule_for("eye")
def _eye(t: Tracer, n: int, m: int | None = None, *, dtype: Any = None, **kwargs: Any) -> Any:
    return t.emit(Fill((n, n if m is None else m), _dtype_of(0.0, dtype), "eye"))


@rule_for("arange", "range")
def _arange(t: Tracer, *bounds: Any, dtype: Any = None, **kwargs: Any) -> Any:
    start, end, step = 0, kwargs.get("end"), kwargs.get("step", 1)
    if len(bounds) == 1 and end is None:
        (end,) = bounds
    else:
        start, end, step = [*bounds, *(value for value in (kwargs.get("start"), end) if value is not None), step][:3]
    fractional = any(isinstance(value, float) for value in (start, end, step))
    return t.emit(Fill((math.ceil((end - start) / step),), _dtype_of(0.0 if fractional else 0, dtype), "arange"))


@rule_for("meshgrid")
def _meshgrid(t: Tracer, *tensors: Any, indexing: str = "ij") -> Any:
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else list(tensors)
    sizes = [t.proxy(part).spec.numel for part in parts]
    places = list(range(len(parts)))
    if indexing == "xy" and len(parts) > 1:
        places[:2] = [1, 0]
    shape = [sizes[places.index(axis)] for axis in range(len(parts))]
    grids = []
    for part, size, place in zip(parts, sizes, places, strict=True):
        along = tuple(size if axis == place else 1 for axis in range(len(parts)))
        grids.append(expand(t, reshaped(t, part, along, "view"), tuple(shape)))
    return tuple(grids)


@rule_for("tensor", "as_tensor", "scalar_tensor")
def _tensor(t: Tracer, data: Any, *, dtype: Any = None, **kwargs: Any) -> Any:
    if isinstance(data, torch.Tensor):
        return to(t, data, dtype) if dtype else data
    if any(isinstance(leaf, torch.Tensor) for leaf in leaves(data)):
        raise t.unsure("a tensor made of tensors' values")
    with torch._C.DisableTorchFunction():
        kind = torch.tensor(data, device="meta")
    return t.emit(Fill(tuple(kind.shape), DTYPES[dtype or kind.dtype], "tensor"))


def _assert(t: Tracer, condition: Any, message: str) -> None:
    if isinstance(condition, bool) and not condition:
        raise AssertionError(message)


FUNCTION_RULES[torch._assert] = _assert
