"""Simulation of one training step: every allocation and release, in the order in which they happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ...graph.ops import (
    Alias,
    Binary,
    Concat,
    Expand,
    Loss,
    Op,
    Permute,
    Reduce,
    Slice,
    Split,
    StochasticDepth,
    View,
)
from ...graph.ops.pointwise import Activation, Dropout
from .cpu import OUTPUT, Gradient, Script
from .plan import Plan, Step

PARAMETERS = "parameters"
BUFFERS = "buffers"
OPTIMIZER_STATE = "optimizer state"
INPUT = "input"
SAVED = "saved for backward"
ACTIVATIONS = "other activations"
GRADIENTS_OF_PARAMETERS = "gradients"
GRADIENTS_OF_ACTIVATIONS = "gradients of activations"
TEMPORARIES = "temporaries"
KINDS = (PARAMETERS, BUFFERS, OPTIMIZER_STATE, GRADIENTS_OF_PARAMETERS, INPUT, SAVED, ACTIVATIONS,
         GRADIENTS_OF_ACTIVATIONS, TEMPORARIES)  # fmt: skip


class Device(Protocol):
    """What the simulation asks of a device."""

    name: str

    def forward(self, step: Step) -> Script:
        """Events of an op's forward pass."""

    def backward(self, step: Step) -> Script:
        """Events of an op's backward pass."""


class Change(NamedTuple):
    """One allocation (positive bytes) or release (negative)."""

    num_bytes: int
    kind: str
    position: int  # of the node at work; -1 outside the network
    owner: int  # of the node whose tensor it is
    phase: str


class _Tensor(NamedTuple):
    """A gradient in flight: its storage, and whether it fills it densely."""

    storage: int
    dense: bool


@dataclass(slots=True)
class Memory:
    """The bytes in use as the step goes on."""

    changes: list[Change] = field(default_factory=list)
    phase: str = "forward"
    position: int = -1

    def change(self, num_bytes: int, kind: str, owner: int) -> None:
        """Allocate (positive) or release (negative)."""
        if num_bytes:
            self.changes.append(Change(num_bytes, kind, self.position, owner, self.phase))


