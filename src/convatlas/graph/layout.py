"""How every tensor of a graph lies in memory, given how its inputs and parameters do: one walk, by each op's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .graph import Graph, Node
from .ops import Copy, View
from .strides import Strides, channels_last_strides, dense_strides, is_channels_last


def channels_last(graph: Graph) -> dict[int, Strides]:
    """Strides of images and weights, for a network that was moved to torch's channels-last format.

    Also those of a single channel, which lie in memory as they did: a convolution asks for the strides.
    """
    values = graph.values
    four_axes = [value for value in (*graph.inputs, *graph.parameters.values) if len(values[value].shape) == 4]
    return {value: channels_last_strides(values[value].shape) for value in four_axes}


def laid_out(graph: Graph, given: Mapping[int, Strides]) -> tuple[Graph, list[Strides]]:
    """A graph as it runs on tensors that lie as ``given``, and the strides of each of its values (None: contiguous).

    Another layout asks for other copies: a reshape copies where the strides allow no view, and a ``contiguous`` copies only what is
    not so yet. A copy that the graph does not have (`contiguous` of what was contiguous when it was traced) is not added.
    """
    strides: list[Strides] = [None] * len(graph.values)
    for value, lies in given.items():
        strides[value] = lies
    values, nodes = graph.values, graph.nodes
    changed: list[Node] | None = None
    for place, node in enumerate(nodes):
        op = node.op
        before = [strides[value] for value in node.inputs]
        if op.packs and not any(before):
            continue
        inputs, outputs = [values[i] for i in node.inputs], [values[i] for i in node.outputs]
        if given and isinstance(op, View | Copy):
            op = _as_it_runs(op, node, graph, before[0])
            if op is not node.op:
                changed = list(nodes) if changed is None else changed
                changed[place] = node._replace(op=op)
        for value, lies in zip(node.outputs, op.output_strides(inputs, before, outputs), strict=True):
            strides[value] = lies
    return (graph if changed is None else replace(graph, nodes=changed)), strides


def _as_it_runs(op: View | Copy, node: Node, graph: Graph, before: Strides) -> View | Copy:
    """A view or a copy, as the input's strides ask for."""
    shape, result = graph.values[node.inputs[0]].shape, graph.values[node.outputs[0]].shape
    if isinstance(op, View):
        lies = dense_strides(shape) if before is None else before
        copies = op.seen_strides(shape, lies, result) is None
        return op if copies == op.copies else op.replace(copies=copies)
    if op.function == "contiguous":
        there = is_channels_last(shape, before) if op.memory_format == "channels_last" else before is None
        return View(shape, "contiguous") if there else op
    return op
