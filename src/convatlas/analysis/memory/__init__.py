"""Memory of a training step from the graph alone: peak, breakdown, timeline."""

from .checkpointing import blocks, cheapest_checkpoints
from .overhead import overhead_bytes
from .report import LayerMemory, Moment, TrainingMemory
from .settings import DEVICES, IMPLEMENTATIONS, OPTIMIZERS, PRECISIONS, THREADS, TRAINING_BATCH, Settings
from .simulate import inference_memory, training_memory
from .words import device_in_words, step_in_words

__all__ = [
    "DEVICES",
    "IMPLEMENTATIONS",
    "OPTIMIZERS",
    "PRECISIONS",
    "THREADS",
    "TRAINING_BATCH",
    "LayerMemory",
    "Moment",
    "Settings",
    "TrainingMemory",
    "blocks",
    "cheapest_checkpoints",
    "device_in_words",
    "inference_memory",
    "overhead_bytes",
    "step_in_words",
    "training_memory",
]
