"""One's own networks as candidates: every network that the Python files of a folder define, traced as they are."""

from __future__ import annotations

from pathlib import Path

from ..analysis.cost import cost
from ..analysis.latency import latency
from ..analysis.memory import Settings, training_memory
from ..devices.conditions import Conditions
from ..devices.profile import find
from ..errors import ConvatlasError
from ..inputs import Inputs
from ..models import Loaded, load
from ..models.tracing import own_size, traced
from ..models.usercode import networks_in
from .candidate import Candidate, Setting


def candidates_in(folder: Path, setting: Setting, side: int | None) -> list[Candidate]:
    """The networks of a folder's files, as "file.py:Net", at ``side`` x ``side`` pixels or at their own size.

    Raises:
        ConvatlasError: there is no such folder or no network in it, a file does not import, or a network fails.

    """
    if not folder.is_dir():
        raise ConvatlasError(f"{folder} is no folder; name one with Python files in it")
    words = [f"{path}:{name}" for path in sorted(folder.glob("*.py")) for name in networks_in(path)]
    if not words:
        raise ConvatlasError(
            f"{folder}: no Python file in it has a class of nn.Module that is made without arguments, nor a module"
        )
    return [_candidate(load(word), setting, side) for word in words]


def _candidate(loaded: Loaded, setting: Setting, side: int | None) -> Candidate:
    channels, *sides = own_size(loaded)
    size = (channels, *sides) if side is None else (channels, side, side)
    one = cost(traced(loaded, Inputs((1, *size)), False))
    milliseconds, interval = _time(loaded, setting, size)
    return Candidate(
        name=loaded.name,
        weights=None,
        input_size=size,
        family=Path(loaded.name.partition(":")[0]).stem,
        pretrained="",
        source="",
        params=one.params,
        macs=one.macs,
        activation_bytes=one.activation_bytes,
        setting=setting,
        latency_ms=milliseconds,
        latency_interval_ms=interval,
        train_memory_bytes=_peak(loaded, setting, size),
        uncounted=tuple(sorted(one.uncounted)),
    )


def _time(loaded: Loaded, setting: Setting, size: tuple[int, ...]) -> tuple[float | None, tuple[float, float] | None]:
    if setting.device is None:
        return None, None
    conditions = Conditions(precision=setting.precision)
    found = latency(traced(loaded, Inputs((setting.batch, *size)), False), find(setting.device, conditions), conditions)
    return found.milliseconds, found.interval


def _peak(loaded: Loaded, setting: Setting, size: tuple[int, ...]) -> int | None:
    """None where it cannot be trained on so few images."""
    try:
        graph = traced(loaded, Inputs((setting.batch, *size)), True)
    except ConvatlasError:
        return None
    return training_memory(graph, Settings(device=setting.memory_device, precision=setting.precision)).peak_bytes
