"""What makes an op of ours from a call of an ATen op. A rule returns the op, or the op and its inputs where it takes others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import torch
from torch.utils._python_dispatch import _disable_current_modes

from ...graph import TensorSpec
from ...graph.ops import (
    Activation,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Alias,
    Assign,
    Attention,
    AvgPool,
    BatchNorm,
    Bilinear,
    Binary,
    Cast,
    ChannelShuffle,
    Concat,
    Conv,
    ConvTranspose,
    Copy,
    Cumulative,
    Custom,
    DeformConv,
    Dropout,
    Embedding,
    EmbeddingBag,
    Expand,
    Fill,
    Flip,
    Fold,
    Gather,
    Glu,
    Gradient,
    GridSample,
    GroupNorm,
    Interpolate,
    LayerNorm,
    Linear,
    Loss,
    Lstm,
    Matmul,
    MaxPool,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Reduce,
    Reinterpret,
    Repeat,
    RMSNorm,
    Roll,
    Select,
    Slice,
    Softmax,
    Split,
    Stack,
    Unfold,
    View,
    WeightNorm,
    Where,
    Windows,
)
from ...graph.ops.base import per_axis
from ...graph.ops.recurrent import onednn_workspace
from .calls import Call
from .names import Name, ViewCall, lies, spec_of

Made: TypeAlias = "Op | tuple[Op, Sequence[torch.Tensor | Name]]"
Rule: TypeAlias = Callable[[Call], Made]


def plain(op: Op) -> Rule:
    """The same op for every call, on all of its tensors."""
    return lambda call: op


def function(name: str) -> Rule:
    """A function of one tensor, or of a tensor and numbers."""
    return plain(Activation(name))


def arithmetic(name: str) -> Rule:
    """Arithmetic on two tensors, or on a tensor and a number."""
    alone, both = Activation(name), Binary(name)
    return lambda call: both if len(call.inputs) > 1 else alone


def pointwise(call: Call) -> Made:
    """An element-wise op that has no line of its own: one operation an element."""
    return arithmetic(call.function)(call)


# products


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


def with_workspace(call: Call) -> tuple[torch.Tensor, ...]:
    """What oneDNN's LSTM returns, with the memory that it keeps for the backward pass, which its fake kernel leaves out."""
    x, weight = call["input"], call["weight1"]
    size = onednn_workspace(x.shape[0] * x.shape[1], x.shape[1], x.shape[2], weight.shape[1]) if call["train"] else 0
    return (*call.result[:3], x.new_empty((size,), dtype=torch.uint8))


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


# normalisation


def batch_norm(training: bool | None = None) -> Rule:
    """Batch norm; in training where the call says so, unless it is known."""

    def rule(call: Call) -> Made:
        by_batch = call["training"] if training is None else training
        roles = {"w": "weight", "b": "bias", "m": "running_mean", "v": "running_var"}
        present = "".join([letter for letter, name in roles.items() if call.arguments.get(name) is not None])
        return BatchNorm(by_batch, present), [call.inputs[0], *(call[roles[letter]] for letter in present)]

    return rule


def layer_norm(call: Call) -> Made:
    """Layer norm."""
    return LayerNorm(len(call["normalized_shape"]))


def rms_norm(call: Call) -> Made:
    """RMS norm."""
    return RMSNorm(len(call["normalized_shape"]))


def group_norm(call: Call) -> Made:
    """Group norm."""
    return GroupNorm(call["group"])


def weight_norm(call: Call) -> Made:
    """A weight made of its direction and its length."""
    return WeightNorm(call.axis())


# pooling and resampling


def pool(kind: type[MaxPool] | type[AvgPool]) -> Rule:
    """Pooling by windows."""

    def rule(call: Call) -> Made:
        rank = int(call.function.partition("pool")[2][0])
        kernel = per_axis(call["kernel_size"], rank)
        stride = per_axis(call["stride"], rank) if call["stride"] else kernel
        dilation = per_axis(call.arguments.get("dilation", 1), rank)
        return kind(kernel, stride, per_axis(call["padding"], rank), dilation, call["ceil_mode"])

    return rule


def adaptive(kind: type[AdaptiveAvgPool] | type[AdaptiveMaxPool]) -> Rule:
    """Pooling to a size."""
    return lambda call: kind(tuple(call["output_size"]))


