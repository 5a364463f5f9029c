"""Measurements as rows of plain data, and beside earlier ones: what changed by more than noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConvatlasError
from .bench import Measured
from .rounds import QUIET_CORES

_LEAST_CHANGE = 0.05  # of the time: less is seen between two runs of the same
_NEEDED = {"network", "runtime", "shape", "milliseconds", "low_milliseconds", "high_milliseconds", "other_cores", "host"}


class Change(NamedTuple):
    """A time beside an earlier one.

    Attributes:
        before_milliseconds: the earlier median.
        ratio: the time now over the earlier one.
        is_beyond_noise: whether the medians differ by more than 5 % and the quartiles lie apart.
        is_quiet: whether nobody else used the machine, either time; else the ratio says nothing.

    """

    before_milliseconds: float
    ratio: float
    is_beyond_noise: bool
    is_quiet: bool


def row(found: Measured) -> dict[str, Any]:
    """Plain data, as JSON takes it."""
    return asdict(found) | {"images_per_second": found.images_per_second, "peak_share": found.peak_share}


def earlier_rows(path: Path) -> list[Mapping[str, Any]]:
    """The rows that `convatlas bench --json` wrote.

    Raises:
        ConvatlasError: it is no such file.
        OSError: it cannot be read.

    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    except (ValueError, TypeError, KeyError):
        rows = None
    if not isinstance(rows, list) or any(not isinstance(each, dict) or not each.keys() >= _NEEDED for each in rows):
        raise ConvatlasError(f"{path} holds no measurements; write them with `convatlas bench ... -o {path.stem}.json`")
    return rows


def change(now: Measured, rows: Sequence[Mapping[str, Any]]) -> Change | None:
    """Beside the last of the rows of the same network, runtime and shape; None where there is none."""
    wanted = (now.network, now.runtime, list(now.shape))
    before = next((its for its in reversed(rows) if (its["network"], its["runtime"], its["shape"]) == wanted), None)
    if before is None:
        return None
    ratio = now.milliseconds / before["milliseconds"]
    apart = now.low_milliseconds > before["high_milliseconds"] or now.high_milliseconds < before["low_milliseconds"]
    quiet = now.is_quiet and (before["other_cores"] or 0.0) < QUIET_CORES
    return Change(before["milliseconds"], ratio, apart and abs(ratio - 1) > _LEAST_CHANGE, quiet)


def other_conditions(now: Measured, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not as it was: the CPU, the threads, the versions."""
    host = asdict(now.host)
    before = {key: value for its in rows for key, value in its["host"].items()}
    return [f"{key} was {before.get(key)}, is {host[key]}" for key in host if before.get(key) != host[key] and rows]
