"""torch module -> Graph. No kernel runs, nothing is allocated, and the caller's module stays as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..graph import Graph, TensorSpec
from ..graph.ops import TooSmallError
from .errors import DataDependentError, InputTooSmallError, TraceError
from .standin import DTYPES, StandIn, add_tensor_methods
from .tracer import Tracer, in_mode, tracing

__all__ = ["DataDependentError", "InputTooSmallError", "TraceError", "trace"]

add_tensor_methods()

Shape = Sequence[int]
Input = Shape | TensorSpec | torch.Tensor
_LARGEST_TRIED = 2048


def trace(
    model: nn.Module,
    inputs: Input | Sequence[Input] | Mapping[str, Input],
    *,
    training: bool = False,
) -> Graph:
    """The graph of one forward pass.

    Args:
        model: any module, on any device or ``meta``. It is left as it was: mode, attributes, statistics, random state.
            Hooks are neither run nor touched.
        inputs: the input's shape with its batch axis, as (1, 3, 224, 224); or several shapes, for several inputs; or a
            mapping from keyword to shape. A `TensorSpec` or a tensor stands for its shape and dtype. The dtype of a bare
            shape is that of the network's first floating parameter.
        training: trace the forward pass of training (batch statistics, dropout, auxiliary heads) or of evaluation.

    Raises:
        InputTooSmallError: names the layer, the size that it got, and the least input that works.
        DataDependentError: the forward pass branches on a tensor's values; names the line.
        TraceError: anything else that the forward pass raised, with the layer's path; the cause is chained.
    """
    if not isinstance(model, nn.Module):
        raise TraceError(f"expected an nn.Module, got {model!r}")
    model = getattr(model, "_orig_mod", model)  # a compiled module wraps the one it was made of
    dtype = next((DTYPES[p.dtype] for p in model.parameters() if p.is_floating_point()), "float32")
    args, kwargs = _specs(inputs, dtype)
    try:
        return _trace(model, args, kwargs, training)
    except _Failure as failure:
        error, place = failure.error, failure.place
        if isinstance(error, TooSmallError):
            raise InputTooSmallError(
                f"{place}: {error}{_least_input(model, args, kwargs, training)}; the input was {_shown(args, kwargs)}"
            ) from error
        if isinstance(error, TraceError):
            raise type(error)(f"{place}: {error}") from error
        reason = str(error).partition("\n")[0] or "no message"
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise TraceError(f"{place}: {kind}{reason}; the input was {_shown(args, kwargs)}") from error


class _Failure(Exception):
    def __init__(self, error: Exception, place: str) -> None:
        self.error, self.place = error, place


def _trace(
    model: nn.Module, args: Sequence[TensorSpec], kwargs: Mapping[str, TensorSpec], training: bool
) -> Graph:
    graph = Graph(name=type(model).__name__, training=training)
    tracer = Tracer(graph, model)
    first = next(model.parameters(), None)
    if first is not None and first.device.type != "meta":
        tracer.device = first.device
    given = [StandIn(tracer, graph.add_input(spec), spec) for spec in args]
    named = {key: StandIn(tracer, graph.add_input(spec), spec) for key, spec in kwargs.items()}
    graph.modules = {path: type(module).__name__ for module, path in tracer.modules}
    try:
        with in_mode(tracer.modules, model, training), tracing(tracer), torch.enable_grad():
            result = tracer.call(model, *given, **named)
    except Exception as error:
        kind = graph.modules.get(tracer.path, "")
        raise _Failure(error, f"{tracer.path} ({kind})" if tracer.path else kind or type(model).__name__) from error
    graph.outputs = [leaf.value for leaf in _stand_ins(result)]
    return graph


def _specs(inputs: Any, dtype: str) -> tuple[list[TensorSpec], dict[str, TensorSpec]]:
    if isinstance(inputs, Mapping):
        return [], {key: _spec(value, dtype) for key, value in inputs.items()}
    if isinstance(inputs, TensorSpec | torch.Tensor) or all(isinstance(n, int) for n in inputs):
        return [_spec(inputs, dtype)], {}
    return [_spec(value, dtype) for value in inputs], {}


def _spec(given: Any, dtype: str) -> TensorSpec:
    if isinstance(given, TensorSpec):
        return given
    if isinstance(given, torch.Tensor):
        return TensorSpec(tuple(given.shape), DTYPES[given.dtype])
    try:
        shape = tuple(int(n) for n in given)
    except TypeError:
        raise TraceError(f"an input is given by its shape, as (1, 3, 224, 224); got {given!r}") from None
    if any(n < 1 for n in shape):
        raise TraceError(f"every axis of an input shape must be at least 1; got {shape}")
    return TensorSpec(shape, dtype)


def _stand_ins(tree: Any) -> list[StandIn]:
    if type(tree) is StandIn:
        return [tree]
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    elif hasattr(tree, "__dataclass_fields__"):
        tree = list(vars(tree).values())
    return [leaf for item in tree for leaf in _stand_ins(item)] if isinstance(tree, list | tuple) else []


def _shown(args: Sequence[TensorSpec], kwargs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(["x".join(map(str, spec.shape)) for spec in (*args, *kwargs.values())])


def _least_input(
    model: nn.Module, args: Sequence[TensorSpec], kwargs: Mapping[str, TensorSpec], training: bool
) -> str:
    """Find the least square input that traces, by trying: the layers know only their own sizes."""
    if len(args) != 1 or kwargs or len(args[0].shape) != 4:
        return ""

    def works(side: int) -> bool:
        try:
            _trace(model, [TensorSpec((*args[0].shape[:2], side, side), args[0].dtype)], {}, training)
        except _Failure:
            return False
        return True

    low, high = 0, 1
    while not works(high):
        low, high = high, high * 2
        if high > _LARGEST_TRIED:
            return ""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return f"; the least input that works is {high}x{high}"
