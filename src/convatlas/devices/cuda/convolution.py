"""Convolutions on a GPU: which layout cuDNN computes in, and whether it is cuDNN at all."""

from __future__ import annotations

from math import prod

from ...graph.ops import Conv
from ...graph.spec import TensorSpec, bytes_of
from ...graph.strides import Strides, channels_innermost
from ..kernel import Kernel, Product, Window
from .copies import copy

Specs = tuple[TensorSpec, ...]


def convolution_kernels(op: Conv, inputs: Specs, strides: tuple[Strides, ...], outputs: Specs) -> tuple[Kernel, ...]:
    """The kernels of a two-dimensional convolution, which computes with channels innermost where the image's or the weight's are."""
    image, weight, out = inputs[0], inputs[1], outputs[0]
    lies_last = channels_innermost(image.shape, strides[0])
    last = lies_last or channels_innermost(weight.shape, strides[1])
    channels, positions = image.shape[1], prod(out.shape[2:])
    kind = "conv"
    if op.groups > 1:
        kind = "grouped"
        if op.groups == channels:
            kind = "depthwise" if last or _cudnn_takes_depthwise(op, image, weight) else "depthwise_aten"
    copied = not lies_last if last else strides[0] is not None
    copies = (copy(image, strides[0]),) if copied and channels > 1 and prod(image.shape[2:]) > 1 else ()
    window = Window(weight.shape[2:], max(op.stride), max(op.dilation), positions, channels, op.groups)
    product = Product(image.shape[0] * positions, prod(weight.shape[1:]), weight.shape[0] // op.groups, op.groups)
    kernel = Kernel(
        kind, bytes_of(inputs), out.nbytes, op.elementwise(inputs, outputs), image.dtype, "nhwc" if last else "nchw",
        product, window, bytes_of(inputs[1:]),
    )  # fmt: skip
    return (*copies, kernel)


def _cudnn_takes_depthwise(op: Conv, image: TensorSpec, weight: TensorSpec) -> bool:
    """Whether cuDNN runs a contiguous depthwise convolution, and not ATen's own kernel.

    ATen's rule (`use_cudnn_depthwise` in Convolution.cpp), for more than one image.
    """
    channels, width = image.shape[1], image.shape[3]
    taps = weight.shape[2:]
    if image.dtype != "float16" or channels < 32 or max(op.dilation) > 1 or op.stride[0] != op.stride[1]:
        return False
    if taps[0] != taps[1] or taps[0] not in (1, 3, 5) or width < 7:
        return False
    if op.stride[0] == 1:
        return True
    return op.stride[0] == 2 and taps[0] > 1 and (channels >= 512 or (channels >= 256 and width >= 28))