def resample(mode: str, rank: int, antialias: bool = False) -> Rule:
    """Interpolation to a size."""
    return lambda call: Interpolate(call.out.shape[-rank:], mode, bool(call.arguments.get("align_corners")), antialias)


def grid_sample(call: Call) -> Made:
    """Look-up at positions."""
    return GridSample(("bilinear", "nearest", "bicubic")[call["interpolation_mode"]])


def padding(mode: str) -> Rule:
    """Padding; constant padding says `pad`."""
    return lambda call: Pad(tuple(call.arguments.get("pad") or call["padding"]), mode)


def shuffle(inverse: bool) -> Rule:
    """Channels to positions, or back."""
    name = "downscale_factor" if inverse else "upscale_factor"
    return lambda call: PixelShuffle(call[name], inverse)


def unfold(call: Call) -> Made:
    """Windows as columns."""
    return Unfold(*(tuple(call[name]) for name in ("kernel_size", "stride", "padding", "dilation")))


def fold(call: Call) -> Made:
    """Columns as a map."""
    return Fold(*(tuple(call[name]) for name in ("output_size", "kernel_size", "stride", "padding", "dilation")))


# views


def view(name: str = "view") -> Rule:
    """The same elements in another shape."""
    return lambda call: View(call.out.shape, name)


def permute(call: Call) -> Made:
    """Axes in another order."""
    return Permute(call.axes("dims"))


def transpose(call: Call) -> Made:
    """Two axes exchanged."""
    axes = list(range(call.rank))
    if axes:
        first, second = (call[name] % call.rank for name in ("dim0", "dim1"))
        axes[first], axes[second] = axes[second], axes[first]
    return Permute(tuple(axes))


def reversed_axes(call: Call) -> Made:
    """All axes in reverse."""
    return Permute(tuple(reversed(range(call.rank))))


def expand(call: Call) -> Made:
    """Axes of size 1 repeated."""
    return Expand(call.out.shape)


def _part(call: Call, axis: int, start: int, step: int, keep_axis: bool) -> Made:
    offset, steps = [0] * call.rank, [1] * call.rank
    offset[axis], steps[axis] = start, step
    axes = tuple([each for each in range(call.rank) if keep_axis or each != axis])
    return Slice(call.out.shape, tuple(offset), tuple(steps), axes)


def select(call: Call) -> Made:
    """One position along an axis."""
    axis = call.axis()
    return _part(call, axis, call["index"] % call.x.shape[axis], 1, keep_axis=False)


def slice_(call: Call) -> Made:
    """Positions along an axis."""
    axis = call.axis()
    start, _, _ = slice(call["start"], call["end"], call["step"]).indices(call.x.shape[axis])
    return _part(call, axis, start, call["step"], keep_axis=True)


def split(call: Call) -> Made:
    """Parts along an axis, wherever it is cut."""
    axis = call.axis()
    return Split(tuple([part.shape[axis] for part in call.outputs]), axis)


def unbind(call: Call) -> Made:
    """Each position along an axis."""
    axis = call.axis()
    return Split((1,) * len(call.outputs), axis, False)


def windows(call: Call) -> Made:
    """Windows along an axis, their places in a new one."""
    return Windows(call.axis("dimension"), call["size"], call["step"])


def other_view(call: Call) -> Made:
    """Some elements, in an order that no other op tells."""
    return Slice(call.out.shape, (0,) * call.rank, (1,) * call.rank)


def strided(call: Call) -> Made:
    """A view by strides: of axes of size 1, as pooling gives its result, or of whatever it may be."""
    return View(call.out.shape, "view") if call["size"] == list(call.x.shape) else other_view(call)


def reinterpret(call: Call) -> Made:
    """The same bytes as another dtype."""
    return Reinterpret(call.function, call.out.shape, call.out.dtype)


# copies


def copy(name: str) -> Rule:
    """A copy, perhaps of another shape."""

    def rule(call: Call) -> Made:
        return Copy(name, None if call.out.shape == call.x.shape else call.out.shape)

    return rule


def flip(call: Call) -> Made:
    """Axes from last to first."""
    return Flip(call.axes("dims"))


def quarter_turns(call: Call) -> Made:
    """Turns in a plane of two axes: two of them reverse both axes."""
    if call["k"] % 4 == 2:
        return Flip(call.axes("dims"))
    return Copy("rot90", None if call.out.shape == call.x.shape else call.out.shape)


def roll(call: Call) -> Made:
    """Positions moved on along axes."""
    return Roll(tuple(call["shifts"]), call.axes("dims") if call["dims"] else ())


