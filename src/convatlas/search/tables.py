"""Costs of candidates, many at a time: each part is traced once, and what a candidate costs is a sum of parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..analysis.cost import cost
from ..analysis.latency import kernels_seconds, launches, prepared
from ..devices.conditions import Conditions
from ..devices.cuda.memory import Cuda
from ..devices.profile import Profile
from ..graph import Graph, TensorSpec
from ..trace import trace
from .space.base import Built, Index, Part, Space

_AUTOCAST = ("amp", "amp_bf16")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a candidate's time is predicted for: a device's profile, how it runs, and at which batch."""

    profile: Profile
    conditions: Conditions
    batch: int = 1


class Costs(NamedTuple):
    """Of many candidates: arrays (candidates,). ``macs`` are of one image, ``latency_ms`` of the batch; None where no device was asked about."""

    params: NDArray[np.int64]
    macs: NDArray[np.int64]
    latency_ms: NDArray[np.float64] | None


class Entry(NamedTuple):
    """One part: parameters, MACs of one image, milliseconds of the batch."""

    params: int
    macs: int
    latency_ms: float


@dataclass
class Tables:
    """The tables of one space; they grow by the parts that are met.

    Attributes:
        space: whose parts they hold.
        timing: what times are of; None leaves them out.

    """

    space: Space
    timing: Timing | None = None
    _entries: dict[str, dict[tuple[int, ...], Entry]] = field(default_factory=dict, repr=False)

    @property
    def parts_traced(self) -> int:
        """How many parts have been traced so far."""
        return sum(map(len, self._entries.values()))

    def costs(self, index: Index) -> Costs:
        """The costs of candidates, (candidates, choices), exact to the unit."""
        count = len(index)
        params, macs = np.zeros(count, np.int64), np.zeros(count, np.int64)
        latency = None
        if self.timing is not None:
            latency = np.full(count, self.timing.profile.call_seconds * 1e3)
        for part in self.space.parts(self.space.columns(index)):
            rows, inverse = _different(part.key, count)
            counts = np.broadcast_to(np.asarray(part.count, np.int64), (count,))
            needed = np.bincount(inverse, weights=counts, minlength=len(rows)) > 0
            entries = [self._entry(part, tuple(row)) if used else _NOTHING for row, used in zip(rows.tolist(), needed, strict=True)]
            params += counts * np.array([entry.params for entry in entries], np.int64)[inverse]
            macs += counts * np.array([entry.macs for entry in entries], np.int64)[inverse]
            if latency is not None:
                latency += counts * np.array([entry.latency_ms for entry in entries])[inverse]
        return Costs(params, macs, latency)

    def _entry(self, part: Part, key: tuple[int, ...]) -> Entry:
        table = self._entries.setdefault(part.make.__name__, {})
        found = table.get(key)
        if found is None:
            with torch.device("meta"):
                built = part.make(*key)
            found = table[key] = traced_entry(built, self.timing)
        return found


_NOTHING = Entry(0, 0, 0.0)
_LARGEST_CODE = 2**62  # what a number of 64 bits can tell apart
_SMALL_CODE = 2**18


def traced_entry(built: Built, timing: Timing | None) -> Entry:
    """The costs of one part by its graph."""
    batch = timing.batch if timing else 1
    shapes = [(batch, *shape) for shape in built.shapes]
    graph = trace(built.module, shapes[0] if len(shapes) == 1 else shapes)
    counted = cost(graph)
    milliseconds = 0.0
    if timing is not None:
        made = launches(_as_inside(graph, built, timing), timing.conditions, timing.profile.threads)
        counts = Counter([launch.kernel for launch in made])
        milliseconds = kernels_seconds(counts, timing.profile) * 1e3
    return Entry(counted.params, counted.macs // batch, milliseconds)


def _as_inside(graph: Graph, built: Built, timing: Timing) -> Graph:
    """The part's graph in the precision it runs in: under autocast what comes from another part is in half precision already."""
    precision = timing.conditions.precision
    if precision in _AUTOCAST and not built.first:
        for value in graph.inputs:
            graph.values[value] = TensorSpec(graph.values[value].shape, Cuda().autocast_dtype)
    return prepared(graph, precision)


def _different(key: Sequence[NDArray[np.int64] | int], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different keys among those of all candidates, as rows, and which of them each candidate has."""
    varying = [column for column in key if isinstance(column, np.ndarray)]
    spans = [int(column.max(initial=0)) + 1 for column in varying]
    if prod(spans) > _LARGEST_CODE:
        rows, inverse = np.unique(np.stack(np.broadcast_arrays(*key), axis=1), axis=0, return_inverse=True)
        return rows, inverse.reshape(-1)
    code = np.zeros(count, np.int64)
    for each, span in zip(varying, spans, strict=True):
        code = code * span + each
    if prod(spans) <= _SMALL_CODE:  # a look-up takes a tenth of a sort
        found = np.zeros(prod(spans), np.int64)
        found[code] = 1
        places = np.cumsum(found) - 1
        inverse = places[code]
        first = np.empty(int(found.sum()), np.int64)
        first[inverse] = np.arange(count)
    else:
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rows = np.empty((len(first), len(key)), np.int64)
    for place, column in enumerate(key):
        rows[:, place] = column[first] if isinstance(column, np.ndarray) else column
    return rows, inverse
