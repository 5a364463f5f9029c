"""Rules for convolutions and matrix products."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

from ....errors import ConvatlasError
from ....graph import TensorSpec
from ....graph.ops import Attention, Conv, ConvTranspose, Einsum, Linear, Matmul
from ....graph.ops.base import per_axis
from ....graph.spec import broadcast
from ....graph.strides import view_strides
from ..proxy import Proxy
from .layout import contiguous
from .registry import Rule, op_of, register, rule_for
from .views import expand

if TYPE_CHECKING:
    from ..tracer import Tracer

_LINEAR = Linear()
_MATMUL = Matmul()


@lru_cache(maxsize=4096)
def conv_op(
    stride: tuple[int, ...],
    padding: tuple[int, ...] | str,
    dilation: tuple[int, ...],
    groups: int,
    kernel: tuple[int, ...],
) -> Conv:
    """The convolution with torch's settings; ``padding`` may be "same" or "valid"."""
    pairs: tuple[tuple[int, int], ...]
    if padding == "valid":
        pairs = ((0, 0),) * len(stride)
    elif padding == "same":  # an odd total leaves the larger half behind
        if any(s != 1 for s in stride):
            raise ConvatlasError(f"padding='same' needs a stride of 1, got {stride}")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pairs = tuple((total // 2, total - total // 2) for total in totals)
    elif isinstance(padding, str):
        raise ConvatlasError(f"padding is a number, 'same' or 'valid', got {padding!r}")
    else:
        pairs = tuple((p, p) for p in padding)
    return Conv(stride, pairs, dilation, groups)


@lru_cache(maxsize=4096)
def _called(settings: tuple[Any, ...], *inputs: TensorSpec) -> tuple[Conv, TensorSpec]:
    """The convolution with torch's settings, and its output; networks repeat both."""
    op = conv_op(*settings)
    return op, op.output(*inputs)


def convolve(t: Tracer, settings: tuple[Any, ...], x: Any, weight: Any, bias: Any) -> Any:
    """A convolution's call; the settings are those of `conv_op`. Its result lies in memory as its input does."""
    numbers, values = t.numbers, t.values
    source = x.value if type(x) is Proxy else t.number(x)
    filters = numbers.get(id(weight)) or t.number(weight)
    if bias is None:
        op, result = _called(settings, values[source], values[filters])
        inputs: tuple[int, ...] = (source, filters)
    else:
        offset = numbers.get(id(bias)) or t.number(bias)
        op, result = _called(settings, values[source], values[filters], values[offset])
        inputs = (source, filters, offset)
    return t.add(op, inputs, result)


def _conv(rank: int) -> Rule:
    def rule(
        t: Tracer, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1,
    ) -> Any:  # fmt: skip
        kernel = t.shape(weight)[2:]
        where = padding if isinstance(padding, str) else per_axis(padding, rank)
        return convolve(t, (per_axis(stride, rank), where, per_axis(dilation, rank), groups, kernel), input, weight, bias)

    return rule


for _rank in (1, 2, 3):
    register(_conv(_rank), f"conv{_rank}d")


@rule_for("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    t: Tracer, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution of 1 to 3 dimensions, by the weight's rank."""
    rank = len(t.shape(weight)) - 2
    steps, pads, extra, gaps = (per_axis(value, rank) for value in (stride, padding, output_padding, dilation))
    op = ConvTranspose(steps, pads, extra, gaps, groups)
    return t.emit(op, input, weight) if bias is None else t.emit(op, input, weight, bias)


@rule_for("linear")
def linear(t: Tracer, input: Any, weight: Any, bias: Any = None) -> Any:
    """Linear layer. Torch makes a matrix of the input, and copies one that is no such view."""
    if type(input) is Proxy and input.strides is not None:
        input = _joined(t, input, input.spec.shape[:-1], 1)
    return t.emit_layer(_LINEAR, input, weight, bias)


@rule_for("matmul", "__matmul__")
def matmul(t: Tracer, x: Any, other: Any) -> Any:
    """Matrix product. Of two stacks of matrices torch makes stacks along one axis, and copies an operand that is no such view.

    A stack times one matrix is a single product of all rows, likewise.
    """
    first, second = t.shape(x), t.shape(other)
    if len(first) > 2 < len(second):
        batch = broadcast(first[:-2], second[:-2])
        x, other = _stacked(t, x, batch), _stacked(t, other, batch)
    elif len(first) > 2:
        x = _joined(t, x, first[:-1], 1)
    return t.emit(_MATMUL, x, other)


def _stacked(t: Tracer, x: Any, batch: tuple[int, ...]) -> Any:
    """An operand with these batch axes, which may be joined without a copy."""
    shape = t.shape(x)
    if shape[:-2] != batch:
        x = expand(t, x, *batch, *shape[-2:])
    return _joined(t, x, batch, 2)


def _joined(t: Tracer, x: Any, batch: tuple[int, ...], rank: int) -> Any:
    """A tensor whose ``batch`` axes, before the last ``rank``, may be joined to one; where its layout forbids it, a copy."""
    if type(x) is not Proxy or x.strides is None or len(batch) < 2:
        return x
    shape = x.spec.shape
    return contiguous(t, x) if view_strides(shape, x.strides, (prod(batch), *shape[-rank:])) is None else x


def _product(name: str, first_rank: int, second_rank: int) -> None:
    def rule(t: Tracer, x: Any, other: Any) -> Any:
        first, second = t.shape(x), t.shape(other)
        if (len(first), len(second)) != (first_rank, second_rank):
            raise ConvatlasError(f"{name} takes tensors of {first_rank} and {second_rank} axes, got {first} and {second}")
        return t.emit(_MATMUL, x, other)

    register(rule, name)


for _name, _first, _second in (("mm", 2, 2), ("bmm", 3, 3), ("mv", 2, 1), ("dot", 1, 1)):
    _product(_name, _first, _second)


@rule_for("__rmatmul__")
def _rmatmul(t: Tracer, x: Any, other: Any) -> Any:
    return t.emit(_MATMUL, other, x)


@rule_for("einsum")
def _einsum(t: Tracer, equation: Any, *operands: Any) -> Any:
    if not isinstance(equation, str):  # einsum(x, [0, 1], y, [1, 2], [0, 2])
        given = [equation, *operands]
        letters = ["".join("..." if n is Ellipsis else chr(ord("a") + n) for n in axes) for axes in given[1::2]]
        terms = len(given) // 2
        result = f"->{''.join('...' if n is Ellipsis else chr(ord('a') + n) for n in given[-1])}" if len(given) % 2 else ""
        return t.emit(Einsum(",".join(letters[:terms]) + result), *given[: 2 * terms : 2])
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return t.emit(Einsum(equation), *operands)


@rule_for("scaled_dot_product_attention")
def _attention(
    t: Tracer, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    return t.emit(op_of(Attention, enable_gqa, dropout_p), query, key, value, *([] if attn_mask is None else [attn_mask]))
