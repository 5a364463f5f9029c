"""Does it fit? The largest batch for a memory, and what would let it grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import ConvatlasError
from ..graph import Graph
from .memory import Settings, TrainingMemory, blocks, cheapest_checkpoints, training_memory

# What a CUDA process takes of the device beside torch's tensors. Fitted, as one constant, to timm's published training runs on
# an RTX 3090 of 24 GiB (AMP, SGD with momentum, PyTorch 1.12, CUDA 11.3): what the driver withholds, the context, the kernels
# and workspaces of cuDNN and cuBLAS, and the allocator's fragmentation.
CUDA_OVERHEAD_BYTES = int(2.5 * 2**30)
LARGEST_BATCH = 2**20


class DoesNotFitError(ConvatlasError):
    """A memory is too small for a batch of one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The largest batch that fits, and the step's memory at it.

    Attributes:
        batch: images.
        memory: the simulated step with that batch.
        memory_bytes: what was to be filled.
        overhead_bytes: what the device needs beside the tensors.

    """

    batch: int
    memory: TrainingMemory
    memory_bytes: int
    overhead_bytes: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of settings, and the largest batch that fits with it."""

    change: str
    batch: int


def overhead_bytes(device: str) -> int:
    """Bytes that a device takes beside the tensors: `CUDA_OVERHEAD_BYTES`, or nothing on a CPU."""
    return CUDA_OVERHEAD_BYTES if device == "cuda" else 0


def max_batch(graph_at: Callable[[int], Graph], memory_bytes: int, settings: Settings, overhead: int | None = None) -> Fit:
    """The largest batch whose training step fits into ``memory_bytes``, found by simulating steps.

    Args:
        graph_at: batch -> the network traced in training mode with that batch.
        memory_bytes: of the device.
        settings: how the step is done.
        overhead: bytes taken beside the tensors; by default `overhead_bytes` of the device.

    Raises:
        DoesNotFitError: not even a batch of one fits; says what it needs, and its largest consumer.

    """
    beside = overhead_bytes(settings.device) if overhead is None else overhead
    available = memory_bytes - beside
    tried: dict[int, TrainingMemory] = {}

    def step(batch: int) -> TrainingMemory:
        if batch not in tried:
            tried[batch] = training_memory(graph_at(batch), settings)
        return tried[batch]

    smallest = _least_batch(step)
    first = step(smallest)
    if first.peak_bytes > available:
        kind, largest = max(first.breakdown.items(), key=lambda item: item[1])
        raise DoesNotFitError(
            f"a batch of {smallest} needs at least {_gib(first.peak_bytes + beside)}"
            f"{f' ({_gib(beside)} of it beside the tensors)' if beside else ''}, and {_gib(memory_bytes)} are given; "
            f"the largest consumer is {kind} with {_gib(largest)}"
        )
    # memory grows almost in proportion to the batch: two points tell where to look, and the bracket settles it
    second = step(smallest + 7)
    slope = max((second.peak_bytes - first.peak_bytes) / 7, 1.0)
    guess = min(max(int((available - first.peak_bytes) / slope) + smallest, smallest), LARGEST_BATCH)
    low, high = smallest, LARGEST_BATCH + 1
    probe = guess
    width = 1
    while high - low > 1:
        probe = min(max(probe, low + 1), high - 1)
        if step(probe).peak_bytes <= available:
            low = probe
            probe = low + width
        else:
            high = probe
            probe = high - width
        width *= 2
        if high <= LARGEST_BATCH and high - low <= width:
            width = max((high - low) // 2, 1)
            probe = (low + high) // 2
    return Fit(low, step(low), memory_bytes, beside)


def _least_batch(step: Callable[[int], TrainingMemory]) -> int:
    """The smallest batch that can be trained: batch norm over a single value refuses 1."""
    try:
        step(1)
    except ValueError:
        step(2)
        return 2
    return 1


def suggestions(
    graph_at: Callable[[int], Graph],
    memory_bytes: int,
    settings: Settings,
    smaller: tuple[str, Callable[[int], Graph]] | None = None,
) -> list[Suggestion]:
    """What to change to go further, each with the largest batch that it allows, the most first.

    Args:
        graph_at: batch -> the network traced in training mode with that batch.
        memory_bytes: of the device.
        settings: how the step is done now.
        smaller: what to say of it, and the same network at a lower resolution.

    """
    changes: list[tuple[str, Settings, Callable[[int], Graph]]] = []
    amp = replace(settings, precision="amp")
    if settings.precision == "fp32":
        changes.append(("--precision amp", amp, graph_at))
    if not settings.checkpoint and (names := tuple(blocks(graph_at(_least_of(graph_at, settings))))):
        changes.append(("--checkpoint blocks", replace(settings, checkpoint=names), graph_at))
        if settings.precision == "fp32":
            changes.append(("--precision amp --checkpoint blocks", replace(amp, checkpoint=names), graph_at))
    if settings.optimizer not in ("sgd", "momentum"):
        changes.append(("--optimizer sgd --momentum 0.9", replace(settings, optimizer="momentum"), graph_at))
    if settings.optimizer != "sgd":
        changes.append(("--optimizer sgd --momentum 0", replace(settings, optimizer="sgd"), graph_at))
    if smaller is not None:
        changes.append((smaller[0], settings, smaller[1]))
    found = []
    for change, changed, graphs in changes:
        try:
            found.append(Suggestion(change, max_batch(graphs, memory_bytes, changed).batch))
        except ValueError:  # it does not fit either, or cannot be traced
            continue
    return sorted(found, key=lambda suggestion: suggestion.batch, reverse=True)


def _least_of(graph_at: Callable[[int], Graph], settings: Settings) -> int:
    return _least_batch(lambda batch: training_memory(graph_at(batch), settings))


def auto_checkpoints(graph: Graph, settings: Settings, memory_bytes: int, overhead: int | None = None) -> tuple[str, ...]:
    """The blocks to checkpoint so that a step fits into a memory with the fewest MACs computed again.

    Args:
        graph: the network, traced in training mode with its batch.
        settings: how the step is done; its own ``checkpoint`` is not looked at.
        memory_bytes: of the device.
        overhead: bytes taken beside the tensors; by default `overhead_bytes` of the device.

    Raises:
        DoesNotFitError: not even with every block checkpointed does it fit; says what it needs then.

    """
    beside = overhead_bytes(settings.device) if overhead is None else overhead
    known: dict[tuple[str, ...], int] = {}

    def peak(modules: tuple[str, ...]) -> int:
        if modules not in known:
            known[modules] = training_memory(graph, replace(settings, checkpoint=modules)).peak_bytes
        return known[modules]

    found = cheapest_checkpoints(
        graph, lambda modules: peak(modules) + beside <= memory_bytes, lambda name: max(peak(()) - peak((name,)), 0)
    )
    if found is None:
        least = min(peak(()), peak(tuple(blocks(graph)))) + beside
        raise DoesNotFitError(
            f"with all blocks checkpointed a batch of {graph.values[graph.inputs[0]].shape[0]} still needs {_gib(least)}, "
            f"and {_gib(memory_bytes)} are given; make the batch smaller"
        )
    return found


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:,.2f} GiB" if num_bytes >= 2**30 else f"{num_bytes / 2**20:,.1f} MiB"
