"""Does it fit? The largest batch for a memory, and what would let it grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..graph import Graph
from .memory import Settings, TrainingMemory, blocks, training_memory

# What a CUDA process takes of the device beside torch's tensors. Fitted, as one constant, to timm's published training runs on
# an RTX 3090 of 24 GiB (AMP, SGD with momentum, PyTorch 1.12, CUDA 11.3): what the driver withholds, the context, the kernels
# and workspaces of cuDNN and cuBLAS, and the allocator's fragmentation.
CUDA_OVERHEAD_BYTES = int(2.5 * 2**30)
LARGEST_BATCH = 2**20


class DoesNotFitError(ValueError):
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


def suggestions(graph_at: Callable[[int], Graph], memory_bytes: int, settings: Settings) -> list[Suggestion]:
    """What to change to go further, each with the largest batch that it allows, the most first."""
    changes: list[tuple[str, Settings]] = []
    if settings.precision == "fp32":
        changes.append(("--precision amp", replace(settings, precision="amp")))
    if not settings.checkpoint and (names := blocks(graph_at(2))):
        changes.append(("--checkpoint blocks", replace(settings, checkpoint=tuple(names))))
        if settings.precision == "fp32":
            changes.append(
                ("--precision amp --checkpoint blocks", replace(settings, precision="amp", checkpoint=tuple(names)))
            )
    if settings.optimizer not in ("sgd", "momentum"):
        changes.append(("--optimizer momentum", replace(settings, optimizer="momentum")))
    if settings.optimizer != "sgd":
        changes.append(("--optimizer sgd", replace(settings, optimizer="sgd")))
    found = []
    for change, changed in changes:
        try:
            found.append(Suggestion(change, max_batch(graph_at, memory_bytes, changed).batch))
        except DoesNotFitError:
            continue
    return sorted(found, key=lambda suggestion: suggestion.batch, reverse=True)


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:,.2f} GiB" if num_bytes >= 2**30 else f"{num_bytes / 2**20:,.1f} MiB"
