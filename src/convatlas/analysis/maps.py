"""The size of the map that each call of a network works on, whichever way its tensors are laid out."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from ..graph.ops import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Attention,
    AvgPool,
    Conv,
    ConvTranspose,
    Einsum,
    GridSample,
    Interpolate,
    LayerNorm,
    Linear,
    LpPool,
    Matmul,
    MaxPool,
    PixelShuffle,
)

if TYPE_CHECKING:
    from ..graph import Graph, Node

Size = tuple[int, ...]  # along the spatial axes: (height, width), (length,), (frames, height, width)

_SPATIAL = (
    AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, Conv, ConvTranspose, GridSample, Interpolate, LpPool, MaxPool, PixelShuffle,
)  # fmt: skip
_PRODUCTS = (Attention, Einsum, Matmul)


def map_sizes(graph: Graph) -> list[Size | None]:
    """For each node the size of the map that its first output is, or that its tokens were cut from; None where there is none.

    Ops with a window tell it: their maps have the channels first. So do linear layers and layer norms whose tensor has as
    many axes as a batch of maps: there the channels are last. Everything else (element-wise ops, views, tokens) is as
    large as what it reads. A product of two tensors (attention) mixes the positions, so its size is not known, and what adds
    it to a map has the map's. A single position (1x1) is no map.
    """
    values = graph.values
    spatial = ((node, values[node.outputs[0]].shape) for node in graph.nodes if isinstance(node.op, _SPATIAL))
    axes = next((spatial_axes(node, shape) + 2 for node, shape in spatial), 0)  # of a batch of maps
    shapes = {value: values[value].shape for value in graph.inputs}
    sizes: dict[int, Size | None] = {value: shape[2:] for value, shape in shapes.items() if len(shape) == axes}
    found: list[Size | None] = []
    for node in graph.nodes:
        op, shape = node.op, values[node.outputs[0]].shape
        size: Size | None = None
        if isinstance(op, _SPATIAL):
            rank = spatial_axes(node, shape)
            axes, size = rank + 2, shape[-rank:]
        elif isinstance(op, Linear | LayerNorm) and len(shape) == axes:
            size = shape[1:-1]
        elif not isinstance(op, _PRODUCTS):
            known = [value for value in node.inputs if sizes.get(value)]
            # a map, not the gate that scales it or the class token that is put before it
            size = sizes[max(known, key=lambda value: prod(values[value].shape))] if known else None
        if size is not None and prod(size) == 1:
            size = None
        sizes.update(dict.fromkeys(node.outputs, size))
        found.append(size)
    return found


def spatial_axes(node: Node, shape: Size) -> int:
    """How many spatial axes the output of an op with a window has."""
    op = node.op
    if isinstance(op, Conv | ConvTranspose):
        return len(op.stride)
    if isinstance(op, MaxPool | AvgPool | LpPool):
        return len(op.kernel)
    if isinstance(op, AdaptiveAvgPool | AdaptiveMaxPool | Interpolate):
        return len(op.size)
    return 2 if isinstance(op, PixelShuffle) else len(shape) - 2


def is_pointwise(graph: Graph, node: Node) -> bool:
    """Whether each output position depends on the one position where it stands: norms, activations, 1x1 convolutions."""
    op = node.op
    if isinstance(op, Conv):
        return prod(graph.values[node.inputs[1]].shape[2:]) == prod(op.stride) == 1
    return not isinstance(op, (*_SPATIAL, *_PRODUCTS))


def with_positions(graph: Graph) -> set[int]:
    """The nodes whose output still is a map or a series of tokens, not one vector an image."""
    values, having, found = graph.values, set(graph.inputs), set()
    for place, node in enumerate(graph.nodes):
        # a vector that is compared with many has as many results, but no positions
        comes_from_some = isinstance(node.op, _SPATIAL) or not having.isdisjoint(node.inputs)
        if comes_from_some and has_positions(values[node.outputs[0]].shape):
            having.update(node.outputs)
            found.add(place)
    return found


def has_positions(shape: Size) -> bool:
    """Whether a batch of this shape has more than one vector an image."""
    return sum(length > 1 for length in shape[1:]) > 1
