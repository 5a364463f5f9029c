"""What a trace writes: the network's graph, and, where a training step is recorded, the step after it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ...graph import Graph, Node, TensorSpec
from ...graph.ops import Op
from ...graph.strides import Strides, normal
from ...graph.training import FORWARD, RECOMPUTE, StepNode, TrainingGraph


class Place(NamedTuple):
    """Where in the network a call is made."""

    module: str
    no_grad: bool
    region: int
    origin: int = -1  # of a call in backward: the node whose gradient it is of
    again: bool = False  # whether a checkpoint computes it again


class Result(NamedTuple):
    """A value that a call makes, and how it lies in memory (in a step)."""

    spec: TensorSpec
    strides: Strides = None
    storage: int = -1


class Sheet:
    """Values and calls, as they are written down: first of the graph, then of the step."""

    def __init__(self, graph: Graph, with_step: bool) -> None:
        self.graph = graph
        self.step = TrainingGraph() if with_step else None
        self.phase = FORWARD
        self.closed = False  # whether the trace has come to its end: what is let go then is let go by no code
        self.values: list[TensorSpec] = graph.values
        self._storages: dict[int, int] = {}  # id of a tensor's storage -> its number
        self._references: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    @property
    def position(self) -> int:
        """How many calls were made."""
        return len(self.graph.nodes) if self.phase == FORWARD or self.step is None else len(self.step.nodes)

    def result(self, tensor: torch.Tensor, spec: TensorSpec) -> Result:
        """What a tensor is as a call's result."""
        if self.step is None:
            return Result(spec)
        dense = tensor.layout is torch.strided
        return Result(spec, normal(spec.shape, tensor.stride()) if dense else None, self._storage(tensor))

    def result_of(self, value: int) -> Result:
        """What a value was as a call's result."""
        step = self.step
        return Result(self.values[value]) if step is None else Result(self.values[value], step.strides[value], step.storage[value])

    def _storage(self, tensor: torch.Tensor) -> int:
        assert self.step is not None
        released = self.step.released
        dense = tensor.layout is torch.strided
        storage: Any = tensor.untyped_storage() if dense else tensor  # a sparse tensor has several, whose sizes are not known
        key = id(storage)
        number = self._storages.get(key)
        if number is None:
            number = self._storages[key] = len(self.step.storage_bytes)
            self.step.storage_bytes.append(storage.nbytes() if dense else tensor.numel() * tensor.element_size())

            def let_go(_: weakref.ref[torch.UntypedStorage]) -> None:
                del self._storages[key], self._references[key]
                if not self.closed:
                    released[number] = self.position

            self._references[key] = weakref.ref(storage, let_go)
        return number

    def keep(self, tensor: torch.Tensor) -> None:
        """Autograd keeps a tensor for backward."""
        if self.step is not None and self.phase == FORWARD:
            self.step.saved.add(self._storage(tensor))

    def add_value(self, result: Result) -> int:
        """A new value; returns its number."""
        self.values.append(result.spec)
        if self.step is not None:
            self.step.strides.append(result.strides)
            self.step.storage.append(result.storage)
        return len(self.values) - 1

    def add_resident(self, result: Result) -> int:
        """A value that is there before the step."""
        if self.step is not None:
            self.step.resident.add(result.storage)
        return self.add_value(result)

    def add_constant(self, result: Result) -> int:
        """A value that comes from outside the network."""
        value = self.add_resident(result)
        if self.phase == FORWARD:
            self.graph.constants.append(value)
        return value

    def add_node(self, op: Op, inputs: tuple[int, ...], results: Sequence[Result], place: Place) -> tuple[int, ...]:
        """A call; returns the numbers of its outputs."""
        outputs = tuple([self.add_value(result) for result in results])
        if self.phase == FORWARD or self.step is None:
            self.graph.nodes.append(Node(op, inputs, outputs, place.module, place.no_grad, place.region))
        else:
            phase = RECOMPUTE if place.again else self.phase
            self.step.nodes.append(StepNode(op, inputs, outputs, phase, place.origin, place.module))
        return outputs

    def add_output(self, node: int, result: Result) -> int:
        """One more output of a call that was written down before; returns its number."""
        value = self.add_value(result)
        if self.phase == FORWARD or self.step is None:
            self.graph.nodes[node] = self.graph.nodes[node]._replace(outputs=(*self.graph.nodes[node].outputs, value))
        else:
            self.step.nodes[node] = self.step.nodes[node]._replace(outputs=(*self.step.nodes[node].outputs, value))
        return value

    def release(self, value: int) -> None:
        """Nothing calls anything this value any longer."""
        if self.phase == FORWARD and not self.closed:
            self.graph.released[value] = len(self.graph.nodes)

    def begin(self, phase: str) -> None:
        """What comes is of another phase of the step. The first one goes on where the forward pass ended."""
        assert self.step is not None
        if self.phase == FORWARD:
            self.values = self.step.values = list(self.graph.values)
            self.step.nodes = [
                StepNode(node.op, node.inputs, node.outputs, FORWARD, place, node.module)
                for place, node in enumerate(self.graph.nodes)
            ]
        self.phase = phase

    def close(self) -> None:
        """Nothing more is to be written down."""
        self.closed = True
