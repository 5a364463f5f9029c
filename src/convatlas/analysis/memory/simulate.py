"""A whole training step, or an inference, on a device: the phases one after another."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ...graph import Graph
from ...graph.training import TrainingGraph
from ...graph.transforms import as_real, frozen, with_loss
from ..on_device import step_on
from .changes import (
    BUFFERS,
    DDP_BUCKETS,
    EMA,
    GRADIENTS_OF_PARAMETERS,
    INPUT,
    OPTIMIZER_STATE,
    PARAMETERS,
    TEMPORARIES,
    Memory,
)
from .checkpointing import with_regions
from .precision import converted
from .report import TrainingMemory, summarise
from .settings import OPTIMIZERS, Settings
from .walk import walk


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection inside: with torch loaded, passing over all objects takes as long as a simulation."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def training_memory(graph: Graph, settings: Settings) -> TrainingMemory:
    """Simulate one training step in the steady state: the optimizer's state exists already, gradients do not.

    Order: forward, loss, backward as autograd's engine runs it, optimizer step, ``zero_grad(set_to_none=True)``.

    Raises:
        ConvatlasError: a setting names a module that does not exist, or the network has nothing to train on.

    """
    with _uncollected():
        return _training_memory(graph, settings)


def _training_memory(graph: Graph, settings: Settings) -> TrainingMemory:
    source = frozen(graph, settings.frozen)
    source = with_regions(source, settings.checkpoint) if settings.checkpoint else source
    device = settings.runs_on
    whole = with_loss(converted(source, settings.precision, device))
    step = _recorded(graph, settings)
    if step is None:
        step = step_on(whole, device, channels_last=settings.channels_last, accumulating=settings.accumulate > 1)
    values = whole.values
    memory = Memory(phase="start")
    parameters, buffers = _resident(whole, memory)
    trainable = [values[number].nbytes for number in step.gradients]
    optimizer = OPTIMIZERS[settings.optimizer]
    memory.change(sum(trainable) * optimizer.state + 4 * optimizer.scalars * len(trainable), OPTIMIZER_STATE, -1)
    memory.change(parameters + buffers if settings.ema else 0, EMA, -1)
    memory.change(sum(trainable) if settings.ddp else 0, DDP_BUCKETS, -1)
    memory.change(sum(trainable) if settings.accumulate > 1 else 0, GRADIENTS_OF_PARAMETERS, -1)
    left = walk(step, device, memory)
    memory.phase, memory.position = "optimizer", -1
    implementation = settings.implementation or device.optimizer_implementation
    temporaries = optimizer.peak_temporaries(trainable, implementation)
    memory.change(temporaries, TEMPORARIES, -1)
    memory.change(-temporaries, TEMPORARIES, -1)
    return _summarised(whole, memory, left, settings)


def _recorded(graph: Graph, settings: Settings) -> TrainingGraph | None:
    """The step that was recorded with a graph, where it is asked for as it ran."""
    changed = settings.frozen or settings.checkpoint or settings.channels_last or settings.accumulate > 1
    if graph.step is None or changed or settings.precision != "fp32" or not settings.runs_on.records_steps:
        return None
    return as_real(graph.step)


def inference_memory(graph: Graph, settings: Settings) -> TrainingMemory:
    """Simulate one forward pass under ``torch.no_grad``."""
    device = settings.runs_on
    whole = converted(graph, settings.precision, device)
    memory = Memory(phase="start")
    _resident(whole, memory)
    left = walk(step_on(whole, device, channels_last=settings.channels_last, backward=False), device, memory)
    return _summarised(whole, memory, left, settings)


def _resident(graph: Graph, memory: Memory) -> tuple[int, int]:
    """Allocate what is there before the step; bytes of the parameters and of the buffers."""
    values = graph.values
    parameters = sum([values[number].nbytes for number in graph.parameters.values])
    buffers = sum([values[number].nbytes for number in graph.buffers.values])
    memory.change(parameters, PARAMETERS, -1)
    memory.change(buffers, BUFFERS, -1)
    memory.change(sum([values[value].nbytes for value in (*graph.inputs, *graph.constants)]), INPUT, -1)
    return parameters, buffers


def _summarised(graph: Graph, memory: Memory, left: list[tuple[int, str, int]], settings: Settings) -> TrainingMemory:
    """What the account says, after what is left was let go of."""
    memory.phase, memory.position = "end", -1
    for change in left:
        memory.change(*change)
    uncounted = dict(Counter(node.op.name for node in graph.nodes if not node.op.counted))
    result = summarise(graph, memory.changes, uncounted, settings)
    requests = ((change.num_bytes, (change.kind, change.owner)) for change in memory.changes)
    result.reserved_bytes = settings.runs_on.reserved_bytes(requests)
    return result
