"""The devices that a step's memory can be simulated on, by name."""

from __future__ import annotations

from .cpu import Cpu
from .cuda.memory import Cuda
from .device import Device

DEVICES: dict[str, type[Cpu] | type[Cuda]] = {each.name: each for each in (Cpu, Cuda)}


def device_named(name: str, threads: int) -> Device:
    """A device by its name in `DEVICES`; one that has no threads takes no notice of their number."""
    return DEVICES[name](threads)
