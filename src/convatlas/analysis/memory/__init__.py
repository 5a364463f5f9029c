"""Memory of a training step from the graph alone: peak, breakdown, timeline."""

from .checkpointing import blocks, cheapest_checkpoints
from .report import LayerMemory, Moment, TrainingMemory
from .settings import OPTIMIZERS, PRECISIONS, Settings
from .simulate import inference_memory, training_memory

__all__ = [
    "OPTIMIZERS",
    "PRECISIONS",
    "LayerMemory",
    "Moment",
    "Settings",
    "TrainingMemory",
    "blocks",
    "cheapest_checkpoints",
    "inference_memory",
    "training_memory",
]
