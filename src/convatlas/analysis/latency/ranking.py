"""Where MACs and time rank networks differently, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import StatisticsError, correlation
from typing import NamedTuple

from .report import Latency

_REASONS = 3  # kinds of kernels that are named
DEPTHWISE = "depthwise convolution"
_WORDS = {
    "conv": "convolution", "grouped": "grouped convolution", "depthwise": DEPTHWISE, "depthwise_aten": DEPTHWISE,
    "weights": "casts of weights",
}  # fmt: skip


class KindShare(NamedTuple):
    """A kind of kernel, in words, with its shares of a network's time and of its MACs."""

    kind: str
    time_share: float
    macs_share: float

    def __str__(self) -> str:
        return f"{self.kind} {self.time_share:.0%}{f' (of MACs {self.macs_share:.1%})' if self.macs_share else ''}"


class Inversion(NamedTuple):
    """Two networks, the first with fewer MACs and yet slower: ratios of the first to the second, and what takes the first's time."""

    slower: str
    faster: str
    macs_ratio: float
    time_ratio: float
    memory_share: float  # of the slower one's time that is bound by memory
    launch_share: float  # and by launches, the call's own time among them
    sure: bool  # whether the slower one's interval lies above the faster one's
    kernels: tuple[KindShare, ...]  # what takes most of the slower one's time

    def __str__(self) -> str:
        launches = f" and {self.launch_share:.0%} by launches" if self.launch_share > 0.1 else ""
        return (
            f"{self.slower} takes {self.time_ratio:.2f} times as long as {self.faster} with {self.macs_ratio:.2f} of its MACs: "
            f"{self.memory_share:.0%} of its time is bound by memory{launches}; {', '.join(map(str, self.kernels))} of it"
        )


class Ranking(NamedTuple):
    """How some networks rank by MACs, by bytes moved and by predicted time.

    Attributes:
        networks: how many there are.
        pairs: of which one has fewer MACs.
        inverted: of these, where that one is slower.
        surely_inverted: of these, where its 90 % interval lies above the other's.
        macs_correlation, bytes_correlation: rank correlation (Spearman's) with time; None for fewer than two different ranks.
        inversions: see `inversions`.
        depthwise: depthwise convolutions in each network that has any, those first that exceed their share of MACs the most.

    """

    networks: int
    pairs: int
    inverted: int
    surely_inverted: int
    macs_correlation: float | None
    bytes_correlation: float | None
    inversions: list[Inversion]
    depthwise: dict[str, KindShare]


def ranking(found: Mapping[str, Latency]) -> Ranking:
    """How networks rank by MACs, by bytes and by time on a device, under the conditions of their predictions."""
    macs = {name: _macs(latency) for name, latency in found.items()}
    moved = [sum(each.kernel.bytes_moved for each in latency.kernels) for latency in found.values()]
    times = [latency.milliseconds for latency in found.values()]
    ordered = [sorted(pair, key=lambda name: macs[name]) for pair in combinations(found, 2)]
    pairs = [(less, more) for less, more in ordered if macs[less] < macs[more]]
    inverted = [(less, more) for less, more in pairs if found[less].milliseconds > found[more].milliseconds]
    depthwise = {name: each for name, latency in found.items() for each in shares(latency) if each.kind == DEPTHWISE}
    return Ranking(
        len(found),
        len(pairs),
        len(inverted),
        sum(_surely_slower(found[less], found[more]) for less, more in inverted),
        _rank_correlation(list(macs.values()), times),
        _rank_correlation(moved, times),
        inversions(found),
        dict(sorted(depthwise.items(), key=lambda item: item[1].macs_share - item[1].time_share)),
    )


def inversions(found: Mapping[str, Latency]) -> list[Inversion]:
    """For each network that is slower than one with more MACs, the most telling such pair; the most telling first.

    A pair whose intervals lie apart is taken where there is one.
    """
    macs = {name: _macs(latency) for name, latency in found.items()}
    pairs = []
    for slower, latency in found.items():
        beaten = [name for name in found if macs[slower] < macs[name] and latency.milliseconds > found[name].milliseconds]
        beaten = [name for name in beaten if _surely_slower(latency, found[name])] or beaten
        if not beaten:
            continue
        faster = max(beaten, key=lambda name: latency.milliseconds / found[name].milliseconds * macs[name] / max(macs[slower], 1))
        longest = sorted(shares(latency), key=lambda each: -each.time_share)
        pairs.append(
            Inversion(
                slower, faster, macs[slower] / macs[faster], latency.milliseconds / found[faster].milliseconds,
                latency.bound["memory"], latency.bound["launch"], _surely_slower(latency, found[faster]), tuple(longest[:_REASONS]),
            )
        )  # fmt: skip
    return sorted(pairs, key=lambda pair: pair.macs_ratio / pair.time_ratio)


def _macs(latency: Latency) -> int:
    return sum(each.kernel.macs for each in latency.kernels)


def _surely_slower(one: Latency, other: Latency) -> bool:
    return one.interval[0] > other.interval[1]


def shares(latency: Latency) -> list[KindShare]:
    """A network's time and MACs by kind of kernel."""
    sums: dict[str, tuple[float, int]] = {}
    for each in latency.kernels:
        name = each.kernel.kind.partition("/")[0]  # what follows is how the tensors lie
        kind = _WORDS.get(name, name.replace("_", " "))
        time, macs = sums.get(kind, (0.0, 0))
        sums[kind] = (time + each.milliseconds, macs + each.kernel.macs)
    whole = _macs(latency) or 1
    return [KindShare(kind, time / latency.milliseconds, macs / whole) for kind, (time, macs) in sums.items()]


def _rank_correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    try:
        return correlation(_ranks(left), _ranks(right))
    except StatisticsError:  # fewer than two, or all alike
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value; equal ones share the middle of theirs."""
    ordered = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(ordered)))}
    last = {value: place for place, value in enumerate(ordered)}
    return [(first[value] + last[value]) / 2 for value in values]
