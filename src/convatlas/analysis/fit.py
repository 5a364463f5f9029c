"""The largest batch for a memory, and the fewest checkpoints that make a batch fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import ConvatlasError
from ..graph import Graph
from ..sizes import gibi
from .memory import Settings, TrainingMemory, blocks, cheapest_checkpoints, training_memory

LARGEST_BATCH = 2**20


class DoesNotFitError(ConvatlasError):
    """A memory is too small for a batch of one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The largest batch that fits, and the step's memory at it.

    Attributes:
        batch: images.
        memory: the simulated step with that batch.

    """

    batch: int
    memory: TrainingMemory


def max_batch(graph_at: Callable[[int], Graph], memory_bytes: int, settings: Settings) -> Fit:
    """The largest batch whose training step fits into ``memory_bytes``, found by simulating steps.

    Args:
        graph_at: batch -> the network traced in training mode with that batch.
        memory_bytes: of the device.
        settings: how the step is done.

    Raises:
        DoesNotFitError: not even a batch of one fits; says what it needs, and its largest consumer.

    """
    tried: dict[int, TrainingMemory] = {}

    def step(batch: int) -> TrainingMemory:
        if batch not in tried:
            tried[batch] = training_memory(graph_at(batch), settings)
        return tried[batch]

    smallest = _least_batch(step)
    first = step(smallest)
    if first.needed_bytes > memory_bytes:
        kind, largest = max(first.breakdown.items(), key=lambda item: item[1])
        raise DoesNotFitError(
            f"a batch of {smallest} needs at least {gibi(first.needed_bytes)} ({gibi(first.overhead_bytes)} of it beside the "
            f"tensors), and {gibi(memory_bytes)} are given; the largest consumer is {kind} with {gibi(largest)}"
        )
    # memory grows almost in proportion to the batch: two points tell where to look, and the bracket settles it
    second = step(smallest + 7)
    slope = max((second.peak_bytes - first.peak_bytes) / 7, 1.0)
    guess = min(max(int((memory_bytes - first.needed_bytes) / slope) + smallest, smallest), LARGEST_BATCH)
    low, high = smallest, LARGEST_BATCH + 1
    probe = guess
    width = 1
    while high - low > 1:
        probe = min(max(probe, low + 1), high - 1)
        if step(probe).needed_bytes <= memory_bytes:
            low = probe
            probe = low + width
        else:
            high = probe
            probe = high - width
        width *= 2
        if high <= LARGEST_BATCH and high - low <= width:
            width = max((high - low) // 2, 1)
            probe = (low + high) // 2
    return Fit(low, step(low))


def _least_batch(step: Callable[[int], TrainingMemory]) -> int:
    """The smallest batch that can be trained: batch norm over a single value refuses 1."""
    try:
        step(1)
    except ValueError:
        step(2)
        return 2
    return 1


def auto_checkpoints(graph: Graph, settings: Settings, memory_bytes: int) -> tuple[str, ...]:
    """The blocks to checkpoint so that a step fits into a memory with the fewest MACs computed again.

    Args:
        graph: the network, traced in training mode with its batch.
        settings: how the step is done; its own ``checkpoint`` is not looked at.
        memory_bytes: of the device.

    Raises:
        DoesNotFitError: not even with every block checkpointed does it fit; says what it needs then.

    """
    known: dict[tuple[str, ...], int] = {}

    def needed(modules: tuple[str, ...]) -> int:
        if modules not in known:
            known[modules] = training_memory(graph, replace(settings, checkpoint=modules)).needed_bytes
        return known[modules]

    found = cheapest_checkpoints(
        graph, lambda modules: needed(modules) <= memory_bytes, lambda name: max(needed(()) - needed((name,)), 0)
    )
    if found is None:
        least = min(needed(()), needed(tuple(blocks(graph))))
        raise DoesNotFitError(
            f"with all blocks checkpointed a batch of {graph.values[graph.inputs[0]].shape[0]} still needs {gibi(least)}, "
            f"and {gibi(memory_bytes)} are given; make the batch smaller"
        )
    return found
