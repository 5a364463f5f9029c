"""What choosing asks of a network: its costs at one image size, by device, precision and batch. Making them needs a traced network.

Latency is that of `latency` (contiguous tensors, eager, the newest profile), memory the peak of a step of SGD with momentum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..analysis.cost import cost
from ..analysis.latency import launches, prepared, total_seconds, unfamiliar
from ..analysis.memory import Settings, training_memory
from ..devices.conditions import Conditions
from ..devices.kernel import Kernel
from ..devices.profile import find, profiled_devices
from ..errors import ConvatlasError
from ..graph import Graph
from .curve import LARGEST_BATCH, Curve, bisected, thinned

PRECISIONS = ("amp", "fp32")
MEMORY_DEVICES = ("cuda", "cpu")
_POWERS = [2**exponent for exponent in range(LARGEST_BATCH.bit_length())]
_BETWEEN = [batch * quarters // 4 for batch in _POWERS[1:-1] for quarters in (5, 6, 7) if batch * quarters % 4 == 0]
TIMED_BATCHES = sorted([*_POWERS, *_BETWEEN])
Curves = dict[str, dict[str, Curve]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one network costs at one image size.

    Attributes:
        params: of the network.
        macs: multiply-accumulates for one image.
        activation_bytes: outputs of all calls but views and in-place ones, for one image in float32.
        uncounted: ops that no rule knows; if there are any, the figures are at least these.
        milliseconds: device -> precision -> of one batch.
        train_memory_bytes: "cuda" or "cpu" -> precision -> peak of a training step.

    """

    params: int
    macs: int
    activation_bytes: int
    uncounted: tuple[str, ...]
    milliseconds: Curves
    train_memory_bytes: Curves

    def to_json(self) -> dict[str, Any]:
        """The costs as plain data, curves as texts."""
        return {
            "params": self.params,
            "macs": self.macs,
            "activation_bytes": self.activation_bytes,
            "uncounted": list(self.uncounted),
            "milliseconds": _curves_to_json(self.milliseconds),
            "train_memory_bytes": _curves_to_json(self.train_memory_bytes),
        }


def _curves_to_json(curves: Curves) -> dict[str, Any]:
    return {device: {precision: curve.to_text() for precision, curve in made.items()} for device, made in curves.items()}


def costs_of(graph_at: Callable[[int, bool], Graph]) -> Costs:
    """The costs of a network, given its graph at a batch, in evaluation (False) or training (True)."""
    one = cost(graph_at(1, False))
    return Costs(
        params=one.params,
        macs=one.macs,
        activation_bytes=one.activation_bytes,
        uncounted=tuple(sorted(one.uncounted)),
        milliseconds=_latencies(graph_at),
        train_memory_bytes=_memories(graph_at),
    )


def _latencies(graph_at: Callable[[int, bool], Graph]) -> Curves:
    found: dict[tuple[str, str], tuple[dict[int, float], set[int]]] = {
        (device, precision): ({}, set()) for device in profiled_devices() for precision in PRECISIONS
    }
    for batch in TIMED_BATCHES:
        graph = graph_at(batch, False)
        for precision in PRECISIONS:
            conditions = Conditions(precision=precision)
            counts: Counter[Kernel] = Counter([launch.kernel for launch in launches(prepared(graph, precision), conditions)])
            for device in profiled_devices():
                profile = find(device, conditions)
                seconds = total_seconds(counts, profile)
                values, strange = found[device, precision]
                values[batch] = _rounded(seconds * 1e3)
                if batch in _POWERS and unfamiliar(counts, profile, seconds):
                    strange.add(batch)
    return {
        device: {precision: thinned(*_frozen(found[device, precision])) for precision in PRECISIONS}
        for device in profiled_devices()
    }


def _memories(graph_at: Callable[[int, bool], Graph]) -> Curves:
    graphs: dict[int, Graph] = {}

    def peak(batch: int, device: str, precision: str) -> float:
        if batch not in graphs:
            graphs[batch] = graph_at(batch, True)
        return training_memory(graphs[batch], Settings(device=device, precision=precision)).peak_bytes

    trained = _POWERS if _trainable(graph_at, 1) else _POWERS[1:]
    return {
        device: {precision: bisected(partial(peak, device=device, precision=precision), trained) for precision in PRECISIONS}
        for device in MEMORY_DEVICES
    }


def _trainable(graph_at: Callable[[int, bool], Graph], batch: int) -> bool:
    """Whether a network can be trained on so few images: of one a norm may have a single value a channel."""
    try:
        graph_at(batch, True)
    except ConvatlasError:
        return False
    return True


def _frozen(found: tuple[dict[int, float], set[int]]) -> tuple[dict[int, float], frozenset[int]]:
    return found[0], frozenset(found[1])


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
