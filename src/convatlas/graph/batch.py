"""The same network for many times as many samples, by its shapes alone."""

from __future__ import annotations

from dataclasses import replace

from ..errors import ConvatlasError
from .graph import Graph
from .ops import Conv
from .spec import TensorSpec


def batched(graph: Graph, times: int) -> Graph:
    """A graph whose values are those of so many times as many samples: what depends on an input has a longer first axis.

    It is for costs, which are rules on shapes. The ops keep their fields, a reshape's sizes among them.

    Raises:
        ConvatlasError: a convolution's weight depends on the input, so that its groups grow with the batch.

    """
    values, grows = list(graph.values), set(graph.inputs)
    for node in graph.nodes:
        if not grows.isdisjoint(node.inputs):
            grows.update(node.outputs)
        if isinstance(node.op, Conv) and node.inputs[1] in grows:
            raise ConvatlasError(
                f"{graph.name or 'the network'}: a convolution's weight depends on the input; trace it at its batch"
            )
    for value in grows:
        shape, dtype = values[value]
        if shape:
            values[value] = TensorSpec((shape[0] * times, *shape[1:]), dtype)
    return replace(graph, values=values)
