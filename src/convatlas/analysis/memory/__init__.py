"""Memory of a training step from the graph alone: peak, breakdown, timeline."""

from __future__ import annotations

from collections import Counter

from ...graph import Graph
from .cpu import Cpu
from .cuda import Cuda
from .plan import plan, with_loss
from .precision import converted
from .report import TrainingMemory, summarise
from .settings import OPTIMIZERS, Settings
from .step import (
    BUFFERS,
    INPUT,
    OPTIMIZER_STATE,
    PARAMETERS,
    TEMPORARIES,
    Memory,
    Simulation,
)

__all__ = ["Settings", "TrainingMemory", "training_memory"]


def training_memory(graph: Graph, settings: Settings) -> TrainingMemory:
    """Simulate one training step in the steady state: the optimizer's state exists, gradients do not yet."""
    whole = with_loss(converted(graph, settings.precision, settings.device))
    prepared = plan(whole, settings.channels_last)
    memory = Memory(phase="start")
    values = whole.values
    trainable = [p for p in whole.parameters if p.trainable]
    memory.change(sum(values[p.value].nbytes for p in whole.parameters), PARAMETERS, -1)
    memory.change(sum(values[p.value].nbytes for p in whole.buffers), BUFFERS, -1)
    memory.change(sum(values[value].nbytes for value in (*whole.inputs, *whole.constants)), INPUT, -1)
    optimizer = OPTIMIZERS[settings.optimizer]
    state = sum(optimizer.state * values[p.value].nbytes + 4 * optimizer.scalars for p in trainable)
    memory.change(state, OPTIMIZER_STATE, -1)
    simulation = Simulation(prepared, Cpu() if settings.device == "cpu" else Cuda(), memory)
    memory.phase = "forward"
    simulation.forward()
    simulation.backward(whole.outputs[-1])
    memory.phase, memory.position = "optimizer", -1
    implementation = settings.implementation or ("single" if settings.device == "cpu" else "foreach")
    temporaries = optimizer.peak_temporaries([values[p.value].nbytes for p in trainable], implementation)
    memory.change(temporaries, TEMPORARIES, -1)
    memory.change(-temporaries, TEMPORARIES, -1)
    memory.phase = "end"
    for value, gradient in simulation.gradients.items():
        simulation._release(gradient.storage)
    for value in whole.outputs:
        simulation._release(prepared.storage[value])
    uncounted = dict(Counter(node.op.name for node in whole.nodes if not node.op.counted))
    return summarise(whole, memory.changes, uncounted)
