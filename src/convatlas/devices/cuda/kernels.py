"""The kernels of one op, given how its tensors lie: PyTorch's own choices on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import prod

from ...graph.ops import Attention, Conv, Copy, Linear, Matmul, Op, View
from ...graph.spec import bytes_of
from ...graph.strides import Shape, Strides, channels_innermost, dense_strides, is_channels_last, normal, view_strides
from ..kernel import Kernel, Product
from ..lower import Lying, Specs
from .attention import attention_kernels
from .convolution import convolution_kernels
from .copies import copy

Version = tuple[int, int]
NEWEST: Version = (2, 9)
_CONTIGUOUS = frozenset({"layer_norm", "softmax", "group_norm", "rms_norm"})
_OVER_ROWS = frozenset({"layer_norm", "softmax", "rms_norm"})
_OVER_MAPS = frozenset({"batch_norm", "avg_pool", "max_pool", "adaptive_avg_pool", "concat", "pad", "interpolate"})


@lru_cache(maxsize=16384)
def kernels_of(
    op: Op, inputs: Specs, strides: Lying, outputs: Specs, fixed: bool = False, torch: Version = NEWEST
) -> tuple[tuple[Kernel, ...], Lying]:
    """The kernels of one op, and how its outputs lie.

    Args:
        op: the op.
        inputs: the specs of its inputs.
        strides: how the inputs lie.
        outputs: the specs of its outputs.
        fixed: whether it reads only what does not depend on the network's input, as a cast of weights does.
        torch: its version.

    """
    if isinstance(op, View):
        return _view(op, inputs, strides, outputs)
    lying = op.output_strides(inputs, strides, outputs)
    if op.is_view and not op.in_place:
        return (), lying
    if isinstance(op, Conv) and len(op.stride) == 2 and len(inputs[0].shape) == 4:
        return convolution_kernels(op, inputs, strides, outputs), lying
    if fixed:
        return (_moving("weights", op, inputs, outputs),), lying
    if isinstance(op, Attention):
        return tuple(attention_kernels(inputs, outputs, torch)), lying
    copies = tuple(_copies(op, inputs, strides))
    kernel = _product(op, inputs, outputs) or _simple(op, inputs, (None,) * len(strides) if copies else strides, outputs)
    return (*copies, kernel) if kernel else copies, lying


def _view(op: View, inputs: Specs, strides: Lying, outputs: Specs) -> tuple[tuple[Kernel, ...], Lying]:
    """A reshape: a copy where the input's strides allow no view."""
    shape, result = inputs[0].shape, outputs[0].shape
    before = dense_strides(shape) if strides[0] is None else strides[0]
    seen = op.seen_strides(shape, before, result)
    return ((copy(inputs[0], before),), (None,)) if seen is None else ((), (normal(result, seen),))


def _copies(op: Op, inputs: Specs, strides: Lying) -> Iterator[Kernel]:
    """Copies of inputs that the op's kernel does not take as they lie."""
    if not strides or (strides[0] is None and not isinstance(op, Matmul)):
        return
    shape, lying = inputs[0].shape, strides[0]
    if op.kind in _CONTIGUOUS or (op.kind == "batch_norm" and not channels_innermost(shape, lying)):
        yield copy(inputs[0], lying)
    elif isinstance(op, Linear):
        if view_strides(shape, lying or (), (prod(shape[:-1]), shape[-1])) is None:
            yield copy(inputs[0], lying)
    elif isinstance(op, Matmul):  # a stack of matrices must be seen with one axis of matrices
        for spec, each in zip(inputs[:2], strides[:2], strict=True):
            if each is None or len(spec.shape) < 4:
                continue
            if view_strides(spec.shape, each, (prod(spec.shape[:-2]), *spec.shape[-2:])) is None:
                yield copy(spec, each)


def _product(op: Op, inputs: Specs, outputs: Specs) -> Kernel | None:
    if not op.multiplies:
        return None
    macs, made = op.macs(inputs, outputs), outputs[0].numel
    product = Product(made, max(macs // max(made, 1), 1), 1)
    weights = 0
    if isinstance(op, Linear) and len(inputs[1].shape) == 2:
        columns, depth = inputs[1].shape
        product, weights = Product(prod(inputs[0].shape[:-1]), depth, columns), bytes_of(inputs[1:])
    elif isinstance(op, Matmul) and min(len(spec.shape) for spec in inputs[:2]) > 1:
        shape = outputs[0].shape
        product = Product(shape[-2], inputs[0].shape[-1], shape[-1], prod(shape[:-2]))
    return Kernel(
        op.name,
        bytes_of(inputs),
        bytes_of(outputs),
        op.elementwise(inputs, outputs),
        inputs[0].dtype,
        product=product,
        weight_bytes=weights,
    )


def _moving(kind: str, op: Op, inputs: Specs, outputs: Specs, layout: str = "nchw", span: int = 0) -> Kernel:
    dtype = (inputs or outputs)[0].dtype
    read, written = op.bytes_read(inputs, outputs), op.bytes_written(inputs, outputs)
    return Kernel(kind, read, written, op.elementwise(inputs, outputs), dtype, layout, span=span, in_place=op.in_place)


def _simple(op: Op, inputs: Specs, strides: Lying, outputs: Specs) -> Kernel | None:
    """A kernel whose time is that of moving its tensors."""
    if isinstance(op, Copy) and op.function == "contiguous" and _lies_so(op, inputs[0].shape, strides[0]):
        return None
    kind = _kind(op, inputs, strides)
    shape = inputs[0].shape if inputs else ()
    layout = "nhwc" if strides and channels_innermost(shape, strides[0]) else "nchw"
    span = 0
    if op.kind in _OVER_ROWS or kind.endswith("/inner"):
        span = shape[-1]
    elif len(shape) == 4 and (op.kind in _OVER_MAPS or op.kind == "reduce"):
        span = prod(shape[2:])
    return _moving(kind, op, inputs, outputs, layout, span)


def _lies_so(op: Copy, shape: Shape, strides: Strides) -> bool:
    return is_channels_last(shape, strides) if op.memory_format == "channels_last" else strides is None


def _kind(op: Op, inputs: Specs, strides: Lying) -> str:
    """The op's name, with what its kernel's speed depends on beside bytes."""
    if op.kind == "arithmetic":
        left, right = inputs
        if left.shape == right.shape:
            return f"{op.name}/{'same' if strides[0] == strides[1] else 'crossed'}"
        small = min(left, right, key=lambda spec: spec.numel).shape
        return f"{op.name}/{'vector' if sum(n > 1 for n in small) <= 1 else 'broadcast'}"
    if op.kind == "reduce":
        rank = len(inputs[0].shape)
        inner = rank - 1 in {axis % rank for axis in getattr(op, "axes", ())}
        return f"{op.name}/{'inner' if inner else 'outer'}"
    if op.kind in ("pad", "interpolate"):
        return f"{op.name}/{getattr(op, 'mode', '')}"
    if op.name in ("contiguous", "clone"):
        return copy(inputs[0], strides[0]).kind
    if op.kind == "cast" and strides[0] is not None:
        return "cast/strided"
    return op.name