class Simulation:
    """The forward and backward pass of a plan on a device."""

    def __init__(self, plan: Plan, device: Device, memory: Memory) -> None:
        self.plan = plan
        self.device = device
        self.memory = memory
        self.size = list(plan.size)
        self.kind: list[str] = [SAVED if saved else ACTIVATIONS for saved in plan.saved]
        self.owner = [-1] * len(plan.size)
        self.references = [0] * len(plan.size)
        self.extras: dict[int, int] = {}  # position -> bytes kept beside inputs and outputs
        self.gradients: dict[int, _Tensor] = {}  # value -> gradient that has arrived
        self.parameter_values = {parameter.value for parameter in plan.graph.parameters}

    # storages

    def _new(self, num_bytes: int, kind: str, owner: int) -> int:
        self.size.append(num_bytes)
        self.kind.append(kind)
        self.owner.append(owner)
        self.references.append(1)
        self.memory.change(num_bytes, kind, owner)
        return len(self.size) - 1

    def _retain(self, storage: int) -> None:
        self.references[storage] += 1

    def _release(self, storage: int) -> None:
        self.references[storage] -= 1
        if self.references[storage] == 0 and storage not in self.plan.persistent:
            self.memory.change(-self.size[storage], self.kind[storage], self.owner[storage])

    # forward

    def forward(self) -> None:
        """Run every node once."""
        for position in range(len(self.plan.steps)):
            self.forward_step(position, keeping=True)

    def forward_step(self, position: int, keeping: bool) -> None:
        """Run one node: its script, what it keeps, and what the code lets go of after it."""
        plan, memory = self.plan, self.memory
        step = plan.steps[position]
        memory.position = position
        if not step.is_view:
            for event in self.device.forward(step):
                if event is OUTPUT:
                    for value in step.node.outputs:
                        storage = plan.storage[value]
                        self.owner[storage] = position
                        memory.change(self.size[storage], self.kind[storage], position)
                else:
                    assert isinstance(event, int)
                    memory.change(event, TEMPORARIES, position)
        for value in step.node.outputs:
            self.references[plan.storage[value]] += 1
        if keeping and step.differentiable:
            self._keep(position, step)
        for value in plan.dying[position + 1]:
            self._release(plan.storage[value])

    def _keep(self, position: int, step: Step) -> None:
        storage, node = self.plan.storage, step.node
        for index in step.kept.inputs:
            self.references[storage[node.inputs[index]]] += 1
        for index in step.kept.outputs:
            self.references[storage[node.outputs[index]]] += 1
        extra = sum([spec.nbytes for spec in step.kept.extra])
        if extra:
            self.extras[position] = extra
            self.memory.change(extra, SAVED, position)

    # backward

    def backward(self, loss: int) -> None:
        """Run every node that leads to the loss, from the last to the first, as autograd's engine does."""
        self.memory.phase = "backward"
        self.gradients[loss] = _Tensor(self._new(self.plan.graph.values[loss].nbytes, GRADIENTS_OF_ACTIVATIONS, -1), True)
        for position in range(len(self.plan.steps) - 1, -1, -1):
            self.backward_step(position)

    def backward_step(self, position: int) -> None:
        """Run one node backward, if a gradient has reached it."""
        step = self.plan.steps[position]
        if not step.differentiable:
            return
        node = step.node
        incoming = [self.gradients.pop(value, None) for value in node.outputs]
        self.memory.position = position
        if any(incoming):
            outgoing = self._gradients(position, step, incoming)
        else:
            outgoing = []
        self._forget(position, step)
        for gradient in incoming:
            if gradient is not None:
                self._release(gradient.storage)
        for value, gradient in outgoing:
            self._accumulate(value, gradient)

    def _forget(self, position: int, step: Step) -> None:
        storage, node = self.plan.storage, step.node
        for index in step.kept.inputs:
            self._release(storage[node.inputs[index]])
        for index in step.kept.outputs:
            self._release(storage[node.outputs[index]])
        if extra := self.extras.pop(position, 0):
            self.memory.change(-extra, SAVED, position)

    def _gradients(
        self, position: int, step: Step, incoming: list[_Tensor | None]
    ) -> list[tuple[int, _Tensor]]:
        """The gradients of a node's inputs: aliases of what came in, or new tensors by the device's script."""
        node, op = step.node, step.node.op
        first = next(gradient for gradient in incoming if gradient is not None)
        result: list[tuple[int, _Tensor]] = []
        shared = passes_on(op)
        if shared is not None:
            for index, need in enumerate(step.needs):
                if not need:
                    continue
                value = node.inputs[index]
                if shared == "same" and step.inputs[index].shape != step.outputs[0].shape and isinstance(op, Binary | Expand):
                    result.append((value, self._made(value, step, index, position)))
                elif shared == "copy if sparse" and not first.dense:
                    result.append((value, self._made(value, step, index, position)))
                else:
                    self._retain(first.storage)
                    result.append((value, _Tensor(first.storage, first.dense and shared != "part")))
            return result
        packed = 0
        if not first.dense and needs_packed(op):
            packed = step.outputs[0].nbytes
            self.memory.change(packed, TEMPORARIES, position)
        for event in self.device.backward(step):
            if isinstance(event, Gradient):
                value = node.inputs[event.index]
                result.append((value, self._made(value, step, event.index, position)))
            else:
                assert isinstance(event, int)
                self.memory.change(event, TEMPORARIES, position)
        if packed:
            self.memory.change(-packed, TEMPORARIES, position)
        return result

    def _made(self, value: int, step: Step, index: int, position: int) -> _Tensor:
        parameter = value in self.parameter_values
        kind = GRADIENTS_OF_PARAMETERS if parameter else GRADIENTS_OF_ACTIVATIONS
        return _Tensor(self._new(step.inputs[index].nbytes, kind, position), True)

    def _accumulate(self, value: int, gradient: _Tensor) -> None:
        """Add to the gradient that is waiting for a value, in place where nothing else holds its storage."""
        waiting = self.gradients.get(value)
        if waiting is None:
            self.gradients[value] = gradient
            return
        if waiting.dense and self.references[waiting.storage] == 1:
            self._release(gradient.storage)
            return
        kind = GRADIENTS_OF_PARAMETERS if value in self.parameter_values else GRADIENTS_OF_ACTIVATIONS
        total = self._new(self.plan.graph.values[value].nbytes, kind, self.memory.position)
        self._release(waiting.storage)
        self._release(gradient.storage)
        self.gradients[value] = _Tensor(total, True)


def passes_on(op: Op) -> str | None:
    """How an op's backward hands its incoming gradient on without a new tensor, if it does.

    "same": as it is, summed for a broadcast operand; "part": as a view of a part of it; "copy if sparse": as a view, but
    as a copy where the gradient is itself a part of a larger tensor.
    """
    if isinstance(op, Concat):
        return "part"
    if isinstance(op, View | Permute | Alias):
        return "copy if sparse" if isinstance(op, View) else "same"
    if isinstance(op, Expand):
        return "same"
    if isinstance(op, Binary) and op.function == "add":
        return "same"
    if isinstance(op, Activation) and op.function == "add":
        return "same"
    if isinstance(op, Reduce) and op.function == "sum":
        return "part"
    return None


def needs_packed(op: Op) -> bool:
    """Whether a backward kernel first packs a gradient that is a part of a larger tensor."""
    return op.kind in ("conv", "conv_transpose", "batch_norm", "layer_norm", "group_norm", "linear", "max_pool", "avg_pool")
