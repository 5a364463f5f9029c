"""Budgets: what a network may cost in one quantity, and how much of it one costs, from its graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from ..analysis.cost import cost
from ..analysis.latency import latency
from ..analysis.memory import Settings, training_memory
from ..devices.conditions import Conditions
from ..devices.profile import find, profiled_devices
from ..errors import ConvatlasError
from ..sizes import gibi, in_bytes
from ..trace import trace
from .figures import in_milliseconds

QUANTITIES = ("macs", "params", "latency_ms", "train_memory_bytes")
CLOSE = 0.02  # what a solution may lie below its budget by before a word is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a network may cost.

    Attributes:
        quantity: one of `QUANTITIES`: MACs are of one image, time and training memory of a batch.
        most: of it.
        device: whose time it is; the training step is simulated on "cuda" or "cpu".
        batch: of time and training memory.
        precision: of both.

    """

    quantity: str
    most: float
    device: str | None = None
    batch: int = 1
    precision: str = "amp"

    def of(self, module: nn.Module, size: tuple[int, ...]) -> float:
        """How much of it a network costs with images (C, H, W)."""
        if self.quantity in ("macs", "params"):
            found = cost(trace(module, (1, *size)))
            return float(found.macs if self.quantity == "macs" else found.params)
        shape = (self.batch, *size)
        if self.quantity == "train_memory_bytes":
            settings = Settings(device=self.device or "cuda", precision=self.precision)
            return float(training_memory(trace(module, shape, training=True), settings).peak_bytes)
        assert self.device is not None
        conditions = Conditions(precision=self.precision)
        return latency(trace(module, shape), find(self.device, conditions), conditions).milliseconds

    def show(self, value: float) -> str:
        """An amount with its unit and what it depends on."""
        if self.quantity == "latency_ms":
            return f"{in_milliseconds(value)} for a batch of {self.batch} on {self.device} ({self.precision})"
        if self.quantity == "train_memory_bytes":
            return f"{gibi(value)} of training memory for a batch of {self.batch} on {self.device or 'cuda'} ({self.precision})"
        count = f"{value / 1e9:,.3f} G" if value >= 1e9 else f"{value / 1e6:,.3f} M" if value >= 1e4 else f"{value:,.0f}"
        return f"{count} {'MACs' if self.quantity == 'macs' else 'parameters'}"


def budget_of(
    *,
    to_macs: float | None,
    to_params: float | None,
    to_latency_ms: float | None,
    to_train_memory_bytes: int | str | None,
    device: str | None,
    batch: int,
    precision: str,
) -> Budget | None:
    """The one budget that was named; None if there is none.

    Raises:
        ConvatlasError: there are several, one is no positive number, or a time has no device.

    """
    memory = None if to_train_memory_bytes is None else in_bytes(to_train_memory_bytes, "to_train_memory_bytes")
    given = {
        quantity: most
        for quantity, most in zip(QUANTITIES, (to_macs, to_params, to_latency_ms, memory), strict=True)
        if most is not None
    }
    if not given:
        return None
    if len(given) > 1:
        raise ConvatlasError(f"one budget at a time can be met, got {' and '.join(f'`to_{name}`' for name in given)}")
    ((quantity, most),) = given.items()
    if isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < math.inf:
        raise ConvatlasError(f"`to_{quantity}` (={most}) must be a number above 0")
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ConvatlasError(f"`batch` (={batch!r}) must be a whole number of at least 1")
    if quantity == "latency_ms" and device is None:
        raise ConvatlasError(f"a time depends on the device; name one: {', '.join(profiled_devices())}")
    if quantity == "latency_ms" and device is not None:
        find(device, Conditions(precision=precision))  # told before anything is built
    if quantity == "train_memory_bytes":
        Settings(device=device or "cuda", precision=precision)
    return Budget(quantity=quantity, most=float(most), device=device, batch=batch, precision=precision)


def bracket(cost_at: Callable[[float], float | None], most: float, farthest: float) -> tuple[float, float]:
    """Two places a step of 1 apart, or the outermost ones, of which the first keeps ``most`` and the second does not, from 0 outwards."""

    def fits(place: float) -> bool:
        found = cost_at(place)
        return found is not None and found <= most

    place = 0.0
    if fits(place):
        while place < farthest and fits(place + 1):
            place += 1
        return place, min(place + 1, farthest)
    while place > -farthest and not fits(place - 1):
        place -= 1
    return max(place - 1, -farthest), place


def largest_within(cost_at: Callable[[float], float | None], most: float, low: float, high: float, steps: int = 8) -> float | None:
    """The place between two whose cost is the largest that does not exceed ``most``; None if no place that was looked at keeps it.

    Costs grow with the place, but for roundings, so beside the place where a bisection ends others are tried. ``cost_at`` gives None
    where there is no network.
    """
    tried: dict[float, float | None] = {place: cost_at(place) for place in (low, high)}

    def fits(place: float) -> bool:
        if place not in tried:
            tried[place] = cost_at(place)
        found = tried[place]
        return found is not None and found <= most

    below, above = low, high
    for _ in range(steps):
        middle = (below + above) / 2
        below, above = (middle, above) if fits(middle) else (below, middle)
    for share in (-0.06, -0.03, 0.02, 0.04, 0.07, 0.1, 0.15):
        fits(min(max(below + (high - low) * share, low), high))
    kept = {place: found for place, found in tried.items() if found is not None and found <= most}
    return max(kept, key=lambda place: (kept[place], -place)) if kept else None
