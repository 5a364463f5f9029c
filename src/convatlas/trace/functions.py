"""Rules for torch functions and tensor methods: from a call's arguments to an op.

A rule takes the tracer, then the function's own arguments. One rule serves torch.f, torch.nn.functional.f and Tensor.f.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch

from ..graph import TensorSpec
from ..graph.ops import (
    Activation,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Alias,
    Assign,
    Attention,
    AvgPool,
    BatchNorm,
    Binary,
    Cast,
    Concat,
    ConvTranspose,
    Copy,
    Cumulative,
    Dropout,
    Einsum,
    Embedding,
    Expand,
    Fill,
    Gather,
    Glu,
    GridSample,
    GroupNorm,
    InstanceNorm,
    Interpolate,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    Loss,
    LpPool,
    Matmul,
    MaxPool,
    Pad,
    Permute,
    PixelShuffle,
    Prelu,
    Reduce,
    RMSNorm,
    Select,
    Slice,
    Softmax,
    Split,
    Stack,
    Unfold,
    View,
    Where,
)
from ..graph.ops.base import per_axis
from ..graph.ops.pointwise import FUNCTIONS
from ..graph.spec import promote
from .standin import DTYPES, StandIn, dense_strides

if TYPE_CHECKING:
    from .tracer import Tracer

Rule = Callable[..., Any]
FUNCTION_RULES: dict[Any, Rule] = {}
_HOMES = (torch, torch.nn.functional, torch.Tensor, torch.special, torch._C._nn)


def _register(rule: Rule, *names: str) -> None:
    """Use ``rule`` for every torch function of one of these names."""
    for name in names:
        found = [getattr(home, name) for home in _HOMES if hasattr(home, name)]
        for func in found:
            FUNCTION_RULES[func] = rule


def rule_for(*names: str) -> Callable[[Rule], Rule]:
    """Decorator: the rule for the torch functions of these names."""

    def decorate(rule: Rule) -> Rule:
        _register(rule, *names)
        return rule

    return decorate


def renamed(x: Any, result: StandIn) -> StandIn:
    """After an in-place op: ``x`` itself now stands for the new value, and nothing stands for the old one."""
    if type(x) is StandIn:
        x.value, result.value = result.value, x.value
        x.spec = result.spec
        return x
    return result


# element-wise


def _unary(function: str) -> None:
    plain, in_place = Activation(function, False), Activation(function, True)

    def rule(t: Tracer, x: Any, *args: Any, inplace: bool = False, **kwargs: Any) -> StandIn:
        if inplace or (args and args[-1] is True and function in _POSITIONAL_IN_PLACE):
            return rule_(t, x)
        return t.emit(plain, x, strides=_strides(x))

    def rule_(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> StandIn:
        return renamed(x, t.emit(in_place, x, strides=_strides(x)))

    _register(rule, function, *_SYNONYMS.get(function, ()))
    _register(rule_, f"{function}_", *(f"{name}_" for name in _SYNONYMS.get(function, ())))


_POSITIONAL_IN_PLACE = {"relu", "relu6", "silu", "hardswish", "hardsigmoid", "selu", "mish"}
_SYNONYMS = {
    "clamp": ("clip", "clamp_min", "clamp_max"),
    "abs": ("absolute", "__abs__"),
    "neg": ("negative", "__neg__"),
    "bitwise_not": ("__invert__",),
    "sigmoid": ("expit",),
}
_ARITHMETIC = ("add", "sub", "mul", "div", "pow", "remainder", "rsub")
for _function in FUNCTIONS:
    if _function not in _ARITHMETIC:
        _unary(_function)
for _function in ("isnan", "isinf", "isfinite", "logical_not"):
    _unary(_function)


def _strides(x: Any) -> tuple[int, ...] | None:
    """Strides of an element-wise result: a dense layout is kept, a part of a larger tensor is packed."""
    if type(x) is not StandIn or x.strides is None:
        return None
    wanted = sorted(dense_strides(tuple(size for _, size in sorted(zip(x.strides, x.spec.shape, strict=True), reverse=True))))
    return x.strides if sorted(x.strides) == wanted else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex) and not type(value) is StandIn


def _binary(function: str, *names: str, swapped: bool = False) -> tuple[Rule, Rule]:
    with_number = {flag: Activation(function, flag) for flag in (False, True)}
    with_tensor = {flag: Binary(function, flag) for flag in (False, True)}

    def apply(t: Tracer, x: Any, other: Any, in_place: bool, rounding_mode: str | None = None) -> Any:
        if swapped:
            x, other = other, x
        if _is_number(other):
            spec = t.graph.values[t.number(x)]
            if isinstance(other, float) and not spec.is_floating and not in_place:
                x = t.emit(Cast("float32"), x)
            result = t.emit(with_number[in_place], x, strides=_strides(x))
        elif _is_number(x):
            result = t.emit(with_number[False], other, strides=_strides(other))
        else:
            result = t.emit(with_tensor[in_place], x, other, strides=_strides(x))
        return renamed(x, result) if in_place else result

    def rule(t: Tracer, x: Any, other: Any = None, *, alpha: Any = 1, out: Any = None, **kwargs: Any) -> Any:
        return apply(t, x, other, in_place=False)

    def rule_(t: Tracer, x: Any, other: Any = None, *, alpha: Any = 1, **kwargs: Any) -> Any:
        return apply(t, x, other, in_place=True)

    _register(rule, *(name for name in names if not name.startswith("__i") or name == "__invert__"))
    _register(rule_, *(f"{name}_" for name in names), *(name for name in names if name.startswith("__i")))
    return rule, rule_


add, add_ = _binary("add", "add", "__add__", "__radd__", "__iadd__")
_binary("sub", "sub", "subtract", "__sub__", "__isub__")
_binary("sub", "rsub", "__rsub__", swapped=True)
mul, mul_ = _binary("mul", "mul", "multiply", "__mul__", "__rmul__", "__imul__")
_binary("div", "div", "divide", "true_divide", "__div__", "__truediv__", "__itruediv__", "__idiv__")
_binary("div", "__rtruediv__", "__rdiv__", swapped=True)
_binary("pow", "pow", "__pow__", "float_power", "__ipow__")
_binary("pow", "__rpow__", swapped=True)
_binary("remainder", "remainder", "fmod", "__mod__", "floor_divide", "__floordiv__")
_binary("maximum", "maximum", "fmax")
_binary("minimum", "minimum", "fmin")
_binary("atan2", "atan2")
for _name, _names in {
    "eq": ("eq", "__eq__"), "ne": ("ne", "not_equal", "__ne__"), "lt": ("lt", "less", "__lt__"),
    "le": ("le", "__le__"), "gt": ("gt", "greater", "__gt__"), "ge": ("ge", "__ge__"),
    "logical_and": ("logical_and",), "logical_or": ("logical_or",),
    "bitwise_and": ("bitwise_and", "__and__"), "bitwise_or": ("bitwise_or", "__or__"),
}.items():  # fmt: skip
    _binary(_name, *_names)


@rule_for("addcmul")
def _addcmul(t: Tracer, x: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    return add(t, x, mul(t, first, second))


@rule_for("lerp")
def _lerp(t: Tracer, x: Any, end: Any, weight: Any) -> Any:
    return add(t, x, mul(t, t.emit(Binary("sub"), end, x), weight))


@rule_for("where")
def _where(t: Tracer, condition: Any, x: Any = None, other: Any = None) -> Any:
    return t.emit(Where(), condition, *(v for v in (x, other) if v is not None and not _is_number(v)))


@rule_for("masked_fill")
def _masked_fill(t: Tracer, x: Any, mask: Any, value: Any) -> Any:
    return t.emit(Where(), mask, x)


@rule_for("prelu")
def prelu(t: Tracer, x: Any, weight: Any) -> Any:
    """PReLU."""
    return t.emit(Prelu(), x, weight)


@rule_for("glu")
def glu(t: Tracer, x: Any, dim: int = -1) -> Any:
    """Gated linear unit."""
    return t.emit(Glu(dim), x)


@rule_for("softmax")
def softmax(t: Tracer, x: Any, dim: int | None = None, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Softmax along an axis."""
    return t.emit(Softmax(-1 if dim is None else dim, False, DTYPES[dtype] if dtype else None), x)


