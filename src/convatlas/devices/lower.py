"""A graph's kernels, run eagerly: one for each node that computes, and a copy where one does not take its input as it lies."""

from __future__ import annotations

from collections.abc import Callable

from ..graph import Graph, TensorSpec
from ..graph.layout import channels_last as channels_last_strides
from ..graph.ops import Op
from ..graph.strides import Strides
from .kernel import Kernel, Launch

Specs = tuple[TensorSpec, ...]
Lying = tuple[Strides, ...]
Lowering = Callable[[Op, Specs, Lying, Specs, bool], tuple[tuple[Kernel, ...], Lying]]


def lower(graph: Graph, lowering: Lowering, *, channels_last: bool = False) -> list[Launch]:
    """The kernels of one pass over the graph, in order.

    Args:
        graph: in the precision in which it runs, autocast's casts put in.
        lowering: the kernels of one op on the device, as `cuda.kernels.kernels_of` gives a GPU's.
        channels_last: images and weights lie with their channels innermost.

    """
    values = graph.values
    strides: list[Strides] = [None] * len(values)
    if channels_last:
        for value, lies in channels_last_strides(graph).items():
            strides[value] = lies
    constant = set(graph.parameters.values).union(graph.buffers.values, graph.constants)
    launches: list[Launch] = []
    for place, node in enumerate(graph.nodes):
        inputs = tuple([values[value] for value in node.inputs])
        outputs = tuple([values[value] for value in node.outputs])
        fixed = constant.issuperset(node.inputs)
        if fixed:
            constant.update(node.outputs)
        kernels, lying = lowering(node.op, inputs, tuple([strides[value] for value in node.inputs]), outputs, fixed)
        launches.extend([Launch(kernel, place) for kernel in kernels])
        for value, each in zip(node.outputs, lying, strict=True):
            strides[value] = each
    return launches
