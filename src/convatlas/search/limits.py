"""Hard limits: what a candidate may cost. One that breaks a limit is never trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..analysis.memory import Settings, training_memory
from ..devices.conditions import Conditions
from ..devices.profile import find
from ..errors import ConvatlasError
from ..sizes import gibi, milliseconds
from ..trace import trace
from .space.base import Index, Space, Values
from .tables import Tables, Timing

_COSTS = ("params", "macs", "latency_ms", "train_memory_bytes")
_TRIED = 100_000  # candidates drawn before a space is called empty
_TOGETHER = 4096
_SIMULATED = 50  # of those that pass everything else, before it is said that none fits the memory


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a candidate may cost; None is no limit.

    Attributes:
        max_params, min_params: parameters.
        max_macs, min_macs: multiply-accumulates of one image.
        max_latency_ms: predicted milliseconds of a batch of ``batch`` images on ``device``, run eagerly in nchw.
        device, precision, batch: what the time is predicted for.
        max_train_memory_bytes: the peak of a simulated training step of ``train_batch`` images, SGD with momentum, in
            ``train_precision`` on ``train_device`` ("cpu" or "cuda").

    Raises:
        ConvatlasError: a limit is not above 0, a least is above its most, or a limit on time names no device.

    """

    max_params: float | None = None
    max_macs: float | None = None
    min_params: float | None = None
    min_macs: float | None = None
    max_latency_ms: float | None = None
    device: str | None = None
    precision: str = "amp"
    batch: int = 1
    max_train_memory_bytes: float | None = None
    train_batch: int = 32
    train_precision: str = "fp32"
    train_device: str = "cpu"

    def __post_init__(self) -> None:
        asked = [f"{end}_{name}" for name in _COSTS for end in ("max", "min") if hasattr(self, f"{end}_{name}")]
        for name in (*asked, "batch", "train_batch"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise ConvatlasError(f"`{name}` (={value!r}) must be a number above 0")
        for name in _COSTS:
            least, most = self.of(name)
            if least is not None and most is not None and least > most:
                raise ConvatlasError(f"`min_{name}` (={least:g}) is above `max_{name}` (={most:g}), which nothing keeps")
        if self.max_latency_ms is not None and self.device is None:
            raise ConvatlasError(f"`max_latency_ms` (={self.max_latency_ms:g}) needs a device, as device='rtx4090'")

    def of(self, cost: str) -> tuple[float | None, float | None]:
        """The least and the most of a cost: "params", "macs", "latency_ms" or "train_memory_bytes"."""
        return getattr(self, f"min_{cost}", None), getattr(self, f"max_{cost}")

    def timing(self) -> Timing | None:
        """What time is predicted for; None where no device is named."""
        if self.device is None:
            return None
        conditions = Conditions(precision=self.precision)
        return Timing(profile=find(self.device, conditions), conditions=conditions, batch=self.batch)

    def settings(self) -> Settings:
        """How the training step is done whose memory is limited."""
        return Settings(precision=self.train_precision, device=self.train_device)

    def record(self) -> dict[str, object]:
        """The limits as plain data."""
        return {name: value for name, value in vars(self).items() if value is not None}


class Candidate(NamedTuple):
    """A network of a space, and what it costs.

    Attributes:
        values: the option of each choice.
        key: the same for candidates that are the same network.
        macs: of one image.
        latency_ms: predicted, of a batch; None where no device was named.
        train_memory_bytes: simulated; None where there is no limit on it.

    """

    values: Values
    key: str
    params: int
    macs: int
    latency_ms: float | None
    train_memory_bytes: int | None


@dataclass
class Gate:
    """Tells which candidates keep the limits: many at a time from tables, memory one by one for those that pass.

    Attributes:
        space: the candidates' space.
        limits: that they keep.

    """

    space: Space
    limits: Limits
    _memory: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.tables = Tables(self.space, self.limits.timing())

    def passes(self, index: Index) -> NDArray[np.bool_]:
        """Which candidates keep the limits on parameters, MACs and time."""
        kept = np.ones(len(index), bool)
        for name, values in self._costs(index).items():
            least, most = self.limits.of(name)
            if most is not None:
                kept &= values <= most
            if least is not None:
                kept &= values >= least
        return kept

    def _costs(self, index: Index) -> dict[str, NDArray[Any]]:
        """What many candidates cost by the tables, by the names of limits; no time where no device was named."""
        return {name: values for name, values in zip(_COSTS, self.tables.costs(index), strict=False) if values is not None}

    def candidate(self, row: NDArray[np.int64]) -> Candidate:
        """A candidate with its costs; its training is simulated where there is a limit on memory."""
        values = self.space.values(row.tolist())
        params, macs, latency = self.tables.costs(row[None])
        key = self.space.key(values)
        memory = self._train_memory(key, values) if self.limits.max_train_memory_bytes is not None else None
        return Candidate(values, key, int(params[0]), int(macs[0]), None if latency is None else float(latency[0]), memory)

    def keeps(self, candidate: Candidate) -> bool:
        """Whether a candidate keeps every limit."""
        return not self.misses(candidate)

    def misses(self, candidate: Candidate) -> dict[str, float]:
        """The limits that a candidate breaks, with the share by which it does; below 0 where it is too small."""
        found: dict[str, float] = {}
        for name in _COSTS:
            value, (least, most) = getattr(candidate, name), self.limits.of(name)
            if most is not None and value is not None and value > most:
                found[name] = value / most - 1
            elif least is not None and value is not None and value < least:
                found[name] = value / least - 1
        return found

    def draw(self, random: np.random.Generator) -> Candidate:
        """A candidate that keeps every limit, uniformly among those that do.

        Raises:
            ConvatlasError: none was found; with the closest, and by what it misses.

        """
        simulated = 0
        nearest: tuple[float, Candidate] | None = None
        for _ in range(-(-_TRIED // _TOGETHER)):
            index = self.space.draw(_TOGETHER, random)
            kept = self.passes(index)
            for row in index[kept]:
                candidate = self.candidate(row)
                if self.keeps(candidate):
                    return candidate
                nearest = self._nearer(nearest, candidate)
                simulated += 1
                if simulated >= _SIMULATED:
                    raise self._nothing(nearest)
            if not kept.any():
                nearest = self._nearer(nearest, self.candidate(index[self._closest(index)]))
        raise self._nothing(nearest)

    def _closest(self, index: Index) -> int:
        """The candidate whose worst miss is the least."""
        worst = np.zeros(len(index))
        for name, values in self._costs(index).items():
            least, most = self.limits.of(name)
            if most is not None:
                worst = np.maximum(worst, values / most - 1)
            if least is not None:
                worst = np.maximum(worst, 1 - values / least)
        return int(worst.argmin())

    def _nearer(self, nearest: tuple[float, Candidate] | None, candidate: Candidate) -> tuple[float, Candidate]:
        worst = max(map(abs, self.misses(candidate).values()), default=0.0)
        return (worst, candidate) if nearest is None or worst < nearest[0] else nearest

    def _nothing(self, nearest: tuple[float, Candidate] | None) -> ConvatlasError:
        assert nearest is not None
        candidate = nearest[1]
        missed = ", ".join(
            f"{_shown(name, candidate)} ({100 * abs(share):.2g} % too {'much' if share > 0 else 'little'})"
            for name, share in self.misses(candidate).items()
        )
        values = ", ".join(f"{name}={value}" for name, value in candidate.values.items())
        return ConvatlasError(f"no network of {self.space.name} was found within the limits; the closest has {missed}: {values}")

    def _train_memory(self, key: str, values: Values) -> int:
        found = self._memory.get(key)
        if found is None:
            with torch.device("meta"):
                network = self.space.build(values)
            graph = trace(network, (self.limits.train_batch, *self.space.input_size), training=True)
            found = self._memory[key] = training_memory(graph, self.limits.settings()).peak_bytes
        return found


def _shown(name: str, candidate: Candidate) -> str:
    figures: Mapping[str, str] = {
        "params": f"{candidate.params:,} parameters",
        "macs": f"{candidate.macs / 1e6:,.2f} M MACs",
        "latency_ms": f"a predicted time of {milliseconds(candidate.latency_ms or 0)} ms",
        "train_memory_bytes": f"a training step of {gibi(candidate.train_memory_bytes or 0)}",
    }
    return figures[name]