def repeat(call: Call) -> Made:
    """Axes several times over."""
    return Repeat(tuple(call["repeats"]))


def channel_shuffle(call: Call) -> Made:
    """Each group's channels spread over all."""
    return ChannelShuffle(call["groups"])


_MEMORY_FORMATS = {
    torch.contiguous_format: "contiguous",
    torch.channels_last: "channels_last",
    torch.channels_last_3d: "channels_last",
}


def clone(call: Call) -> Made:
    """A copy, laid out as it is asked for."""
    wanted = _MEMORY_FORMATS.get(call["memory_format"], "preserve")
    return Copy("clone") if wanted == "preserve" else Copy("contiguous", None, wanted)


def to_copy(call: Call) -> Made:
    """Another dtype, or a copy."""
    return Cast(call.out.dtype) if call.out.dtype != call.x.dtype else Copy("clone")


def assign(*order: str) -> Rule:
    """What is written into the first tensor, then where it goes."""
    return lambda call: (Assign(call.x.shape), [call.inputs[0], *call.given(*[name for name in order if name in call])])


def filled(name: str) -> Rule:
    """A tensor overwritten by what is made of nothing, or a new one."""
    return lambda call: assign("value")(call) if call.inputs and call.result is call.inputs[0] else fill(name)(call)


def index_put(call: Call) -> Made:
    """Elements written where an index says."""
    return Assign(tuple(call["values"].shape)), [call.inputs[0], call["values"], *call.given("indices")]


def written_copy(call: Call) -> Made:
    """A copy with something written into it."""
    return Copy(call.function)


def concat(call: Call) -> Made:
    """Tensors one after another."""
    return Concat(call["dim"])


def stack(call: Call) -> Made:
    """Tensors side by side."""
    return Stack(call["dim"])


def gather(call: Call) -> Made:
    """Elements picked by indices."""
    return Gather(call.out.shape)


def embedding(call: Call) -> Made:
    """Rows of a table."""
    return Embedding(), call.given("indices", "weight")


def embedding_bag(call: Call) -> Made:
    """Sums, means or maxima of rows of a table."""
    return EmbeddingBag(("sum", "mean", "max")[call["mode"]], call.out.shape[0]), call.given(
        "indices", "weight", "per_sample_weights"
    )


def fill(name: str) -> Rule:
    """A tensor made of nothing."""
    return lambda call: (Fill(call.out.shape, call.out.dtype, name), [])


# element by element


def softmax(log: bool) -> Rule:
    """Softmax, or its logarithm."""

    def rule(call: Call) -> Made:
        return Softmax(call.axis(), log, None if call.out.dtype == call.x.dtype else call.out.dtype)

    return rule


def glu(call: Call) -> Made:
    """Gated linear unit."""
    return Glu(call.axis())


def dropout(call: Call) -> Made:
    """Dropout in one kernel, as CUDA has it."""
    return Dropout(float(call["p"]), bool(call["train"]))


def where(call: Call) -> Made:
    """A choice between two."""
    return Where(call.out.dtype)


def masked_fill(call: Call) -> Made:
    """A choice between a tensor and a number."""
    return Where(call.out.dtype), [call["mask"], call["self"]]


# reductions


def reduction(name: str, axes: str = "dim") -> Rule:
    """A reduction along some axes, or all."""

    def rule(call: Call) -> Made:
        dtype = None if call.out.dtype == call.x.dtype else call.out.dtype
        return Reduce(name, call.axes(axes), bool(call.arguments.get("keepdim")), dtype)

    return rule


def extremes(name: str, count: bool = False) -> Rule:
    """Extremes along an axis, with their indices."""

    def rule(call: Call) -> Made:
        axis = call.axis()
        size = call.out.shape[axis] if count and call.rank else None
        return Select(name, axis, size, bool(call.arguments.get("keepdim")))

    return rule


def running(name: str) -> Rule:
    """A running sum and its kin."""
    return lambda call: Cumulative(name, call.axis(), None if call.out.dtype == call.x.dtype else call.out.dtype)


_REDUCTIONS = ("none", "mean", "sum")


def loss(name: str) -> Rule:
    """A loss."""

    def rule(call: Call) -> Made:
        return Loss(name, _REDUCTIONS[call["reduction"]])

    return rule


def detached(call: Call) -> Made:
    """The same tensor, through which no gradient flows."""
    return Alias()
