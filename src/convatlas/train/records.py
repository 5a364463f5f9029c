"""The files of a run's folder that say what it is: run.json and metrics.csv."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import ConvatlasError
from ..files import atomic_write, csv_text
from ..runtime.host import cpu_name, installed_versions
from .display import peak_bytes_of_process
from .state import COLUMNS, Row

FORMAT = 1
RUN, METRICS = "run.json", "metrics.csv"
_PACKAGES = ("convatlas", "torch", "torchvision", "accelerate", "numpy", "safetensors")


def write_run(folder: Path, record: Mapping[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    with atomic_write(folder / RUN) as file:
        file.write((json.dumps({"format": FORMAT, **record}, indent=2, ensure_ascii=False) + "\n").encode())


def read_run(folder: Path) -> dict[str, Any]:
    """The record of a run.

    Raises:
        ConvatlasError: the folder holds no run, a damaged one, or one written by a newer version.
    """
    file = folder / RUN
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        written = record["format"]
    except FileNotFoundError:
        raise ConvatlasError(f"{folder} holds no run: there is no {RUN} in it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConvatlasError(f"{file} is no record of a run: {error}") from None
    if not isinstance(written, int) or written > FORMAT:
        raise ConvatlasError(
            f"{file} was written by a newer convatlas ({record.get('versions', {}).get('convatlas', 'unknown')}, format {written}); "
            f"this one reads format {FORMAT}: install the newer one"
        )
    return dict(record)


def note_peak(folder: Path, device: torch.device) -> None:
    """Note in run.json the most memory that this process has had: of tensors on CUDA, of everything on a CPU."""
    on_cuda = device.type == "cuda"
    peak = torch.cuda.max_memory_allocated(device) if on_cuda else peak_bytes_of_process()
    record = read_run(folder)
    write_run(folder, record | {"measured": {"peak_bytes": peak, "of": "tensors" if on_cuda else "process"}})


def write_metrics(folder: Path, rows: Sequence[Row]) -> None:
    """Write metrics.csv from the rows of the state, so that it never tells more than can be gone on from."""
    with atomic_write(folder / METRICS) as file:
        file.write(csv_text(rows, COLUMNS).encode())


def read_metrics(folder: Path) -> list[Row]:
    """The rows of metrics.csv as numbers; None where a cell is empty."""
    file = folder / METRICS
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as opened:
        return [{name: _number(value) for name, value in row.items()} for row in csv.DictReader(opened)]


def _number(text: str) -> int | float | None:
    if text == "":
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def versions() -> dict[str, str]:
    """Versions of what decides a run's bits."""
    return {"python": platform.python_version(), **installed_versions(_PACKAGES)}


def host(device: torch.device, processes: int) -> dict[str, Any]:
    """The machine a run is on."""
    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "processes": processes,
    }


def command_line() -> list[str]:
    """What was typed, with the program as a person would type it."""
    program, *arguments = sys.argv
    if Path(program).name in ("__main__.py", "convatlas"):
        return ["convatlas", *arguments]
    return [Path(program).name, *arguments]