@rule_for("log_softmax")
def log_softmax(t: Tracer, x: Any, dim: int | None = None, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Logarithm of a softmax."""
    return t.emit(Softmax(-1 if dim is None else dim, True, DTYPES[dtype] if dtype else None), x)


def dropout(
    t: Tracer, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, channels: bool = False
) -> Any:
    """Dropout; outside training the tensor itself."""
    if not training or p == 0.0:
        return x
    result = t.emit(Dropout(p, True, channels, inplace), x, strides=_strides(x))
    return renamed(x, result) if inplace else result


_register(dropout, "dropout", "alpha_dropout", "feature_alpha_dropout")
_register(partial(dropout, channels=True), "dropout1d", "dropout2d", "dropout3d")


# convolutions and matrix products


def _conv(rank: int) -> Rule:
    from .modules import conv_op

    def rule(
        t: Tracer, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1,
    ) -> Any:  # fmt: skip
        kernel = t.graph.values[t.number(weight)].shape[2:]
        where = padding if isinstance(padding, str) else per_axis(padding, rank)
        op = conv_op(per_axis(stride, rank), where, per_axis(dilation, rank), groups, kernel)
        return t.emit(op, input, weight, *([] if bias is None else [bias]))

    return rule


def conv_transpose(
    t: Tracer, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution of 1 to 3 dimensions, by the weight's rank."""
    rank = len(t.graph.values[t.number(weight)].shape) - 2
    axes = [per_axis(value, rank) for value in (stride, padding, output_padding, dilation)]
    return t.emit(ConvTranspose(*axes, groups), input, weight, *([] if bias is None else [bias]))


_register(conv_transpose, "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


@rule_for("linear")
def linear(t: Tracer, input: Any, weight: Any, bias: Any = None) -> Any:
    """Linear layer."""
    return t.emit(Linear(), input, weight, *([] if bias is None else [bias]))


@rule_for("matmul", "mm", "bmm", "mv", "dot", "__matmul__")
def matmul(t: Tracer, x: Any, other: Any, **kwargs: Any) -> Any:
    """Matrix product."""
    return t.emit(Matmul(), x, other)


@rule_for("__rmatmul__")
def _rmatmul(t: Tracer, x: Any, other: Any) -> Any:
    return t.emit(Matmul(), other, x)


@rule_for("addmm", "baddbmm")
def _addmm(t: Tracer, addend: Any, x: Any, other: Any, **kwargs: Any) -> Any:
    return t.emit(Matmul(), x, other, addend)


@rule_for("einsum")
def _einsum(t: Tracer, equation: str, *operands: Any) -> Any:
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return t.emit(Einsum(equation), *operands)


@rule_for("scaled_dot_product_attention")
def _attention(t: Tracer, query: Any, key: Any, value: Any, attn_mask: Any = None, *args: Any, **kwargs: Any) -> Any:
    return t.emit(Attention(), query, key, value, *([] if attn_mask is None else [attn_mask]))


# normalisation


@rule_for("batch_norm")
def _batch_norm(
    t: Tracer, input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, *args: Any, **kwargs: Any,
) -> Any:  # fmt: skip
    if args and isinstance(input, StandIn) and isinstance(running_mean, torch.Tensor) and isinstance(training, bool):
        pass
    given = {"w": weight, "b": bias, "m": running_mean, "v": running_var}
    present = "".join(letter for letter, tensor in given.items() if tensor is not None)
    tensors = [tensor for tensor in given.values() if tensor is not None]
    return t.emit(BatchNorm(training, present), input, *tensors, strides=_strides(input))


@rule_for("layer_norm")
def layer_norm(t: Tracer, input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *args: Any,
               **kwargs: Any) -> Any:  # fmt: skip
    """Layer norm."""
    given = [tensor for tensor in (weight, bias) if tensor is not None]
    return t.emit(LayerNorm(len(normalized_shape)), input, *given)


@rule_for("rms_norm")
def rms_norm(t: Tracer, input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    """RMS norm."""
    return t.emit(RMSNorm(len(normalized_shape)), input, *([] if weight is None else [weight]))


@rule_for("group_norm")
def group_norm(t: Tracer, input: Any, num_groups: int, weight: Any = None, bias: Any = None, *args: Any,
               **kwargs: Any) -> Any:  # fmt: skip
    """Group norm."""
    return t.emit(GroupNorm(num_groups), input, *[v for v in (weight, bias) if v is not None])


@rule_for("instance_norm")
def _instance_norm(
    t: Tracer, input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, *args: Any, **kwargs: Any,
) -> Any:  # fmt: skip
    given = [v for v in (weight, bias, running_mean, running_var) if v is not None]
    return t.emit(InstanceNorm(not use_input_stats), input, *given)


@rule_for("local_response_norm")
def local_response_norm(t: Tracer, input: Any, size: int, *args: Any, **kwargs: Any) -> Any:
    """Local response norm."""
    return t.emit(LocalResponseNorm(size), input)


# pooling


@lru_cache(maxsize=512)
def _pool_op(kind: type, rank: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    sizes = per_axis(kernel, rank)
    steps = sizes if stride is None or stride == () else per_axis(stride, rank)
    return kind(sizes, steps, per_axis(padding, rank), per_axis(dilation, rank), ceil_mode)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def max_pool(
    t: Tracer, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False, *, rank: int,
) -> Any:  # fmt: skip
    """Max pooling."""
    settings = map(_hashable, (kernel_size, stride, padding, dilation))
    result = t.emit(_pool_op(MaxPool, rank, *settings, ceil_mode), input)
    if return_indices:
        indices = t.emit(Fill(result.spec.shape, "int64", "indices"))
        return result, indices
    return result


def avg_pool(
    t: Tracer, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    *args: Any, rank: int, **kwargs: Any,
) -> Any:  # fmt: skip
    """Average pooling."""
    settings = map(_hashable, (kernel_size, stride, padding))
    return t.emit(_pool_op(AvgPool, rank, *settings, 1, ceil_mode), input)


def adaptive_avg_pool(t: Tracer, input: Any, output_size: Any, *, rank: int) -> Any:
    """Adaptive average pooling."""
    return t.emit(AdaptiveAvgPool(per_axis(output_size, rank)), input)


def adaptive_max_pool(
    t: Tracer, input: Any, output_size: Any, return_indices: bool = False, *, rank: int
) -> Any:
    """Adaptive max pooling."""
    result = t.emit(AdaptiveMaxPool(per_axis(output_size, rank)), input)
    return (result, t.emit(Fill(result.spec.shape, "int64", "indices"))) if return_indices else result


def _lp_pool(t: Tracer, input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False,
             *, rank: int) -> Any:  # fmt: skip
    return t.emit(_pool_op(LpPool, rank, _hashable(kernel_size), _hashable(stride), 0, 1, ceil_mode), input)


for _rank in (1, 2, 3):
    _register(_conv(_rank), f"conv{_rank}d")
    _register(partial(max_pool, rank=_rank), f"max_pool{_rank}d")
    _register(partial(max_pool, rank=_rank, return_indices=True), f"max_pool{_rank}d_with_indices")
    _register(partial(avg_pool, rank=_rank), f"avg_pool{_rank}d")
    _register(partial(adaptive_avg_pool, rank=_rank), f"adaptive_avg_pool{_rank}d")
    _register(partial(adaptive_max_pool, rank=_rank), f"adaptive_max_pool{_rank}d")
    _register(partial(_lp_pool, rank=_rank), f"lp_pool{_rank}d")


# views and layout


def _numbers(values: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes that may come one by one or as one sequence."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = tuple(values[0])
    return tuple(int(value) for value in values)


def view_strides(
    shape: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Strides of a view of another shape, or None where the layout allows no view (torch's own rule)."""
    result: list[int] = []
    axes = [(size, stride) for size, stride in zip(shape, strides, strict=True) if size != 1]
    position = len(new) - 1
    # axes that lie one inside another in memory form a chunk; a chunk may be cut anew, chunks may not be joined
    while axes:
        size, stride = axes.pop()
        base, chunk = stride, size
        while axes and axes[-1][1] == base * chunk:
            chunk *= axes.pop()[0]
        filled = 1
        while position >= 0 and (filled < chunk or new[position] == 1):
            if new[position] != 1 and filled * new[position] > chunk:
                return None
            result.append(base * filled)
            filled *= new[position]
            position -= 1
        if filled != chunk:
            return None
    while position >= 0:
        if new[position] != 1:
            return None
        result.append(result[-1] if result else 1)
        position -= 1
    return tuple(reversed(result))


def _reshaped(t: Tracer, x: Any, shape: tuple[int, ...], function: str) -> StandIn:
    spec = t.graph.values[t.number(x)]
    strides = x.strides if type(x) is StandIn else None
    if strides is None:
        return t.emit(View(shape, function), x)
    op = View(shape, function)
    full = op.output(spec).shape
    new = view_strides(spec.shape, strides, full)
    if new is None:
        return t.emit(View(shape, function, copies=True), x)
    return t.emit(op, x, strides=None if new == dense_strides(full) else new)


@rule_for("view", "reshape", "_unsafe_view")
def reshape(t: Tracer, x: Any, *shape: Any, **kwargs: Any) -> Any:
    """View or reshape."""
    if len(shape) == 1 and isinstance(shape[0], torch.dtype):
        return t.emit(Cast(DTYPES[shape[0]]), x)
    return _reshaped(t, x, _numbers(shape or (kwargs["shape"],)), "view")


@rule_for("view_as", "reshape_as")
def _view_as(t: Tracer, x: Any, other: Any) -> Any:
    return _reshaped(t, x, tuple(other.shape), "view")


@rule_for("flatten")
def flatten(t: Tracer, x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Flatten some neighbouring axes into one."""
    shape = t.stand_in(x).spec.shape
    rank = max(len(shape), 1)
    start, end = start_dim % rank, end_dim % rank
    if start == end and shape:
        return x
    return _reshaped(t, x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]), "flatten")


@rule_for("unflatten")
def _unflatten(t: Tracer, x: Any, dim: int, sizes: Any) -> Any:
    shape = t.stand_in(x).spec.shape
    axis = dim % len(shape)
    sizes = list(sizes)
    if -1 in sizes:
        sizes[sizes.index(-1)] = shape[axis] // -math.prod(sizes)
    return _reshaped(t, x, (*shape[:axis], *sizes, *shape[axis + 1 :]), "unflatten")


@rule_for("unsqueeze")
def _unsqueeze(t: Tracer, x: Any, dim: int) -> Any:
    shape = t.stand_in(x).spec.shape
    axis = dim % (len(shape) + 1)
    return _reshaped(t, x, (*shape[:axis], 1, *shape[axis:]), "unsqueeze")


@rule_for("squeeze")
def _squeeze(t: Tracer, x: Any, dim: Any = None) -> Any:
    shape = t.stand_in(x).spec.shape
    axes = range(len(shape)) if dim is None else [d % len(shape) for d in ([dim] if isinstance(dim, int) else dim)]
    return _reshaped(t, x, tuple(n for axis, n in enumerate(shape) if not (axis in axes and n == 1)), "squeeze")


def _permuted(t: Tracer, x: Any, axes: tuple[int, ...]) -> StandIn:
    x = t.stand_in(x)
    shape = x.spec.shape
    axes = tuple(axis % len(shape) for axis in axes)
    before = dense_strides(shape) if x.strides is None else x.strides
    strides: tuple[int, ...] | None = tuple(before[axis] for axis in axes)
    new = tuple(shape[axis] for axis in axes)
    dense = dense_strides(new)
    if all(n == 1 or s == d for n, s, d in zip(new, strides or (), dense, strict=True)):
        strides = None
    return t.emit(Permute(axes), x, strides=strides)


@rule_for("permute")
def permute(t: Tracer, x: Any, *dims: Any, **kwargs: Any) -> Any:
    """Reorder axes."""
    return _permuted(t, x, _numbers(dims or (kwargs["dims"],)))


@rule_for("transpose", "swapaxes", "swapdims")
def transpose(t: Tracer, x: Any, dim0: int, dim1: int) -> Any:
    """Swap two axes."""
    axes = list(range(len(t.stand_in(x).spec.shape)))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return _permuted(t, x, tuple(axes))


@rule_for("t")
def _t(t: Tracer, x: Any) -> Any:
    return _permuted(t, x, tuple(reversed(range(len(t.stand_in(x).spec.shape)))))


@rule_for("movedim", "moveaxis")
def _movedim(t: Tracer, x: Any, source: Any, destination: Any) -> Any:
    rank = len(t.stand_in(x).spec.shape)
    moved = [d % rank for d in ((source,) if isinstance(source, int) else source)]
    places = [d % rank for d in ((destination,) if isinstance(destination, int) else destination)]
    rest = iter(axis for axis in range(rank) if axis not in moved)
    by_place = dict(zip(places, moved, strict=True))
    return _permuted(t, x, tuple(by_place[place] if place in by_place else next(rest) for place in range(rank)))


@rule_for("expand", "broadcast_to")
def _expand(t: Tracer, x: Any, *sizes: Any, **kwargs: Any) -> Any:
    x = t.stand_in(x)
    op = Expand(_numbers(sizes))
    shape = op.output(x.spec).shape
    before = dense_strides(x.spec.shape) if x.strides is None else x.strides
    lead = len(shape) - len(before)
    old = (1,) * lead + x.spec.shape
    strides = tuple(0 if n != m else s for n, m, s in zip(shape, old, (0,) * lead + before, strict=True))
    return t.emit(op, x, strides=None if shape == x.spec.shape else strides)


@rule_for("expand_as")
def _expand_as(t: Tracer, x: Any, other: Any) -> Any:
    return _expand(t, x, tuple(other.shape))


@rule_for("contiguous")
def contiguous(t: Tracer, x: Any, memory_format: Any = torch.contiguous_format) -> Any:
    """A packed copy; the tensor itself where it is packed already."""
    x = t.stand_in(x)
    if x.strides is None and memory_format == torch.contiguous_format:
        return x
    if memory_format == torch.channels_last and len(x.spec.shape) == 4:
        n, c, h, w = x.spec.shape
        wanted = (c * h * w, 1, w * c, c)
        return x if x.strides == wanted else t.emit(Copy("contiguous"), x, strides=wanted)
    return t.emit(Copy("contiguous"), x)


@rule_for("clone")
def _clone(t: Tracer, x: Any, **kwargs: Any) -> Any:
    return t.emit(Copy("clone"), x, strides=_strides(x))


@rule_for("flip", "fliplr", "flipud", "roll", "rot90")
def _flip(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    return t.emit(Copy("roll"), x)


@rule_for("channel_shuffle")
def _channel_shuffle(t: Tracer, x: Any, groups: int) -> Any:
    return t.emit(Copy("channel_shuffle"), x)


@rule_for("repeat", "tile")
def _repeat(t: Tracer, x: Any, *sizes: Any, **kwargs: Any) -> Any:
    counts = _numbers(sizes)
    shape = t.stand_in(x).spec.shape
    rank = max(len(counts), len(shape))
    counts, shape = (1,) * (rank - len(counts)) + counts, (1,) * (rank - len(shape)) + shape
    return t.emit(Copy("repeat", tuple(n * m for n, m in zip(shape, counts, strict=True))), x)


@rule_for("repeat_interleave")
def _repeat_interleave(t: Tracer, x: Any, repeats: int, dim: int | None = None, **kwargs: Any) -> Any:
    shape = list(t.stand_in(x).spec.shape)
    if dim is None:
        shape, dim = [math.prod(shape)], 0
    shape[dim] *= repeats
    return t.emit(Copy("repeat", tuple(shape)), x)


@rule_for("detach", "alias", "__alias__")
def _detach(t: Tracer, x: Any) -> Any:
    return t.emit(Alias(), x, strides=x.strides if type(x) is StandIn else None)


@rule_for("cat", "concat", "concatenate")
def concat(t: Tracer, tensors: Any, dim: int = 0, **kwargs: Any) -> Any:
    """Concatenate."""
    return t.emit(Concat(kwargs.get("axis", dim)), *tensors)


@rule_for("stack")
def _stack(t: Tracer, tensors: Any, dim: int = 0, **kwargs: Any) -> Any:
    return t.emit(Stack(dim), *tensors)


def _split_into(t: Tracer, x: Any, sizes: tuple[int, ...], axis: int, keep_axis: bool = True) -> tuple[StandIn, ...]:
    x = t.stand_in(x)
    axis %= len(x.spec.shape)
    parts = t.emit_many(Split(sizes, axis, keep_axis), x)
    before = dense_strides(x.spec.shape) if x.strides is None else x.strides
    strides = before if keep_axis else before[:axis] + before[axis + 1 :]
    for part in parts:
        dense = dense_strides(part.spec.shape)
        same = all(n == 1 or s == d for n, s, d in zip(part.spec.shape, strides, dense, strict=True))
        part.strides = None if same else strides
    return parts


@rule_for("chunk")
def _chunk(t: Tracer, x: Any, chunks: int, dim: int = 0) -> Any:
    total = t.stand_in(x).spec.shape[dim]
    size = -(-total // chunks)
    return _split_into(t, x, tuple(min(size, total - start) for start in range(0, total, size)), dim)


@rule_for("split", "split_with_sizes")
def _split(t: Tracer, x: Any, split_size_or_sections: Any = None, dim: int = 0, **kwargs: Any) -> Any:
    sections = split_size_or_sections if split_size_or_sections is not None else next(iter(kwargs.values()))
    if isinstance(sections, int):
        total = t.stand_in(x).spec.shape[dim]
        sections = [min(sections, total - start) for start in range(0, total, sections)]
    return _split_into(t, x, tuple(sections), dim)


@rule_for("tensor_split")
def _tensor_split(t: Tracer, x: Any, indices_or_sections: Any, dim: int = 0) -> Any:
    total = t.stand_in(x).spec.shape[dim]
    if isinstance(indices_or_sections, int):
        parts = indices_or_sections
        sizes = [total // parts + (position < total % parts) for position in range(parts)]
    else:
        ends = [*indices_or_sections, total]
        sizes = [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return _split_into(t, x, tuple(sizes), dim)


@rule_for("unbind")
def _unbind(t: Tracer, x: Any, dim: int = 0) -> Any:
    return _split_into(t, x, (1,) * t.stand_in(x).spec.shape[dim], dim, keep_axis=False)


def sliced(
    t: Tracer, x: StandIn, shape: list[int], offset: list[int], step: list[int], axes: list[int | None]
) -> StandIn:
    """A rectangular part as a view; ``axes`` tells for each axis of the part which axis of ``x`` it is (None: a new one)."""
    before = dense_strides(x.spec.shape) if x.strides is None else x.strides
    strides = tuple(0 if axis is None else before[axis] * step[axis] for axis in axes)
    dense = dense_strides(tuple(shape))
    same = all(n == 1 or s == d for n, s, d in zip(shape, strides, dense, strict=True))
    return t.emit(Slice(tuple(shape), tuple(offset), tuple(step)), x, strides=None if same else strides)


def _part(t: Tracer, x: Any, dim: int, start: int, length: int, *, keep_axis: bool = True) -> StandIn:
    x = t.stand_in(x)
    shape, axis = list(x.spec.shape), dim % len(x.spec.shape)
    offset, step = [0] * len(shape), [1] * len(shape)
    offset[axis] = start % shape[axis] if shape[axis] else 0
    axes: list[int | None] = list(range(len(shape)))
    shape[axis] = length
    if not keep_axis:
        del shape[axis], axes[axis]
    return sliced(t, x, shape, offset, step, axes)


@rule_for("narrow")
def _narrow(t: Tracer, x: Any, dim: int, start: int, length: int) -> Any:
    return _part(t, x, dim, start, length)


@rule_for("select")
def _select(t: Tracer, x: Any, dim: int, index: int) -> Any:
    return _part(t, x, dim, index, 1, keep_axis=False)


@rule_for("__getitem__")
def getitem(t: Tracer, x: Any, index: Any) -> Any:
    """Indexing: numbers and slices make a view, tensors and lists gather."""
    x = t.stand_in(x)
    items = list(index) if isinstance(index, tuple) else [index]
    consumed = sum(_width(item) for item in items if item is not None and item is not Ellipsis)
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    place = next(position for position, item in enumerate(items) if item is Ellipsis)
    items[place : place + 1] = [slice(None)] * (len(x.spec.shape) - consumed)
    shape: list[int] = []
    offset, step = [0] * len(x.spec.shape), [1] * len(x.spec.shape)
    axes: list[int | None] = []
    gathered: list[tuple[int, Any]] = []
    axis = 0
    for item in items:
        if item is None:
            shape.append(1)
            axes.append(None)
            continue
        size = x.spec.shape[axis]
        if isinstance(item, slice):
            start, stop, stride = item.indices(size)
            offset[axis], step[axis] = start, stride
            shape.append(max(0, -(-(stop - start) // stride)))
            axes.append(axis)
        elif isinstance(item, int) and not isinstance(item, bool):
            if not -size <= item < size:
                raise IndexError(f"index {item} is out of range for axis {axis} of {x.spec.shape}")
            offset[axis] = item % size
        else:
            gathered.append((len(shape), item))
            shape.append(size)
            axes.append(axis)
        axis += _width(item) if not isinstance(item, slice) else 1
    view = x
    if len(shape) != len(x.spec.shape) or tuple(shape) != x.spec.shape or any(offset):
        view = sliced(t, x, shape, offset, step, axes)
    return _gathered(t, view, gathered) if gathered else view


def _width(item: Any) -> int:
    return 1 if isinstance(item, slice | int | list) or not hasattr(item, "dtype") or item.dtype != torch.bool else max(item.dim(), 1)


def _gathered(t: Tracer, x: StandIn, gathered: list[tuple[int, Any]]) -> StandIn:
    """Indexing with tensors: the index shapes broadcast, and stand where the first indexed axis stood."""
    tensors: list[Any] = []
    index_shape: tuple[int, ...] = ()
    for _, item in gathered:
        if isinstance(item, list | tuple | range):
            item = Fill((len(item),), "int64", "indices")
            item = t.emit(item)
        spec = t.graph.values[t.number(item)]
        if spec.dtype == "bool":
            from .errors import data_dependent

            raise data_dependent("a mask's number of true elements")
        index_shape = tuple(torch.broadcast_shapes(index_shape, spec.shape))
        tensors.append(item)
    axes = [axis for axis, _ in gathered]
    rest = [n for axis, n in enumerate(x.spec.shape) if axis not in axes]
    neighbours = axes == list(range(axes[0], axes[0] + len(axes)))
    place = axes[0] if neighbours else 0
    return t.emit(Gather((*rest[:place], *index_shape, *rest[place:])), x, *tensors)


@rule_for("__setitem__")
def _setitem(t: Tracer, x: Any, index: Any, value: Any) -> None:
    if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
        shape = t.stand_in(x).spec.shape
    else:
        nodes, values = len(t.graph.nodes), len(t.graph.values)
        shape = getitem(t, x, index).spec.shape  # only its shape is wanted
        del t.graph.nodes[nodes:], t.graph.values[values:]
    given = [] if _is_number(value) else [value]
    renamed(x, t.emit(Assign(shape), x, *given))


@rule_for("copy_", "fill_", "zero_", "masked_fill_", "index_copy_", "index_add_", "scatter_", "scatter_add_",
          "normal_", "uniform_", "bernoulli_", "random_", "trunc_normal_", "index_fill_", "resize_")  # fmt: skip
def _overwrite(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    source = next((v for v in reversed(args) if type(v) is StandIn or isinstance(v, torch.Tensor)), None)
    shape = t.stand_in(x).spec.shape
    return renamed(x, t.emit(Assign(shape), x, *([] if source is None else [source])))


@rule_for("index_select")
def _index_select(t: Tracer, x: Any, dim: int, index: Any) -> Any:
    shape = list(t.stand_in(x).spec.shape)
    shape[dim] = t.stand_in(index).spec.numel
    return t.emit(Gather(tuple(shape)), x, index)


@rule_for("gather", "take_along_dim")
def _gather(t: Tracer, x: Any, dim: int, index: Any, **kwargs: Any) -> Any:
    return t.emit(Gather(t.stand_in(index).spec.shape), x, index)


@rule_for("embedding")
def embedding(t: Tracer, input: Any, weight: Any, *args: Any, **kwargs: Any) -> Any:
    """Table look-up; torch.embedding takes the table first."""
    if t.stand_in(input).spec.is_floating:
        input, weight = weight, input
    return t.emit(Embedding(), input, weight)


@rule_for("pad")
def pad(t: Tracer, x: Any, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
    """Padding, in torch's order: from the last axis backwards."""
    padding = tuple(int(n) for n in pad)
    return t.emit(Pad(padding, mode), x) if any(padding) or mode == "constant" else x


@rule_for("pixel_shuffle")
def pixel_shuffle(t: Tracer, x: Any, upscale_factor: int) -> Any:
    """Channels to positions."""
    return t.emit(PixelShuffle(upscale_factor), x)


@rule_for("pixel_unshuffle")
def pixel_unshuffle(t: Tracer, x: Any, downscale_factor: int) -> Any:
    """Positions to channels."""
    return t.emit(PixelShuffle(downscale_factor, True), x)


@rule_for("interpolate", "upsample")
def _interpolate(
    t: Tracer, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *args: Any, **kwargs: Any
) -> Any:
    shape = t.stand_in(input).spec.shape[2:]
    if size is None:
        factors = scale_factor if isinstance(scale_factor, list | tuple) else (scale_factor,) * len(shape)
        target = tuple(math.floor(n * factor) for n, factor in zip(shape, factors, strict=True))
    else:
        target = per_axis(size if isinstance(size, int) else tuple(int(n) for n in size), len(shape))
    return t.emit(Interpolate(target, mode), input)


@rule_for("grid_sample")
def _grid_sample(t: Tracer, input: Any, grid: Any, *args: Any, **kwargs: Any) -> Any:
    return t.emit(GridSample(), input, grid)


@rule_for("unfold")
def _unfold(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    if len(args) == 3:  # Tensor.unfold(dimension, size, step): a view with one more axis
        dim, size, step = args
        x = t.stand_in(x)
        shape, before = list(x.spec.shape), list(dense_strides(x.spec.shape) if x.strides is None else x.strides)
        axis = dim % len(shape)
        shape[axis] = (shape[axis] - size) // step + 1
        strides = (*before[:axis], before[axis] * step, *before[axis + 1 :], before[axis])
        return t.emit(Slice((*shape, size), (0,) * len(before), (1,) * len(before)), x, strides=strides)
    return _unfold_columns(t, x, *args, **kwargs)


def _unfold_columns(
    t: Tracer, x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    kernel, steps, pads, gaps = (per_axis(value, 2) for value in (kernel_size, stride, padding, dilation))
    return t.emit(Unfold(kernel, steps, pads, gaps), x)


# dtype and device


@rule_for("to", "type")
def _to(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    x = t.stand_in(x)
    wanted = [a for a in (*args, kwargs.get("dtype"), kwargs.get("other")) if a is not None]
    memory_format = kwargs.get("memory_format")
    for item in wanted:
        dtype = item if isinstance(item, torch.dtype) else item.dtype if isinstance(item, torch.Tensor) else None
        if dtype is not None and DTYPES[dtype] != x.spec.dtype:
            x = t.emit(Cast(DTYPES[dtype]), x, strides=_strides(x))
    return x if memory_format in (None, torch.preserve_format) else contiguous(t, x, memory_format)


@rule_for("type_as")
def _type_as(t: Tracer, x: Any, other: Any) -> Any:
    return _to(t, x, other.dtype)


@rule_for("cpu", "cuda")
def _moved(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
    return x


def _cast(name: str, dtype: torch.dtype) -> None:
    _register(lambda t, x, **kwargs: _to(t, x, dtype), name)


for _name, _dtype in {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16,
                      "double": torch.float64, "long": torch.int64, "int": torch.int32, "bool": torch.bool}.items():  # fmt: skip
    _cast(_name, _dtype)


# reductions


def _reduction(function: str, *names: str) -> None:
    def rule(t: Tracer, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **kwargs: Any) -> Any:
        x = t.stand_in(x)
        if isinstance(dim, torch.dtype):
            dtype, dim = dim, None
        if isinstance(dim, bool):  # var(unbiased)
            dim = None
        dim = kwargs.get("axis", dim)
        keepdim = kwargs.get("keepdims", keepdim)
        rank = len(x.spec.shape)
        axes = tuple(range(rank)) if dim is None or dim == () else (dim,) if isinstance(dim, int) else tuple(dim)
        result = DTYPES[dtype] if dtype else "int64" if function == "sum" and not x.spec.is_floating else None
        if function in ("all", "any"):
            result = "bool"
        if function in ("argmax", "argmin"):
            result = "int64"
        return t.emit(Reduce(function, axes, bool(keepdim), result), x)

    _register(rule, *(names or (function,)))


for _function in ("mean", "sum", "amax", "amin", "prod", "logsumexp", "all", "any", "argmax", "argmin", "nanmean"):
    _reduction(_function)


@rule_for("var", "std")
def _var(t: Tracer, x: Any, dim: Any = None, *args: Any, keepdim: bool = False, **kwargs: Any) -> Any:
    keep = keepdim or (bool(args) and args[-1] is True and len(args) > 1)
    return _reduce(t, "var", x, None if isinstance(dim, bool) else dim, keep)


@rule_for("var_mean", "std_mean")
def _var_mean(t: Tracer, x: Any, dim: Any = None, *args: Any, keepdim: bool = False, **kwargs: Any) -> Any:
    return _reduce(t, "var", x, dim, keepdim), _reduce(t, "mean", x, dim, keepdim)


def _reduce(t: Tracer, function: str, x: Any, dim: Any, keepdim: bool) -> StandIn:
    rank = len(t.stand_in(x).spec.shape)
    axes = tuple(range(rank)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    return t.emit(Reduce(function, axes, keepdim), x)


@rule_for("norm")
def _norm(t: Tracer, x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
    return _reduce(t, "norm", x, dim, keepdim)


FUNCTION_RULES[torch.linalg.norm] = FUNCTION_RULES[torch.linalg.vector_norm] = (
    lambda t, x, ord=2, dim=None, keepdim=False, **kwargs: _reduce(t, "norm", x, dim, keepdim)
)


@rule_for("normalize")
def _normalize(t: Tracer, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **kwargs: Any) -> Any:
    length = t.emit(Activation("clamp"), _reduce(t, "norm", x, dim, True))
    return t.emit(Binary("div"), x, _expand(t, length, tuple(t.stand_in(x).spec.shape)))


def _selection(function: str) -> None:
    def rule(t: Tracer, x: Any, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
        if isinstance(dim, torch.Tensor):
            return t.emit(Binary(f"{function}imum"), x, dim)
        if dim is None:
            return _reduce(t, f"a{function}", x, None, False)
        values, indices = t.emit_many(Select(function, dim, None, keepdim), x)
        return _RESULTS[function]((values, indices))

    _register(rule, function)


_RESULTS = {"max": torch.return_types.max, "min": torch.return_types.min}
for _function in ("max", "min"):
    _selection(_function)


@rule_for("topk")
def _topk(t: Tracer, x: Any, k: int, dim: int = -1, *args: Any, **kwargs: Any) -> Any:
    return t.emit_many(Select("topk", dim, k), x)


@rule_for("sort")
def _sort(t: Tracer, x: Any, dim: int = -1, *args: Any, **kwargs: Any) -> Any:
    return t.emit_many(Select("sort", dim, t.stand_in(x).spec.shape[dim]), x)


@rule_for("argsort")
def _argsort(t: Tracer, x: Any, dim: int = -1, *args: Any, **kwargs: Any) -> Any:
    return _sort(t, x, dim)[1]


def _cumulative(function: str) -> None:
    _register(lambda t, x, dim, **kwargs: t.emit(Cumulative(function, dim), x), function)


for _function in ("cumsum", "cumprod"):
    _cumulative(_function)


# losses


def _loss(function: str) -> None:
    def rule(
        t: Tracer, input: Any, target: Any, weight: Any = None, *args: Any, reduction: str = "mean", **kwargs: Any
    ) -> Any:
        given = [] if weight is None or not isinstance(weight, torch.Tensor) else [weight]
        return t.emit(Loss(function, reduction), input, target, *given)

    _register(rule, function)


for _function in ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div",
                  "binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss",
                  "multilabel_margin_loss", "multilabel_soft_margin_loss"):  # fmt: skip
    _loss(_function)


# tensors out of nothing


def _factory(function: str) -> None:
    def rule(t: Tracer, *size: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if "size" in kwargs:
            size = (kwargs["size"],)
        shape = size[:1] if function == "full" else size
        return t.emit(Fill(_numbers(shape), DTYPES[dtype or torch.get_default_dtype()], function))

    _register(rule, function)


def _like(function: str) -> None:
    def rule(t: Tracer, x: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        spec = t.stand_in(x).spec
        return t.emit(Fill(spec.shape, DTYPES[dtype] if dtype else spec.dtype, function))

    _register(rule, f"{function}_like", function if function == "bernoulli" else f"{function}_like")


def _new(function: str) -> None:
    def rule(t: Tracer, x: Any, *size: Any, dtype: Any = None, **kwargs: Any) -> Any:
        spec = t.stand_in(x).spec
        shape = size[:1] if function == "full" else size or (kwargs["size"],)
        return t.emit(Fill(_numbers(shape), DTYPES[dtype] if dtype else spec.dtype, function))

    _register(rule, f"new_{function}")


for _function in ("zeros", "ones", "empty", "rand", "randn", "full"):
    _factory(_function)
    _new(_function)
    _like(_function)
_like("bernoulli")
_like("randint")


@rule_for("arange", "linspace")
def _arange(t: Tracer, *bounds: Any, dtype: Any = None, **kwargs: Any) -> Any:
    names = [kwargs[name] for name in ("start", "end", "step", "steps") if name in kwargs]
    numbers = [*bounds, *names]
    whole = all(isinstance(n, int) for n in numbers)
    if "steps" in kwargs or (len(numbers) == 3 and isinstance(numbers[2], int) and not whole):
        count, kind = int(numbers[-1]), torch.float32
    else:
        start, end, step = (0, numbers[0], 1) if len(numbers) == 1 else (numbers[0], numbers[1], (numbers[2:] or [1])[0])
        count, kind = math.ceil((end - start) / step), torch.int64 if whole else torch.float32
    return t.emit(Fill((count,), DTYPES[dtype or kind], "arange"))


@rule_for("meshgrid")
def _meshgrid(t: Tracer, *tensors: Any, indexing: str = "ij") -> Any:
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else list(tensors)
    sizes = [t.stand_in(part).spec.numel for part in parts]
    if indexing == "xy" and len(sizes) > 1:
        sizes[0], sizes[1] = sizes[1], sizes[0]
    return tuple(_expand(t, _reshaped(t, part, _along(position, parts, indexing, t), "view"), tuple(sizes))
                 for position, part in enumerate(parts))  # fmt: skip


def _along(position: int, parts: list[Any], indexing: str, t: Tracer) -> tuple[int, ...]:
    axis = {0: 1, 1: 0}.get(position, position) if indexing == "xy" and len(parts) > 1 else position
    return tuple(t.stand_in(parts[position]).spec.numel if place == axis else 1 for place in range(len(parts)))


@rule_for("tensor", "as_tensor")
def _tensor(t: Tracer, data: Any, *, dtype: Any = None, **kwargs: Any) -> Any:
    if type(data) is StandIn or isinstance(data, torch.Tensor):
        return _to(t, data, dtype) if dtype else data
    with torch._C.DisableTorchFunction():
        made = torch.empty(torch.tensor(data, device="meta").shape, dtype=dtype or torch.tensor(data, device="meta").dtype, device="meta")
    return t.emit(Fill(tuple(made.shape), DTYPES[made.dtype], "tensor"))


# checks, which a trace carries out where it can


def _assert(t: Tracer, condition: Any, message: str) -> None:
    if isinstance(condition, bool) and not condition:
        raise AssertionError(message)


FUNCTION_RULES[torch._assert] = _assert
