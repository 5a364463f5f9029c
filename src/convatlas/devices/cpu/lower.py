"""The kernels of one op that PyTorch runs on a CPU: which of ATen's or oneDNN's takes a convolution; all else as on a GPU."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from ...graph.ops import Conv, Op
from ...graph.spec import ITEM_BYTES, TensorSpec, bytes_of
from ...graph.strides import channels_innermost
from ..cuda.copies import copy
from ..cuda.kernels import Lying, Specs
from ..cuda.kernels import kernels_of as any_kernels_of
from ..kernel import Kernel, Product, Window
from .convolution import is_native
from .onednn import BLOCK, Problem, problem_of


@lru_cache(maxsize=16384)
def kernels_of(
    op: Op, inputs: Specs, strides: Lying, outputs: Specs, fixed: bool = False, threads: int = 1
) -> tuple[tuple[Kernel, ...], Lying]:
    """The kernels of one op on a CPU with so many threads, and how its outputs lie; see `cuda.kernels.kernels_of`."""
    if isinstance(op, Conv) and len(op.stride) == 2 and len(inputs[0].shape) == 4:
        return _convolution(op, inputs, strides, outputs[0], threads), op.output_strides(inputs, strides, outputs)
    return any_kernels_of(op, inputs, strides, outputs, fixed)


def _convolution(op: Conv, inputs: Specs, strides: Lying, out: TensorSpec, threads: int) -> tuple[Kernel, ...]:
    image, weight = inputs[:2]
    lies_last = channels_innermost(image.shape, strides[0])
    last = lies_last or channels_innermost(weight.shape, strides[1])
    problem = problem_of(op, image.shape, weight.shape, out.shape, threads)
    turned = not lies_last if last else strides[0] is not None
    copies = (copy(image, strides[0]),) if turned and image.shape[1] > 1 and prod(image.shape[2:]) > 1 else ()
    positions = prod(out.shape[2:])
    kernel = Kernel(
        _kind(op, image, problem, last), bytes_of(inputs), out.nbytes, op.elementwise(inputs, (out,)), image.dtype,
        "nhwc" if last else "nchw", Product(image.shape[0] * positions, prod(weight.shape[1:]), problem.outer, op.groups),
        Window(weight.shape[2:], max(op.stride), max(op.dilation), positions, image.shape[1], op.groups), bytes_of(inputs[1:]),
    )  # fmt: skip
    return (*copies, kernel)


def _kind(op: Conv, image: TensorSpec, problem: Problem, last: bool) -> str:
    """What runs: "native" is torch's own im2col, the others are oneDNN's: "direct" in blocks of channels, "product" by im2col."""
    parent = "depthwise" if problem.depthwise else "grouped" if problem.groups > 1 else "conv"
    if is_native(op, image.shape, problem.kernel[1:], ITEM_BYTES[image.dtype], problem.threads):
        return f"{parent}/native"
    pointwise = problem.taps == 1
    if parent == "depthwise":
        return "depthwise/direct"
    if last:
        return f"{parent}/{'pointwise' if pointwise else 'calls' if problem.by_calls else 'direct'}"
    if pointwise and (parent == "conv" or problem.group_block == BLOCK):
        return f"{parent}/pointwise"
    return f"{parent}/{'direct' if problem.forward_block else 'product'}"
