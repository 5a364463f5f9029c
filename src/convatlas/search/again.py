"""The winner, looked at once more before it is called one: what was said of it beside what is seen."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ..analysis.latency import latency
from ..analysis.memory import Settings, training_memory
from ..measure.apart import MeasurementError, measured_apart
from ..runtime.rounds import interleaved
from ..runtime.source import Source
from ..runtime.table import prepared
from ..sizes import gibi, milliseconds
from ..trace import trace
from .result import Search


class Line(NamedTuple):
    """One figure: as it was predicted or found in the search, and as it is measured now."""

    name: str
    said: str
    seen: str


@dataclass(frozen=True)
class Again:
    """The figures of a winner."""

    lines: list[Line]


def look_again(search: Search, seed: int) -> Again:
    """Score the winner with another seed; count, time and train a step of the built network here.

    Args:
        search: whose winner it is.
        seed: of the search; the next one is taken.

    """
    candidate, limits = search.best.candidate, search.limits
    network = search.space.build(candidate.values)
    built = sum(parameter.numel() for parameter in network.parameters())
    value = search.score(lambda: search.space.build(candidate.values), seed + 1, lambda step, accuracy: False)
    lines = [
        Line(f"score ({search.score.name})", f"{search.best.score or 0.0:.4g}", f"{value:.4g} with another seed"),
        Line("parameters", f"{candidate.params:,}", f"{built:,} in the built network"),
    ]
    shape = (limits.batch, *search.space.input_size)
    threads = torch.get_num_threads()
    here = f"{milliseconds(_measured_milliseconds(network, shape))} ms on this CPU, {threads} thread{'' if threads == 1 else 's'}, fp32, eager"
    lines.append(Line(f"time of a batch of {limits.batch}", _predicted(search, network), here))
    batch = (limits.train_batch, *search.space.input_size)
    settings = limits.settings()
    simulated = training_memory(trace(network, batch, training=True), settings).peak_bytes
    name = f"training step at batch {limits.train_batch}, {limits.train_precision}"
    lines.append(Line(name, f"{gibi(simulated)} simulated", _measured(search, batch, settings)))
    return Again(lines)


def _measured(search: Search, shape: tuple[int, ...], settings: Settings) -> str:
    """The peak of a step of the network that the winner's file makes, in a process of its own."""
    if settings.device != "cpu":
        return "not measured: another device"
    with tempfile.TemporaryDirectory(prefix="convatlas-search-") as folder:
        file = Path(folder) / "winner.py"
        file.write_text(search.source(), encoding="utf-8")
        try:
            return f"{gibi(measured_apart(f'{file}:winner', shape, settings).peak_bytes)} measured"
        except MeasurementError as error:
            return f"not measured: {error}"


def _predicted(search: Search, network: nn.Module) -> str:
    timing = search.limits.timing()
    if timing is None:
        return "no device was named"
    found = latency(trace(network, (timing.batch, *search.space.input_size)), timing.profile, timing.conditions)
    low, high = found.interval
    return f"{milliseconds(found.milliseconds)} ms ({milliseconds(low)} to {milliseconds(high)}) predicted on {found.device}, {timing.conditions.precision}"


def _measured_milliseconds(network: nn.Module, shape: tuple[int, ...]) -> float:
    """The median time of a forward pass here."""
    images = torch.rand(shape)
    form = prepared("eager", Source(network, images))
    return 1e3 * interleaved({"network": lambda: form(images)})["network"].seconds
