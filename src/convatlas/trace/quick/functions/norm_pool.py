"""Rules for normalisation and pooling."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import torch

from ....errors import ConvatlasError
from ....graph import TensorSpec
from ....graph.ops import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Fill,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    LpPool,
    MaxPool,
    Op,
    RMSNorm,
)
from ....graph.ops.base import per_axis
from ..proxy import Proxy
from .registry import FUNCTION_RULES, given, op_of, register, rule_for

if TYPE_CHECKING:
    from ..tracer import Tracer


@rule_for("batch_norm")
def batch_norm(
    t: Tracer, input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, *args: Any, **kwargs: Any,
) -> Any:  # fmt: skip
    """Batch norm, in the order of torch.nn.functional."""
    tensors = {"w": weight, "b": bias, "m": running_mean, "v": running_var}
    present = "".join([letter for letter, tensor in tensors.items() if tensor is not None])
    return t.emit(BatchNorm(training, present), input, *given(*tensors.values()))


@rule_for("layer_norm")
def layer_norm(t: Tracer, input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *args: Any,
               **kwargs: Any) -> Any:  # fmt: skip
    """Layer norm."""
    _check_trailing(t, "layer_norm", input, normalized_shape)
    return t.emit_layer(op_of(LayerNorm, len(normalized_shape)), input, weight, bias)


@rule_for("rms_norm")
def rms_norm(t: Tracer, input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    """RMS norm."""
    _check_trailing(t, "rms_norm", input, normalized_shape)
    return t.emit(RMSNorm(len(normalized_shape)), input, *given(weight))


def _check_trailing(t: Tracer, name: str, input: Any, normalized_shape: Any) -> None:
    shape = t.shape(input)
    if shape[len(shape) - len(normalized_shape) :] != tuple(normalized_shape):
        raise ConvatlasError(f"{name} over {tuple(normalized_shape)} does not fit {shape}")


@rule_for("group_norm")
def group_norm(t: Tracer, input: Any, num_groups: int, weight: Any = None, bias: Any = None, *args: Any,
               **kwargs: Any) -> Any:  # fmt: skip
    """Group norm."""
    return t.emit_layer(op_of(GroupNorm, num_groups), input, weight, bias)


@rule_for("instance_norm")
def _instance_norm(
    t: Tracer, input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, *args: Any, **kwargs: Any,
) -> Any:  # fmt: skip
    return t.emit(InstanceNorm(not use_input_stats), input, *given(weight, bias, running_mean, running_var))


# torch's own functions take the weights before the statistics
FUNCTION_RULES[torch.batch_norm] = lambda t, x, weight, bias, mean, variance, training, *args: batch_norm(
    t, x, mean, variance, weight, bias, training
)
FUNCTION_RULES[torch.instance_norm] = lambda t, x, weight, bias, mean, variance, *args: _instance_norm(
    t, x, mean, variance, weight, bias, *args
)


@rule_for("local_response_norm")
def local_response_norm(t: Tracer, input: Any, size: int, *args: Any, **kwargs: Any) -> Any:
    """Local response norm."""
    return t.emit(LocalResponseNorm(size), input)


def _pool(kind: Any, rank: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    """The pooling with torch's settings."""
    try:
        return _pool_op(kind, rank, kernel, stride, padding, dilation, ceil_mode)
    except TypeError:  # no list is hashable
        return _pool_op(kind, rank, *map(_hashable, (kernel, stride, padding, dilation)), ceil_mode)


@lru_cache(maxsize=512)
def _pool_op(kind: type[Op], rank: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    sizes = per_axis(kernel, rank)
    steps = sizes if stride is None or stride == () else per_axis(stride, rank)
    return kind(sizes, steps, per_axis(padding, rank), per_axis(dilation, rank), ceil_mode)  # type: ignore[call-arg]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def max_pool(
    t: Tracer, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False, *, rank: int,
) -> Any:  # fmt: skip
    """Max pooling."""
    result = t.emit(_pool(MaxPool, rank, kernel_size, stride, padding, dilation, ceil_mode), input)
    return (result, _indices(t, result)) if return_indices else result


def _indices(t: Tracer, result: Proxy) -> Proxy:
    return t.emit(Fill(result.spec.shape, "int64", "indices"))


def avg_pool(
    t: Tracer, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    *args: Any, rank: int, **kwargs: Any,
) -> Any:  # fmt: skip
    """Average pooling."""
    return t.emit(_pool(AvgPool, rank, kernel_size, stride, padding, 1, ceil_mode), input)


def adaptive_avg_pool(t: Tracer, input: Any, output_size: Any, *, rank: int) -> Any:
    """Adaptive average pooling."""
    x = t.proxy(input)
    op, result = _adaptive_avg_pool(_hashable(output_size), rank, x.spec)
    return t.add(op, (x.value,), result)


@lru_cache(maxsize=4096)
def _adaptive_avg_pool(output_size: Any, rank: int, spec: TensorSpec) -> tuple[AdaptiveAvgPool, TensorSpec]:
    op = AdaptiveAvgPool(per_axis(output_size, rank))
    return op, op.output(spec)


def adaptive_max_pool(t: Tracer, input: Any, output_size: Any, return_indices: bool = False, *, rank: int) -> Any:
    """Adaptive max pooling."""
    result = t.emit(AdaptiveMaxPool(per_axis(output_size, rank)), input)
    return (result, _indices(t, result)) if return_indices else result


def lp_pool(t: Tracer, input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False,
            *, rank: int) -> Any:  # fmt: skip
    """Lp pooling."""
    return t.emit(_pool(LpPool, rank, kernel_size, stride, 0, 1, ceil_mode), input)


for _rank in (1, 2, 3):
    register(partial(max_pool, rank=_rank), f"max_pool{_rank}d")
    register(partial(max_pool, rank=_rank, return_indices=True), f"max_pool{_rank}d_with_indices")
    register(partial(avg_pool, rank=_rank), f"avg_pool{_rank}d")
    register(partial(adaptive_avg_pool, rank=_rank), f"adaptive_avg_pool{_rank}d")
    register(partial(adaptive_max_pool, rank=_rank), f"adaptive_max_pool{_rank}d")
    register(partial(adaptive_max_pool, rank=_rank, return_indices=True), f"adaptive_max_pool{_rank}d_with_indices")
    register(partial(lp_pool, rank=_rank), f"lp_pool{_rank}d")
FUNCTION_RULES[torch.adaptive_max_pool1d] = partial(adaptive_max_pool, rank=1, return_indices=True)
