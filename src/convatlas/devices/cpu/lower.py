"""The kernels of one op that PyTorch runs on a CPU: which of ATen's or oneDNN's takes a convolution; all else as on a GPU."""

from __future__ import annotations

from functools import lru_cache

from ...graph.ops import Conv, Op
from ...graph.spec import ITEM_BYTES, TensorSpec
from ..cuda.convolution import convolution_kernels
from ..cuda.kernels import kernels_of as any_kernels_of
from ..kernel import Kernel
from ..lower import Lying, Specs
from .convolution import is_native
from .onednn import BLOCK, Problem, problem_of


@lru_cache(maxsize=16384)
def kernels_of(
    op: Op, inputs: Specs, strides: Lying, outputs: Specs, fixed: bool = False, threads: int = 1
) -> tuple[tuple[Kernel, ...], Lying]:
    """The kernels of one op on a CPU with so many threads, and how its outputs lie; see `cuda.kernels.kernels_of`."""
    if isinstance(op, Conv) and len(op.stride) == 2 and len(inputs[0].shape) == 4:
        *copies, kernel = convolution_kernels(op, inputs, strides, outputs)
        problem = problem_of(op, inputs[0].shape, inputs[1].shape, outputs[0].shape, threads)
        named = kernel._replace(kind=_kind(op, inputs[0], problem, kernel.layout == "nhwc"))
        return (*copies, named), op.output_strides(inputs, strides, outputs)
    return any_kernels_of(op, inputs, strides, outputs, fixed)


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
