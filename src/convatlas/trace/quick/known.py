"""Which real tensors are known to a trace: those that the network holds, of the kinds that the rules are made for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import starmap
from operator import attrgetter

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ...graph import TensorSpec
from ...graph.spec import ITEM_BYTES
from ..errors import TraceError
from ..network import DTYPES

PLAIN_TENSORS: frozenset[type] = frozenset({torch.Tensor, nn.Parameter})
_kind_of = attrgetter("dtype", "shape", "layout")
_SIZED = {dtype: name for dtype, name in DTYPES.items() if name in ITEM_BYTES and "complex" not in name}


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    """The spec of a real tensor.

    Raises:
        KeyError: it is no plain one.
    """
    return _spec(*_kind_of(tensor))


def specs_of(tensors: list[torch.Tensor]) -> Iterator[TensorSpec]:
    """`spec_of` each."""
    return starmap(_spec, map(_kind_of, tensors))


@lru_cache(maxsize=8192)
def _spec(dtype: torch.dtype, shape: torch.Size, layout: torch.layout) -> TensorSpec:
    """Most tensors of a network share theirs with others."""
    if layout != torch.strided:
        raise KeyError(layout)
    return TensorSpec(tuple(shape), _SIZED[dtype])


def why_unknown(name: str, tensor: torch.Tensor) -> str:
    """What keeps a tensor of that name from being known here, in words; empty where nothing does.

    Raises:
        TraceError: no graph can hold it.
    """
    kind = type(tensor)
    if is_lazy(tensor):
        raise TraceError(f"{name} has no shape yet; run the lazy module once before tracing it")
    if DTYPES[tensor.dtype] not in ITEM_BYTES:
        raise TraceError(f"{name} is of dtype {tensor.dtype}, which has no size in whole bytes; trace the module unquantized")
    if tensor.is_nested or tensor.layout != torch.strided or tensor.is_complex():
        return f"{name} is {'complex' if tensor.is_complex() else 'nested' if tensor.is_nested else 'sparse'}"
    fake = kind.__module__ == "torch._subclasses.fake_tensor"  # of a network that was built under FakeTensorMode
    return "" if fake or kind in PLAIN_TENSORS else f"{name} is a {kind.__name__}"
