"""Measure the zoo's networks on this CPU in a process of its own: what single ops leave of a heap makes a network slower than it is alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from ..devices.conditions import Conditions
from ..errors import ConvatlasError
from .calibration import Measurements, measured
from .pieces import network_pieces
from .rows import read_rows


def measured_networks(
    conditions: Conditions, path: Path, limit_seconds: float, progress: Callable[[int, int, str], None]
) -> Measurements:
    """As `measured`, of `network_pieces`, with as many threads as here.

    Raises:
        ConvatlasError: as `measured`, or the process ended early.

    """
    given = {
        "conditions": [conditions.precision, conditions.layout, conditions.torch],
        "path": str(path),
        "limit_seconds": limit_seconds,
        "threads": torch.get_num_threads(),
    }
    told: dict[str, object] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "convatlas.measure.networks", json.dumps(given)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "done" in told:
                progress(*told["done"])  # type: ignore[misc]
    if process.returncode or "reference" not in told:
        reason = told.get("error", f"the process that measures networks ended with status {process.returncode}")
        raise ConvatlasError(f"{reason}; what it has measured is kept")
    return Measurements(read_rows(path), told["reference"], told["disturbed"])  # type: ignore[arg-type]


def _main(given: str) -> None:
    order = json.loads(given)
    torch.set_num_threads(order["threads"])
    precision, layout, version = order["conditions"]
    networks = network_pieces(Conditions(precision=precision, layout=layout, torch=version))
    try:
        found = measured(networks, Path(order["path"]), order["limit_seconds"], lambda *done: _tell({"done": done}))
    except ConvatlasError as error:
        _tell({"error": str(error)})
        sys.exit(2)
    except KeyboardInterrupt:  # the calling process tells
        sys.exit(130)
    _tell({"reference": found.reference, "disturbed": found.disturbed})


def _tell(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
