"""convatlas: know a convolutional network before you train it.

Importing the package imports no torch; the functions that need it import it when they are called.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "bench": "api",
    "calibrate": "api",
    "Calibration": "api.calibrate",
    "optimize": "api",
    "Measured": "runtime.bench",
    "Optimized": "runtime.optimize",
    "create": "api",
    "trace": "api",
    "cost": "api",
    "export": "api",
    "fit": "api",
    "latency": "api",
    "max_batch": "api",
    "receptive_field": "api",
    "report": "api",
    "training_memory": "api",
    "list_models": "catalogue",
    "pick": "design",
    "scale": "design.scale",
    "solve": "design.solve",
    "Solution": "design.solve",
    "Candidate": "design",
    "train": "api",
    "Run": "train",
    "search": "search",
    "study": "studies",
    "Study": "studies",
    "Cost": "analysis.cost",
    "Latency": "analysis.latency",
    "DoesNotFitError": "analysis.fit",
    "ReceptiveFields": "analysis.receptive_field",
    "TrainingMemory": "analysis.memory",
    "Graph": "graph",
    "TensorSpec": "graph",
    "Verdict": "analysis.verdict",
    "ConvatlasError": "errors",
    "Inputs": "inputs",
    "OpCost": "graph.ops.custom",
    "register_op": "trace.register",
}
__all__ = [
    "Calibration",
    "Candidate",
    "ConvatlasError",
    "Cost",
    "DoesNotFitError",
    "Graph",
    "Inputs",
    "Latency",
    "Measured",
    "OpCost",
    "Optimized",
    "ReceptiveFields",
    "Run",
    "Solution",
    "Study",
    "TensorSpec",
    "TrainingMemory",
    "Verdict",
    "bench",
    "calibrate",
    "cost",
    "create",
    "export",
    "fit",
    "latency",
    "list_models",
    "max_batch",
    "optimize",
    "pick",
    "receptive_field",
    "register_op",
    "report",
    "scale",
    "search",
    "solve",
    "study",
    "trace",
    "train",
    "training_memory",
]

if TYPE_CHECKING:
    from .analysis.cost import Cost
    from .analysis.fit import DoesNotFitError
    from .analysis.latency import Latency
    from .analysis.memory import TrainingMemory
    from .analysis.receptive_field import ReceptiveFields
    from .analysis.verdict import Verdict
    from .api import (
        bench,
        calibrate,
        cost,
        create,
        export,
        fit,
        latency,
        max_batch,
        optimize,
        receptive_field,
        report,
        trace,
        train,
        training_memory,
    )
    from .api.calibrate import Calibration
    from .catalogue import list_models
    from .design import Candidate, pick
    from .design.scale import scale
    from .design.solve import Solution, solve
    from .errors import ConvatlasError
    from .graph import Graph, TensorSpec
    from .graph.ops.custom import OpCost
    from .inputs import Inputs
    from .runtime.bench import Measured
    from .runtime.optimize import Optimized
    from .search import search
    from .studies import Study, study
    from .trace.register import register_op
    from .train import Run


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convatlas' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)


class _Package(ModuleType):
    """Keeps `convatlas.trace` the public function: importing the room of the same name would put the room there."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
