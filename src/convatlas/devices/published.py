"""Published timings: a CSV of networks' throughput, one row a network, read and checked."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConvatlasError
from .conditions import Conditions

_COLUMNS = ("samples_per_sec", "batch_size", "img_size")
_PREFIXES = {"infer": False, "train": True}
_FASTEST, _LONGEST_SECONDS = 1e7, 3600.0  # images a second, and seconds a batch, beyond which a row is absurd


@dataclass(frozen=True)
class Row:
    """One network's timing: seconds for a batch of images."""

    network: str
    size: int
    batch: int
    seconds: float
    parameters: float | None  # in millions, as published; None where the file has no such column


def read(path: Path) -> tuple[list[Row], list[str]]:
    """The rows of a CSV, and a line for each row that was left out and why.

    The columns are those of timm's results: model, infer_img_size, infer_batch_size, infer_samples_per_sec, or the same of train_,
    and perhaps param_count.

    Raises:
        ConvatlasError: the file cannot be read, columns are missing, or no row is left.

    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or ())
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConvatlasError(f"{path}: no CSV that can be read: {error}") from None
    prefix = "train" if "train_samples_per_sec" in header else "infer"
    wanted = ["model", *(f"{prefix}_{column}" for column in _COLUMNS)]
    if missing := [column for column in wanted if column not in header]:
        raise ConvatlasError(f"{path}: the columns {', '.join(missing)} are missing; it has {', '.join(header) or 'none'}")
    rows: dict[tuple[str, int], Row] = {}
    left_out = []
    for number, line in enumerate(lines, start=2):
        try:
            row = _row(line, prefix)
        except _AbsurdRowError as error:
            left_out.append(f"line {number} ({line['model']}): {error}")
            continue
        known = rows.setdefault((row.network, row.size), row)
        if known is not row:
            left_out.append(f"line {number} ({row.network} at {row.size} px): a second row of it; the first one counts")
    if not rows:
        raise ConvatlasError(f"{path}: no row can be used; {left_out[0] if left_out else 'it has none'}")
    return list(rows.values()), left_out


class _AbsurdRowError(Exception):
    """A row that cannot be a timing; says why."""


def _row(line: dict[str, str], prefix: str) -> Row:
    rate, batch, size = (_number(line, f"{prefix}_{column}") for column in _COLUMNS)
    if not (math.isfinite(rate) and 0 < rate < _FASTEST):
        raise _AbsurdRowError(f"{rate} images a second")
    if batch < 1 or batch != int(batch) or size < 1 or size != int(size):
        raise _AbsurdRowError(f"a batch of {batch:g} at {size:g} px")
    if batch / rate > _LONGEST_SECONDS:
        raise _AbsurdRowError(f"{batch / rate:g} seconds for a batch")
    count = line.get("param_count")
    return Row(line["model"], int(size), int(batch), batch / rate, float(count) if count else None)


def _number(line: dict[str, str], column: str) -> float:
    try:
        return float(line[column])
    except (TypeError, ValueError):
        raise _AbsurdRowError(f"{column} is {line[column]!r}, not a number") from None


def conditions_of(path: Path) -> Conditions:
    """The conditions that a file's name tells, as timm names its results."""
    name = f"-{path.stem.lower()}-"
    version = re.search(r"-pt(?:(1)(\d\d?)|([2-9])(\d))", name)
    return Conditions(
        precision=next((word for word in ("amp_bf16", "bf16", "amp", "fp32", "fp16") if f"-{word}-" in name), "fp32"),
        layout="nhwc" if "-nhwc-" in name else "nchw",
        compiled="-dynamo-" in name,
        training="-train-" in name,
        torch=".".join(filter(None, version.groups())) if version else "",
    )


def device_of(path: Path, devices: Iterable[str]) -> str:
    """The device that a file's name tells.

    Raises:
        ConvatlasError: it names none that has a datasheet.

    """
    words = path.stem.lower().split("-")
    known = list(devices)
    found = [device for device in known if any(word in (device, device.removeprefix("rtx")) for word in words)]
    if not found:
        raise ConvatlasError(f"{path.name} names no device that has a datasheet; say which with --device: {', '.join(known)}")
    return max(found, key=len)


def family(network: str) -> str:
    """The family of a network by its name: its first word without sizes and prefixes of where its weights are from."""
    name = re.sub(r"^(tf_|gluon_|legacy_|ens_adv_|adv_)+", "", network)
    return re.split(r"[_\d]", name)[0] or name
