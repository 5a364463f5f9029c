"""Memory of a training step from the graph alone: peak, breakdown, timeline."""

from .checkpointing import blocks, cheapest_checkpoints
from .report import LayerMemory, Moment, TrainingMemory
from .settings import IMPLEMENTATIONS, OPTIMIZERS, PRECISIONS, THREADS, TRAINING_BATCH, Settings
from .simulate import inference_memory, training_memory
from .words import step_in_words

__all__ = [
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
    "inference_memory",
    "step_in_words",
    "training_memory",
]
