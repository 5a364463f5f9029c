"""A walk over a training step on a device: every allocation and release, in the order in which they happen."""

from __future__ import annotations

from typing import Protocol

from ...devices.call import Call, call_of
from ...devices.script import OUTPUT, Made, Script
from ...graph.ops import Gradient
from ...graph.training import BACKWARD, LOSS, RECOMPUTE, StepNode, TrainingGraph
from .changes import ACTIVATIONS, GRADIENTS_OF_ACTIVATIONS, GRADIENTS_OF_PARAMETERS, SAVED, TEMPORARIES, Memory

_PHASES = {LOSS: "forward", RECOMPUTE: "backward"}  # what a timeline calls them


class Device(Protocol):
    """What the walk asks of a device."""

    def script(self, call: Call) -> Script:
        """What happens in memory while a call runs."""


def walk(step: TrainingGraph, device: Device, memory: Memory) -> list[tuple[int, str, int]]:
    """Write a step's allocations and releases into an account; what is left at its end, as the releases that it will take."""
    nodes, storage = step.nodes, step.storage
    dying: list[list[int]] = [[] for _ in range(len(nodes) + 1)]
    for place, position in step.released.items():
        dying[position].append(place)
    kinds = _kinds(step)
    sizes = list(step.storage_bytes)
    owners = [-1] * len(sizes)
    alive = set(step.resident)
    for position, node in enumerate(nodes):
        memory.phase, memory.position = _PHASES.get(node.phase, node.phase), node.origin
        fresh = []
        for value in node.outputs:
            place = storage[value]
            if place not in alive:
                alive.add(place)
                owners[place] = node.origin
                fresh.append(place)
        if fresh:
            _run(step, node, fresh, kinds, sizes, device, memory)
        for place in dying[position + 1]:
            if place in alive:
                memory.change(-sizes[place], kinds[place], owners[place])
                alive.discard(place)
    return [(-sizes[place], kinds[place], owners[place]) for place in sorted(alive - step.resident)]


def _run(
    step: TrainingGraph, node: StepNode, fresh: list[int], kinds: list[str], sizes: list[int], device: Device, memory: Memory
) -> None:
    """One call: its tensors, and what its kernel takes beside them."""
    values, strides = step.values, step.strides
    call = call_of(
        node.op,
        [values[value] for value in node.inputs],
        [values[value] for value in node.outputs],
        [strides[value] for value in node.inputs],
    )
    waiting = list(fresh)

    def make(place: int) -> None:
        if place in waiting:
            waiting.remove(place)
            memory.change(sizes[place], kinds[place], node.origin)

    for event in device.script(call):
        if event is OUTPUT:
            for place in fresh:
                make(place)
        elif isinstance(event, Made):
            assert isinstance(node.op, Gradient)
            place = step.storage[node.outputs[sum(node.op.wanted[: event.index])]]
            sizes[place] = event.num_bytes or sizes[place]
            make(place)
        else:
            assert isinstance(event, int)
            memory.change(event, TEMPORARIES, node.origin)
    for place in list(waiting):
        make(place)


def _kinds(step: TrainingGraph) -> list[str]:
    """What each storage holds, in the words of a breakdown."""
    kinds = [ACTIVATIONS] * len(step.storage_bytes)
    seen = set(step.resident)
    for position, node in enumerate(step.nodes):
        for value in node.outputs:
            place = step.storage[value]
            if place in seen:
                continue
            seen.add(place)
            if place in step.saved:
                kinds[place] = SAVED
            elif (last := step.released.get(place)) is not None and node.origin >= 0 and _within(step, node, position, last):
                kinds[place] = TEMPORARIES
            elif node.phase == BACKWARD:
                kinds[place] = GRADIENTS_OF_ACTIVATIONS
    for value in step.gradients.values():
        kinds[step.storage[value]] = GRADIENTS_OF_PARAMETERS
    return kinds


def _within(step: TrainingGraph, node: StepNode, position: int, last: int) -> bool:
    """Whether a storage that a node makes is let go of while the same call of the network runs."""
    return position + 1 < last and all(each.origin == node.origin for each in step.nodes[position:last])
