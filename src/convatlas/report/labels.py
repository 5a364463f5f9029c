"""What ops are called in diagrams and tables: "3×3 conv, 64 /2"."""

from __future__ import annotations

from ..graph import Graph, Node
from ..graph.ops import (
    Activation,
    Alias,
    AvgPool,
    Binary,
    Cast,
    ChannelShuffle,
    Conv,
    ConvTranspose,
    Copy,
    Dropout,
    Expand,
    Flip,
    Linear,
    LpPool,
    MaxPool,
    Permute,
    Repeat,
    Roll,
    StochasticDepth,
    View,
)
from ..graph.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool
from .numbers import square, times

SHORT = {"batch_norm": "bn", "layer_norm": "layer norm", "group_norm": "group norm", "local_response_norm": "lrn"}
_SILENT = (
    Alias,
    Cast,
    ChannelShuffle,
    Copy,
    Expand,
    Flip,
    Repeat,
    Roll,
    View,
)  # they move or rename numbers; a diagram is clearer without them
_MAP_RANK = 4
FAMILIES = {  # what a layer's colour tells
    "conv": "convolution",
    "depthwise": "depthwise convolution",
    "linear": "linear",
    "pool": "pooling",
    "product": "matrix product",
    "other": "other",
}


def is_depthwise(graph: Graph, node: Node) -> bool:
    """Whether each filter of a convolution reads one channel."""
    return isinstance(node.op, Conv) and node.op.groups > 1 and graph.values[node.inputs[1]].shape[1] == 1


def family(graph: Graph, node: Node) -> str:
    """A key of `FAMILIES`."""
    op = node.op
    if isinstance(op, Conv | ConvTranspose):
        return "depthwise" if is_depthwise(graph, node) else "conv"
    if isinstance(op, Linear):
        return "linear"
    if "pool" in op.kind:
        return "pool"
    return "product" if op.multiplies else "other"


def kernel(graph: Graph, node: Node) -> str:
    """Window, stride, dilation and groups as "3×3 /2 g32"; "" for ops without a window."""
    op = node.op
    if isinstance(op, Conv | ConvTranspose):
        parts = [times(graph.values[node.inputs[1]].shape[2:])]
    elif isinstance(op, MaxPool | AvgPool | LpPool):
        parts = [times(op.kernel)]
    else:
        return ""
    if any(step != 1 for step in op.stride):
        parts.append(f"/{square(op.stride)}")
    if any(step != 1 for step in op.dilation if not isinstance(op, AvgPool)):
        parts.append(f"d{square(op.dilation)}")
    if isinstance(op, Conv | ConvTranspose) and op.groups > 1:
        parts.append(f"g{op.groups}")
    return " ".join(parts)


def label(graph: Graph, node: Node) -> str:
    """An op with its window and its output's width."""
    op, out = node.op, graph.values[node.outputs[0]].shape
    window = kernel(graph, node)
    if isinstance(op, Conv | ConvTranspose):
        size, *rest = window.split(" ")
        kind = "depthwise" if is_depthwise(graph, node) else "conv" if isinstance(op, Conv) else "up-conv"
        if kind == "depthwise":
            rest = [part for part in rest if not part.startswith("g")]
        width = out[-len(op.stride) - 1]
        return " ".join([f"{size} {kind}, {width}", *rest])
    if isinstance(op, Linear):
        return f"linear, {out[-1]}"
    if window:
        size, *rest = window.split(" ")
        return " ".join([size, op.kind.replace("_", " "), *rest])
    if isinstance(op, AdaptiveAvgPool | AdaptiveMaxPool):
        pool = "avg pool" if isinstance(op, AdaptiveAvgPool) else "max pool"
        return f"global {pool}" if all(side == 1 for side in op.size) else f"{pool} to {times(out[-len(op.size) :])}"
    if op.kind in ("concat", "stack"):
        return f"{op.kind}, {out[1] if len(out) > 1 else out[0]}"
    return SHORT.get(op.name, op.name.replace("_", " ") if op.counted else f"{op.name} (uncounted)")


def tail_label(graph: Graph, node: Node) -> str:
    """A norm, activation or the like behind another op, in a word; "" for what only moves numbers."""
    op = node.op
    if isinstance(op, Permute):
        return "shuffle" if len(graph.values[node.inputs[0]].shape) > _MAP_RANK else ""
    if isinstance(op, _SILENT):
        return ""
    if isinstance(op, Binary | Activation) and op.function == "mul":
        return "scale"
    if isinstance(op, Dropout | StochasticDepth):
        return op.kind.replace("_", " ") if op.training else ""
    return SHORT.get(op.name, op.name.replace("_", " "))
