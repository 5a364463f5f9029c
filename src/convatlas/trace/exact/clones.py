"""Clones that autograd alone reads: what an op in place keeps of the input that it overwrites."""

from __future__ import annotations

from itertools import accumulate

from ...graph import Graph
from ...graph.ops import Copy


def remove_unread_clones(graph: Graph) -> None:
    """Leave clones out that no node reads; the op in place says itself that it keeps one (`Op.kept`)."""
    read = {value for node in graph.nodes for value in node.inputs}.union(graph.outputs)
    keep = [not isinstance(node.op, Copy) or node.outputs[0] in read for node in graph.nodes]
    if all(keep):
        return
    position = [0, *accumulate(keep)]
    gone = {value for node, kept in zip(graph.nodes, keep, strict=True) if not kept for value in node.outputs}
    graph.nodes[:] = [node for node, kept in zip(graph.nodes, keep, strict=True) if kept]
    if graph.step is not None:  # it tells the clones as well
        graph.step.nodes = [
            node._replace(origin=position[node.origin] if node.origin >= 0 and keep[node.origin] else -1)
            for node in graph.step.nodes
        ]
    graph.released = {value: position[count] for value, count in graph.released.items() if value not in gone}
