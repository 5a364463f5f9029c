"""Measured times of kernels, as lines of JSON in a file that grows, so that an interrupted calibration goes on from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..devices.kernel import Kernel, Product, Window
from ..errors import ConvatlasError
from ..files import atomic_write


class Row(NamedTuple):
    """A piece's time.

    Attributes:
        name: of the piece.
        network: whether it is a whole network.
        kernels: that run, and how often.
        seconds: the median of its calls.

    """

    name: str
    network: bool
    kernels: Mapping[Kernel, int]
    seconds: float


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none if it does not exist. A last line that was cut short counts for nothing.

    Raises:
        ConvatlasError: the file cannot be read, or is none of rows.

    """
    if not path.exists():
        return []
    try:
        return [_row(json.loads(line)) for line in _whole_lines(path)]
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise ConvatlasError(f"{path}: no rows of a calibration: {error}; remove it, and calibrate anew") from None


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows behind those that a file has; all of them land, or none."""
    text = "".join(json.dumps({**row._asdict(), "kernels": list(row.kernels.items())}) + "\n" for row in rows)
    kept = _whole_lines(path) if path.exists() else []
    with atomic_write(path) as file:
        file.write("".join([*kept, text]).encode())


def _whole_lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]


def _row(data: dict[str, Any]) -> Row:
    kernels = {_kernel(kernel): int(count) for kernel, count in data["kernels"]}
    return Row(str(data["name"]), bool(data["network"]), kernels, float(data["seconds"]))


def _kernel(values: list[Any]) -> Kernel:
    made = Kernel(*values)
    product, window = made.product, made.window
    return made._replace(
        product=Product(*product) if product else None, window=Window(tuple(window[0]), *window[1:]) if window else None
    )
