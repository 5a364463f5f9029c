"""Which networks are convolutional: told by what they compute, not by their names."""

from __future__ import annotations

from ..analysis.cost import cost
from ..graph import Graph
from ..graph.ops import Conv

_FEWEST = 3  # convolutions over neighbours: patches cut by one are no convolutional network
_PRODUCTS = ("attention", "matmul", "einsum", "bilinear")
_LARGEST_SHARE = 0.0015  # of the MACs, in products of two activations


def attention_share(graph: Graph) -> float:
    """The share of the MACs in products of two values that both depend on the input."""
    depends = set(graph.inputs)
    share = 0
    counted = cost(graph)
    for node, layer in zip(graph.nodes, counted.layers, strict=False):  # behind the calls stand parameters that none uses
        dynamic = sum(value in depends for value in node.inputs)
        if dynamic:
            depends.update(node.outputs)
        if dynamic > 1 and node.op.kind in _PRODUCTS:
            share += layer.macs
    return share / max(counted.macs, 1)


def is_convolutional(graph: Graph) -> bool:
    """Whether a network convolves over neighbours, and hardly multiplies activations with each other as attention does."""
    spatial = sum(isinstance(node.op, Conv) and max(graph.values[node.inputs[1]].shape[2:]) > 1 for node in graph.nodes)
    return spatial >= _FEWEST and attention_share(graph) <= _LARGEST_SHARE
