"""A whole training step, or an inference, on a device: the phases one after another."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ...graph import Graph
from ...names import unknown_name
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
from .cpu import Cpu
from .cuda import Cuda, reserved_bytes
from .plan import plan, trained, with_loss
from .precision import converted
from .report import TrainingMemory, summarise
from .settings import OPTIMIZERS, Settings
from .step import Simulation


def _device(settings: Settings) -> Cpu | Cuda:
    return Cuda() if settings.device == "cuda" else Cpu(settings.threads)


def _frozen(graph: Graph, names: tuple[str, ...]) -> Graph:
    """The graph with the parameters of some modules frozen, as for fine-tuning.

    Raises:
        ConvatlasError: a name matches no parameter; the nearest modules are given.

    """
    if not names:
        return graph
    for name in names:
        if not any(_within(parameter.name, name) for parameter in graph.parameters):
            raise unknown_name("module to freeze", name, [path for path in graph.modules if path])
    trainable = [p.trainable and not any(_within(p.name, name) for name in names) for p in graph.parameters]
    return replace(graph, parameters=replace(graph.parameters, trainable=trainable))


def _within(parameter: str, module: str) -> bool:
    return module == "*" or parameter == module or parameter.startswith(f"{module}.")


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
    source = _frozen(graph, settings.frozen)
    source = with_regions(source, settings.checkpoint) if settings.checkpoint else source
    whole = with_loss(converted(source, settings.precision, settings.device))
    prepared = plan(whole, settings.channels_last, device=settings.device)
    values = whole.values
    memory = Memory(phase="start")
    parameters = sum([values[number].nbytes for number in whole.parameters.values])
    buffers = sum([values[number].nbytes for number in whole.buffers.values])
    trainable = [values[number].nbytes for number in trained(prepared)]
    optimizer = OPTIMIZERS[settings.optimizer]
    memory.change(parameters, PARAMETERS, -1)
    memory.change(buffers, BUFFERS, -1)
    memory.change(sum([values[value].nbytes for value in (*whole.inputs, *whole.constants)]), INPUT, -1)
    memory.change(sum(trainable) * optimizer.state + 4 * optimizer.scalars * len(trainable), OPTIMIZER_STATE, -1)
    memory.change(parameters + buffers if settings.ema else 0, EMA, -1)
    memory.change(sum(trainable) if settings.ddp else 0, DDP_BUCKETS, -1)
    accumulating = settings.accumulate > 1
    memory.change(sum(trainable) if accumulating else 0, GRADIENTS_OF_PARAMETERS, -1)

    simulation = Simulation(prepared, _device(settings), memory, accumulating=accumulating)
    memory.phase = "forward"
    simulation.forward()
    memory.phase = "backward"
    simulation.backward(whole.outputs[-1])
    memory.phase, memory.position = "optimizer", -1
    implementation = settings.implementation or ("single" if settings.device == "cpu" else "foreach")
    temporaries = optimizer.peak_temporaries(trainable, implementation)
    memory.change(temporaries, TEMPORARIES, -1)
    memory.change(-temporaries, TEMPORARIES, -1)
    memory.phase = "end"
    simulation.end()
    result = summarise(whole, memory.changes, _uncounted(whole), settings)
    if settings.device == "cuda":
        result.reserved_bytes = reserved_bytes(memory.changes)
    return result


def inference_memory(graph: Graph, settings: Settings) -> TrainingMemory:
    """Simulate one forward pass under ``torch.no_grad``."""
    whole = converted(graph, settings.precision, settings.device)
    prepared = plan(whole, settings.channels_last, inference=True, device=settings.device)
    values = whole.values
    memory = Memory(phase="start")
    memory.change(sum([values[number].nbytes for number in whole.parameters.values]), PARAMETERS, -1)
    memory.change(sum([values[number].nbytes for number in whole.buffers.values]), BUFFERS, -1)
    memory.change(sum([values[value].nbytes for value in (*whole.inputs, *whole.constants)]), INPUT, -1)
    simulation = Simulation(prepared, _device(settings), memory)
    memory.phase = "forward"
    simulation.forward()
    memory.phase, memory.position = "end", -1
    simulation.end()
    result = summarise(whole, memory.changes, _uncounted(whole), settings)
    if settings.device == "cuda":
        result.reserved_bytes = reserved_bytes(memory.changes)
    return result


def _uncounted(graph: Graph) -> dict[str, int]:
    return dict(Counter(node.op.name for node in graph.nodes if not node.op.counted))
