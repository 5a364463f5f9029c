"""A network's kernels under some conditions, and what a measured time of it is made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from functools import partial

from ...devices.card import Card
from ...devices.conditions import Conditions
from ...devices.cpu.lower import kernels_of as cpu_kernels_of
from ...devices.cuda.inductor import lower_compiled
from ...devices.cuda.kernels import NEWEST, kernels_of
from ...devices.cuda.memory import Cuda
from ...devices.kernel import Kernel, Launch
from ...devices.lower import lower
from ...devices.models import MODELS
from ...devices.observation import Observation
from ...devices.profile import CALL_SECONDS
from ...graph import Graph
from ..memory.precision import converted


def prepared(graph: Graph, precision: str, half_norms: Collection[str] = ()) -> Graph:
    """The graph as it runs in a precision, autocast's casts put in.

    Args:
        graph: the network in float32.
        precision: as in `Conditions`.
        half_norms: modules whose normalisation runs in half precision under autocast, by code of their own.

    """
    return converted(graph, "amp" if precision == "amp_bf16" else precision, Cuda(), half_norms=half_norms)


def launches(ready: Graph, conditions: Conditions, threads: int = 0) -> list[Launch]:
    """The kernels of one forward pass over a graph that is `prepared`, at the batch that runs.

    Args:
        ready: the graph.
        conditions: how it runs.
        threads: of the CPU that it runs on eagerly; 0 for a GPU, and for all that is compiled.

    """
    channels_last, version = conditions.layout == "nhwc", conditions.version or NEWEST
    if threads:
        return lower(ready, partial(cpu_kernels_of, threads=threads), channels_last=channels_last)
    if conditions.compiled:
        return lower_compiled(ready, channels_last=channels_last, torch=version)
    return lower(ready, partial(kernels_of, torch=version), channels_last=channels_last)


def observe(
    ready: Graph, conditions: Conditions, card: Card, *, family: str, seconds: float, passes: float = 1.0, model: str = "gpu"
) -> Observation:
    """What a measured time is made of.

    Args:
        ready: a graph that is `prepared`, at the batch that was timed.
        conditions: what it was timed under.
        card: the device's datasheet.
        family: of the network.
        seconds: that a batch took.
        passes: forward passes that the time stands for.
        model: of time, in `MODELS`.

    """
    counts: Counter[Kernel] = Counter([launch.kernel for launch in launches(ready, conditions)])
    return observe_kernels(
        ready.name, counts, card, family=family, seconds=seconds, passes=passes, model=model, constant=CALL_SECONDS
    )


def observe_kernels(
    name: str,
    counts: Mapping[Kernel, int],
    card: Card,
    *,
    family: str,
    seconds: float,
    passes: float = 1.0,
    model: str = "gpu",
    constant: float = 0.0,
) -> Observation:
    """What a measured time of some kernels is made of; see `observe`. ``constant``: seconds that come once beside them."""
    sums = defaultdict[str, float](float, {"constant": constant, **dict(MODELS[model].once(counts))})
    least = 0.0
    for kernel, count in counts.items():
        least += count * MODELS[model].least_seconds(kernel, card)
        for term, value in MODELS[model].terms(kernel, card):
            sums[term] += count * value
    whole = {term: passes * value for term, value in sums.items() if value}
    macs, moved = (sum(count * getattr(kernel, what) for kernel, count in counts.items()) for what in ("macs", "bytes_moved"))
    return Observation(name, family, seconds, passes * least, whole, macs, moved, counts)
