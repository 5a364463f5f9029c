"""A training step as it is written down: its calls, and who holds each value, by which memory is let go."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph
from ..ops import Op
from ..spec import TensorSpec
from ..strides import Strides
from ..training import FORWARD, StepNode, TrainingGraph


class Writer:
    """Writes a step down. A storage is let go of when nobody holds a value in it."""

    def __init__(self, graph: Graph, strides: Sequence[Strides]) -> None:
        count = len(graph.values)
        self.result = TrainingGraph(list(graph.values), list(strides), [-1] * count)
        self.holders = [0] * count  # of each value
        self.users: list[int] = []  # of each storage: values in it that someone holds
        self.views: set[int] = set()  # values that keep the one alive of which they are a view
        self.phase, self.origin, self.module = FORWARD, -1, ""
        for value in (*graph.parameters.values, *graph.buffers.values, *graph.inputs, *graph.constants):
            self.place(value)
            self.result.resident.add(self.result.storage[value])

    def place(self, value: int) -> None:
        """A storage of its own for a value."""
        result = self.result
        result.storage[value] = len(result.storage_bytes)
        result.storage_bytes.append(result.values[value].nbytes)
        self.users.append(0)

    def new(self, spec: TensorSpec, strides: Strides, base: int | None = None) -> int:
        result = self.result
        result.values.append(spec)
        result.strides.append(strides)
        self.holders.append(0)
        result.storage.append(-1 if base is None else result.storage[base])
        value = len(result.values) - 1
        if base is None:
            self.place(value)
        return value

    def hold(self, value: int) -> None:
        if not self.holders[value]:
            self.users[self.result.storage[value]] += 1
        self.holders[value] += 1

    def drop(self, value: int) -> None:
        self.holders[value] -= 1
        if not self.holders[value]:
            storage = self.result.storage[value]
            self.users[storage] -= 1
            if not self.users[storage] and storage not in self.result.resident:
                self.result.released[storage] = len(self.result.nodes)

    def run(self, op: Op, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        self.result.nodes.append(StepNode(op, inputs, outputs, self.phase, self.origin, self.module))
