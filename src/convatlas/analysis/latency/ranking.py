"""Where MACs and time rank networks differently, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .report import Latency


class Inversion(NamedTuple):
    """Two networks, the first with fewer MACs and yet slower: ratios of the first to the second, and what takes the first's time."""

    slower: str
    faster: str
    macs_ratio: float
    time_ratio: float
    memory_share: float  # of the slower one's time that is bound by memory
    longest: tuple[tuple[str, float], ...]  # ops that take most of what is bound by memory, with their shares of the time

    def __str__(self) -> str:
        ops = ", ".join(f"{name} {share:.0%}" for name, share in self.longest)
        return (
            f"{self.slower} takes {self.time_ratio:.2f} times as long as {self.faster} with {self.macs_ratio:.2f} of its MACs: "
            f"{self.memory_share:.0%} of its time is bound by memory{f' ({ops})' if ops else ''}"
        )


def inversions(found: Mapping[str, Latency]) -> list[Inversion]:
    """For each network that is slower than one with more MACs, the most telling such pair; the most telling first."""
    macs = {name: sum(each.kernel.macs for each in latency.kernels) for name, latency in found.items()}
    pairs = []
    for slower, latency in found.items():
        beaten = [name for name in found if macs[slower] < macs[name] and latency.milliseconds > found[name].milliseconds]
        if not beaten:
            continue
        faster = max(beaten, key=lambda name: latency.milliseconds / found[name].milliseconds * macs[name] / max(macs[slower], 1))
        pairs.append(
            Inversion(
                slower, faster, macs[slower] / macs[faster], latency.milliseconds / found[faster].milliseconds, latency.bound["memory"],
                _longest(latency),
            )
        )  # fmt: skip
    return sorted(pairs, key=lambda pair: pair.macs_ratio / pair.time_ratio)


def _longest(latency: Latency) -> tuple[tuple[str, float], ...]:
    sums: dict[str, float] = {}
    for layer in latency.layers:
        if layer.bound == "memory":
            sums[layer.op] = sums.get(layer.op, 0.0) + layer.share
    return tuple(sorted(sums.items(), key=lambda item: -item[1])[:3])
