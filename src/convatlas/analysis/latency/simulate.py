"""Predict the time of a network on a device."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import exp

from ...devices.conditions import Conditions
from ...devices.cpu.terms import new_pages
from ...devices.kernel import Kernel, Launch
from ...devices.observation import shares_by_kind
from ...devices.parts import Parts, network_parts
from ...devices.profile import Profile
from ...devices.term import LAUNCH_SECONDS
from ...graph import Graph
from ...graph.batch import batched
from .kernels import launches, prepared
from .pages import pages
from .report import KernelTime, Latency

_UNFAMILIAR = 0.05  # share of the time in kinds of kernels of which no network of the fit had so much


def latency(graph: Graph, profile: Profile, conditions: Conditions, *, times: int = 1) -> Latency:
    """How long one batch takes: every kernel's time, added up.

    Args:
        graph: the network in float32.
        profile: of the device.
        conditions: how it runs. Where the profile's are others, that is noted, and the interval is wider.
        times: the batch that runs, in batches of the graph.

    Raises:
        ConvatlasError: a graph whose convolutions' weights depend on the input is asked for at a larger batch (see `batched`).

    """
    ready, made = _launches(graph, profile, conditions, times)
    counts = Counter([launch.kernel for launch in made])
    seconds = {kernel: kernel.seconds(profile) for kernel in counts}
    total = total_seconds(counts, profile)
    once = profile.call_seconds + profile.once_seconds(counts)
    bounds = {kernel: _bound(kernel, profile, seconds[kernel]) for kernel in counts}
    kernels = [KernelTime(kernel, place, seconds[kernel] * 1e3, bounds[kernel]) for kernel, place in made]
    notes = other_conditions(profile.conditions, conditions)
    fitted = profile.fitted
    strange = unfamiliar(counts, fitted, total if fitted is profile else total_seconds(counts, fitted))
    if strange:
        notes.append(f"{', '.join(strange)}: more of its time than of any network that the profile was fitted on")
    low, high = profile.interval.get("unfamiliar" if notes else "ordinary", (-0.5, 0.5))
    uncounted = sorted({node.op.name for node in graph.uncounted})
    if uncounted:
        notes.append(f"no rule knows {', '.join(uncounted)}; the time is at least this")
    milliseconds = total * 1e3
    return Latency(
        ready, profile.card, conditions, profile.name, milliseconds, (milliseconds * exp(-high), milliseconds * exp(-low)),
        kernels, once * 1e3, notes, bool(uncounted),
    )  # fmt: skip


def _launches(graph: Graph, profile: Profile, conditions: Conditions, times: int = 1) -> tuple[Graph, list[Launch]]:
    """The graph in the precision and at the batch in which it runs, and what runs for it."""
    ready = prepared(graph, conditions.precision)
    if times > 1:
        ready = batched(ready, times)
    made = launches(ready, conditions, profile.threads)
    if profile.threads:
        fresh = pages(ready, profile.threads, channels_last=conditions.layout == "nhwc")
        made += [Launch(new_pages(num_bytes), place) for place, num_bytes in fresh.items()]
    return ready, made


def total_seconds(counts: Counter[Kernel], profile: Profile) -> float:
    """How long kernels take together, with what the call takes once."""
    return profile.call_seconds + kernels_seconds(counts, profile)


def kernels_seconds(counts: Counter[Kernel], profile: Profile) -> float:
    """How long kernels take together."""
    return profile.once_seconds(counts) + sum([count * kernel.seconds(profile) for kernel, count in counts.items()])


def parts(graph: Graph, profile: Profile, conditions: Conditions) -> Parts:
    """Seconds of a batch by which of the device's rates they follow."""
    return network_parts(profile, Counter([launch.kernel for launch in _launches(graph, profile, conditions)[1]]))


def unfamiliar(counts: Counter[Kernel], profile: Profile, total: float) -> list[str]:
    """Kinds of kernels that take a larger share of the time than in any network of the fit."""
    if not profile.seen:
        return []
    sums = defaultdict[str, float](float)
    for kernel, count in counts.items():
        for name, value in profile.terms(kernel):
            sums[name] += count * value * profile.passes
    shares = shares_by_kind(sums, profile.coefficients)
    return [kind for kind, seconds in shares.items() if seconds / total > profile.seen.get(kind, 0.0) + _UNFAMILIAR]


def _bound(kernel: Kernel, profile: Profile, seconds: float) -> str:
    """What binds a kernel: its launch if that takes half of its time, else the slower of computing and moving."""
    card = profile.card
    launch = profile.coefficients.get("launch", 0.0) * profile.passes * LAUNCH_SECONDS
    if launch > seconds / 2:
        return "launch"
    computing = 2.0 * kernel.macs / card.peak(kernel.dtype) + kernel.elementwise / card.vector_flops
    return "compute" if computing > kernel.bytes_moved / card.bandwidth else "memory"


def other_conditions(fitted: Conditions, asked: Conditions) -> list[str]:
    """A note on a profile that was fitted under other conditions than are asked for; none where they are the same."""
    differing = [
        f"{name} {getattr(fitted, name)}"
        for name in ("precision", "layout", "compiled", "training", "torch")
        if getattr(asked, name) != "" and getattr(fitted, name) != getattr(asked, name)
    ]
    return [f"the profile was fitted under other conditions: {', '.join(differing)}"] if differing else []
