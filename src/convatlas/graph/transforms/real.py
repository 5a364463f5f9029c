"""A recorded step as real tensors run it: gradients are added up in place, where nothing else holds the first one and it is no view."""

from __future__ import annotations

from dataclasses import replace

from ..ops import Binary, Lstm
from ..strides import is_dense
from ..training import BACKWARD, TrainingGraph


def as_real(step: TrainingGraph) -> TrainingGraph:
    """A recorded step as it runs on real tensors.

    The engine adds fake gradients up into a new tensor each time, and a fake call of oneDNN's LSTM keeps nothing beside its tensors.
    """
    nodes, storage, released = list(step.nodes), list(step.storage), dict(step.released)
    views = {value for node in nodes if node.op.is_view and not node.op.in_place for value in node.outputs}
    same: dict[int, int] = {}  # storage -> the one that it turns out to be

    def found(place: int) -> int:
        while place in same:
            place = same[place]
        return place

    for position, node in enumerate(nodes):
        if node.phase != BACKWARD or node.op != Binary("add"):
            continue
        first, total = node.inputs[0], node.outputs[0]
        place, made = found(storage[first]), storage[total]
        lies = step.strides[first]
        fits = step.values[first] == step.values[total] and first not in views and is_dense(step.values[first].shape, lies)
        if not fits or place in step.resident or place in step.saved or released.get(place) != position + 1:
            continue
        same[made] = place
        nodes[position] = node._replace(op=Binary("add", in_place=True))
        released.pop(place)
        if made in released:
            released[place] = released.pop(made)
    sizes = list(step.storage_bytes)
    for node in nodes:
        if (
            isinstance(node.op, Lstm) and not sizes[storage[node.outputs[-1]]]
        ):  # what oneDNN keeps, whose size a fake call does not know
            given = [step.values[value] for value in node.inputs]
            results = [step.values[value] for value in node.outputs]
            sizes[storage[node.outputs[-1]]] = node.op.kept(given, results, [True] * len(given)).extra[0].nbytes
    return replace(step, nodes=nodes, storage=[found(place) for place in storage], storage_bytes=sizes, released=released)
