"""Time of a network on a device, from the graph alone: by kernel, by layer, with an interval and what binds it."""

from .kernels import launches, observe, observe_kernels, prepared
from .ranking import Inversion, KindShare, Ranking, inversions, ranking, shares
from .report import KernelTime, Latency, LayerTime
from .simulate import kernels_seconds, latency, other_conditions, parts, total_seconds, unfamiliar

__all__ = [
    "Inversion",
    "KernelTime",
    "KindShare",
    "Latency",
    "LayerTime",
    "Ranking",
    "inversions",
    "kernels_seconds",
    "latency",
    "launches",
    "observe",
    "observe_kernels",
    "other_conditions",
    "parts",
    "prepared",
    "ranking",
    "shares",
    "total_seconds",
    "unfamiliar",
]
