"""Simulation of one training step: every allocation and release, in the order in which they happen."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ...graph.ops import Binary, Concat, Expand, Reduce, Stack, View
from ...graph.ops.base import NOTHING
from ...graph.strides import Strides, dense_like
from .changes import ACTIVATIONS, GRADIENTS_OF_ACTIVATIONS, GRADIENTS_OF_PARAMETERS, SAVED, TEMPORARIES, Memory
from .layouts import can_view, packs_first, passes_on, seen_as, strides_made, strides_passed_on
from .plan import Plan, Step
from .script import OUTPUT, PASSED, Gradient, Script


class Device(Protocol):
    """What the simulation asks of a device."""

    name: str

    def forward(self, step: Step) -> Script:
        """Events of an op's forward pass."""

    def backward(self, step: Step) -> Script:
        """Events of an op's backward pass."""


class _Tensor(NamedTuple):
    """A gradient in flight: its storage, whether it fills it densely, and its strides there (None: contiguous)."""

    storage: int
    dense: bool
    strides: Strides = None


class Simulation:
    """The forward and backward pass of a plan on a device."""

    def __init__(self, plan: Plan, device: Device, memory: Memory, *, accumulating: bool = False) -> None:
        self.accumulating = accumulating
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
        self.regions: dict[int, list[int]] = {}  # checkpointed region -> positions of its nodes
        for position, step in enumerate(plan.steps):
            if step.node.region:
                self.regions.setdefault(step.node.region, []).append(position)
        self.waiting = set(self.regions)  # regions that are still to be computed again

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
        """Run every node once; a checkpointed region keeps its inputs only."""
        storage = self.plan.storage
        for region in self.regions:
            for value in self._inputs_of(region):
                self.kind[storage[value]] = SAVED
        for position, step in enumerate(self.plan.steps):
            region = step.node.region
            if region and position == self.regions[region][0]:
                for value in self._inputs_of(region):
                    self._retain(storage[value])
            if region:
                for value in step.node.outputs:
                    if not step.is_view and not self._is_input(storage[value]):
                        self.kind[storage[value]] = ACTIVATIONS
            self._run(position, step)
            if step.differentiable and not region:
                self._keep(position, step)
            for value in self.plan.dying[position + 1]:
                self._release(storage[value])

    def _inputs_of(self, region: int) -> list[int]:
        """Values that a region reads and does not make."""
        positions = self.regions[region]
        steps = self.plan.steps
        made = {value for position in positions for value in steps[position].node.outputs}
        read = {value for position in positions for value in steps[position].node.inputs}
        return sorted(value for value in read - made if self.plan.storage[value] not in self.plan.persistent)

    def _is_input(self, storage: int) -> bool:
        return any(self.plan.storage[v] == storage for region in self.regions for v in self._inputs_of(region))

    def _run(self, position: int, step: Step) -> None:
        """Run one node: the events of its script, and a reference by the code to each output."""
        plan, memory = self.plan, self.memory
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

    def _compute_again(self, region: int) -> None:
        """Run a checkpointed region forward once more, as far as something is kept, and keep it."""
        plan = self.plan
        self.waiting.discard(region)
        positions = self.regions[region]
        keeping = [p for p in positions if plan.steps[p].differentiable and plan.steps[p].kept != NOTHING]
        held: list[int] = []
        for position in positions[: positions.index(keeping[-1]) + 1] if keeping else []:
            step = plan.steps[position]
            for value in step.node.outputs:
                if not step.is_view and plan.saved[plan.storage[value]]:
                    self.kind[plan.storage[value]] = SAVED
            self._run(position, step)
            held.extend(step.node.outputs)
            if step.differentiable:
                self._keep(position, step)
            for value in plan.dying[position + 1]:
                if value in held:
                    held.remove(value)
                    self._release(plan.storage[value])
        for value in held:
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
        self.gradients[loss] = _Tensor(self._new(self.plan.graph.values[loss].nbytes, GRADIENTS_OF_ACTIVATIONS, -1), True)
        for position in range(len(self.plan.steps) - 1, -1, -1):
            self.backward_step(position)
            region = self.plan.steps[position].node.region
            if region and position == self.regions[region][0]:
                for value in self._inputs_of(region):
                    self._release(self.plan.storage[value])

    def end(self) -> None:
        """Let go of the gradients and of the network's outputs."""
        self.memory.position = -1
        for gradient in self.gradients.values():
            self._release(gradient.storage)
        self.gradients.clear()
        for value in self.plan.graph.outputs:
            self._release(self.plan.storage[value])

    def backward_step(self, position: int) -> None:
        """Run one node backward, if a gradient has reached it."""
        step = self.plan.steps[position]
        if not step.differentiable:
            return
        node = step.node
        incoming = [self.gradients.pop(value, None) for value in node.outputs]
        reached = any(gradient is not None for gradient in incoming)
        if step.node.region in self.waiting:
            if not reached and step.kept == NOTHING:
                return
            self._compute_again(step.node.region)
        self.memory.position = position
        outgoing = self._gradients(position, step, incoming) if reached else []
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

    def _gradients(self, position: int, step: Step, incoming: list[_Tensor | None]) -> list[tuple[int, _Tensor]]:
        """The gradients of a node's inputs: aliases of what came in, or new tensors by the device's script."""
        node, op = step.node, step.node.op
        first = next(gradient for gradient in incoming if gradient is not None)
        result: list[tuple[int, _Tensor]] = []
        shape = step.outputs[0].shape
        if passes_on(op):
            for index, need in enumerate(step.needs):
                if not need:
                    continue
                value, wanted = node.inputs[index], step.inputs[index].shape
                broadcast = wanted != shape and isinstance(op, Binary | Expand)
                if broadcast or (isinstance(op, View) and not can_view(shape, first.strides, wanted)):
                    result.append((value, self._made(value, step, index, position)))
                else:
                    self._retain(first.storage)
                    dense = first.dense and not isinstance(op, Concat | Stack | Reduce)
                    result.append((value, _Tensor(first.storage, dense, strides_passed_on(op, shape, first.strides, wanted))))
            return result
        if first.strides and not can_view(shape, first.strides, seen_as(op, shape)):
            copied = _Tensor(self._new(step.outputs[0].nbytes, GRADIENTS_OF_ACTIVATIONS, position), True)
            self._release(first.storage)
            incoming[incoming.index(first)] = first = copied
        packed = 0
        if not step.in_parts and packs_first(op, step.layout, shape, first.strides, first.dense):
            # average pooling makes its result as its gradient lies, and then copies that one
            packed = step.inputs[0].nbytes if op.kind == "avg_pool" and first.dense else step.outputs[0].nbytes
            self.memory.change(packed, TEMPORARIES, position)
        for event in self.device.backward(step):
            if isinstance(event, Gradient):
                value = node.inputs[event.index]
                strides: Strides = None
                if (event.index == 0 or op.kind == "attention") and not step.in_parts:
                    strides = strides_made(op, step.layout, shape, first.strides, step.inputs[event.index].shape)
                result.append((value, self._made(value, step, event.index, position, event.num_bytes, strides)))
            elif event == PASSED:
                self._retain(first.storage)
                result.append((node.inputs[0], first))
            else:
                assert isinstance(event, int)
                self.memory.change(event, TEMPORARIES, position)
        if packed:
            self.memory.change(-packed, TEMPORARIES, position)
        return result

    def _made(self, value: int, step: Step, index: int, position: int, num_bytes: int = 0, strides: Strides = None) -> _Tensor:
        parameter = value in self.parameter_values
        kind = GRADIENTS_OF_PARAMETERS if parameter else GRADIENTS_OF_ACTIVATIONS
        return _Tensor(self._new(num_bytes or step.inputs[index].nbytes, kind, position), True, strides)

    def _accumulate(self, value: int, gradient: _Tensor) -> None:
        """Add to the gradient that is waiting for a value, in place where nothing else holds its storage."""
        waiting = self.gradients.get(value)
        if self.accumulating and value in self.parameter_values:
            self._release(gradient.storage)  # added to what earlier micro-batches have left
            return
        if waiting is None:
            self.gradients[value] = gradient
            return
        if waiting.dense and self.references[waiting.storage] == 1:
            self._release(gradient.storage)
            return
        kind = GRADIENTS_OF_PARAMETERS if value in self.parameter_values else GRADIENTS_OF_ACTIVATIONS
        spec = self.plan.graph.values[value]
        total = self._new(spec.nbytes, kind, self.memory.position)
        self._release(waiting.storage)
        self._release(gradient.storage)
        self.gradients[value] = _Tensor(total, True, dense_like(spec.shape, waiting.strides))
