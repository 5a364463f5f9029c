"""The public functions. Importing them imports no torch."""

from .calibrate import calibrate, expected_here
from .classifier import classifier
from .counting import cost, create, receptive_field, trace
from .export import export
from .latency import latency
from .report import report
from .run import train
from .running import bench, optimize
from .training import fit, graphs_by_batch, max_batch, memory_settings, training_memory

__all__ = [
    "bench",
    "calibrate",
    "classifier",
    "cost",
    "create",
    "expected_here",
    "export",
    "fit",
    "graphs_by_batch",
    "latency",
    "max_batch",
    "memory_settings",
    "optimize",
    "receptive_field",
    "report",
    "trace",
    "train",
    "training_memory",
]
