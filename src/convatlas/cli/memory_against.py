"""`memory --against`: the same step under other settings beside it, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from ..errors import ConvatlasError
from ..names import unknown_name
from ..sizes import gibi
from .columns import BYTES
from .step_options import Implementation, Optimizer, PrecisionName
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..analysis.memory import Settings, TrainingMemory
    from ..graph import Graph


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise unknown_name("value", value, words, f"it takes {', '.join(words)}")
        return value

    return read


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ConvatlasError(f"{value!r} is not a whole number from 1")
    return int(value)


def _flag(value: str) -> bool:
    return _one_of(("yes", "no"))(value) == "yes"


_READ: dict[str, Callable[[str], object]] = {
    "checkpoint": str,
    "precision": _one_of(get_args(PrecisionName)),
    "optimizer": _one_of(get_args(Optimizer)),
    "device": _one_of(("cpu", "cuda")),
    "implementation": _one_of(get_args(Implementation)),
    "threads": _count,
    "accumulate": _count,
    "channels_last": _flag,
    "ema": _flag,
    "ddp": _flag,
}
TABLE = (
    Column(key="kind", title="at the peak", left=True),
    Column(key="bytes", title="as asked", scales=BYTES, summed=True),
    Column(key="against_bytes", title="against it", scales=BYTES, summed=True),
)


def read_changes(words: Sequence[str]) -> dict[str, object]:
    """NAME=VALUE words as settings.

    Raises:
        ConvatlasError: an unknown name, or a value that it does not take.

    """
    changes: dict[str, object] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or name not in _READ:
            raise unknown_name("setting", name, _READ, f"--against takes NAME=VALUE, of {', '.join(_READ)}")
        try:
            changes[name] = _READ[name](value.strip())
        except ConvatlasError as error:
            raise ConvatlasError(f"--against {word}: {error}") from None
    return changes


def step_against(
    graph: Graph, options: Mapping[str, object], changes: Mapping[str, object], checkpoint: str | None, budget: int | None
) -> TrainingMemory:
    """The step with some of its settings changed."""
    from ..analysis.checkpoints import with_checkpoints
    from ..analysis.memory import training_memory
    from ..api import memory_settings

    changed: dict[str, Any] = {**options, **changes}
    if "device" in changes and "threads" not in changes:
        changed["threads"] = None
    words = str(changed.pop("checkpoint", checkpoint) or "none")
    settings: Settings = memory_settings(**changed)
    return training_memory(graph, with_checkpoints(words, graph, settings, budget, "--against checkpoint="))


def against_table(found: TrainingMemory, other: TrainingMemory) -> Table:
    """Both peaks by kind."""
    kinds = sorted({*found.breakdown, *other.breakdown}, key=lambda kind: found.breakdown.get(kind, 0), reverse=True)
    rows = []
    for kind in kinds:
        here, there = found.breakdown.get(kind, 0), other.breakdown.get(kind, 0)
        rows.append({"kind": kind, "bytes": here, "against_bytes": there})
    return Table(columns=TABLE, rows=rows, total="total")


def against_lines(found: TrainingMemory, other: TrainingMemory, words: Sequence[str], width: int) -> list[Line]:
    """How far apart the peaks are, and by what."""
    change = other.peak_bytes / found.peak_bytes - 1
    said = f"against {', '.join(words)}: peak {gibi(other.peak_bytes)}, {change:+.1%} (simulated)"
    return [*wrapped(said, width), *against_table(found, other).to_lines(width)]
