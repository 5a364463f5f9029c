"""Products: convolutions, matrix products, attention, recurrent layers."""

from __future__ import annotations

from math import prod

from torch.utils._python_dispatch import _disable_current_modes

from ....graph import TensorSpec
from ....graph.ops import Attention, Bilinear, Conv, ConvTranspose, Custom, DeformConv, Gradient, Linear, Lstm, Matmul, Op, Permute
from ....graph.ops.base import per_axis
from ..calls import Call
from ..names import ViewCall, lies, spec_of
from .base import Made, Rule


def convolution(call: Call) -> Op:
    """Convolution, plain or transposed."""
    rank = len(call["stride"])
    stride, padding, dilation = (per_axis(call[name], rank) for name in ("stride", "padding", "dilation"))
    if call["transposed"]:
        return ConvTranspose(stride, padding, per_axis(call["output_padding"], rank), dilation, call["groups"])
    return Conv(stride, tuple([(p, p) for p in padding]), dilation, call["groups"])


def convolution_backward(call: Call) -> Made:
    """The gradients of a convolution, which code may ask for by itself."""
    given = [spec_of(call["input"]), spec_of(call["weight"])]
    if call["bias_sizes"]:
        given.append(TensorSpec(tuple(call["bias_sizes"]), given[1].dtype))
    gradient, x, weight = inputs = call.given("grad_output", "input", "weight")
    lay = (lies(x), lies(weight), None)[: len(given)]
    wanted = tuple(call["output_mask"][: len(given)])
    return Gradient(convolution(call), tuple(given), (spec_of(gradient),), wanted, lay), inputs


def product(left: str, right: str, *addend: str) -> Rule:
    """A matrix product; one with a transposed matrix is a linear layer, as `torch.nn.functional.linear` calls it."""

    def rule(call: Call) -> Made:
        inputs = call.given(left, right, *addend)
        seen = call.known.name(inputs[1]).seen
        if isinstance(seen, ViewCall) and seen.parent and seen.op == Permute((1, 0)) and inputs[0].dim() == 2:
            return Linear(), [inputs[0], seen.parent, *inputs[2:]]
        return Matmul(), inputs

    return rule


def onednn_lstm(call: Call) -> Made:
    """An LSTM's layer in one direction, as oneDNN runs it; its state has no axis for layers."""
    weights = ("weight0", "weight1", *(("weight2", "weight3") if call["has_biases"] else ()))
    return Lstm(biases=call["has_biases"]), call.given("input", "hx_", "cx_", *weights)


def quantized_linear(call: Call) -> Made:
    """A linear layer with a packed int8 weight, which is no parameter but a constant."""
    with _disable_current_modes():
        weight, bias = call["W_prepack"].unpack()
        return Linear(), [call["X"], weight.int_repr(), *([] if bias is None else [bias])]


def attention(call: Call) -> Made:
    """Fused attention, with its mask."""
    mask = [call[name] for name in ("attn_mask", "attn_bias") if call.arguments.get(name) is not None]
    query, key = call["query"].shape, call["key"].shape
    return Attention(grouped=query[:-2] != key[:-2]), [*call.given("query", "key", "value"), *mask]


def bilinear(call: Call) -> Made:
    """The bilinear form; its gradients are other sums of products of three, at as many places as their axes span together."""
    expanded = [call[f"expand{number}"] for number in (1, 2, 3)]
    if (*expanded, call["sumdim"]) != ([1, 3], [0], [1, 2], [2, 3]):
        sizes = [list(tensor.shape) for tensor in call.given("i1", "i2", "i3")]
        for size, axes in zip(sizes, expanded, strict=True):
            for axis in axes:
                size.insert(axis, 1)
        places = prod(map(max, zip(*sizes, strict=True)))
        return Custom("_trilinear", ((call.out.shape, call.out.dtype),), places)
    return Bilinear(), call.given("i1", "i3", "i2")


def deform_conv(call: Call) -> Made:
    """Deformable convolution; torchvision gives a mask and a bias even where there is none."""
    stride, padding, dilation = ((call[f"{name}_h"], call[f"{name}_w"]) for name in ("stride", "pad", "dilation"))
    op = DeformConv(stride, padding, dilation, call["groups"], call["use_mask"])
    return op, call.given("input", "weight", "offset", *(["mask"] if call["use_mask"] else []), "bias")
