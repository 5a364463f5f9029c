"""What the tests of training share: a tiny network with all that makes a resume hard, and its runs on the bundled digits."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convatlas.train import Run, train

torch.set_num_threads(1)  # a worker a core

TIMES = ("images_per_second", "seconds", "epoch_seconds")


class Tiny(nn.Module):
    """8x8 pixels, 10 classes: batch norm, dropout, and a signal to itself in the forward pass of a given training step."""

    def __init__(self, stop_at: int = -1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(128, 10)
        self.stop_at = stop_at
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training and type(x) is Tensor:  # not while it is traced
            self.steps += 1
            if self.steps == self.stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
        logits: Tensor = self.fc(self.dropout(self.norm(self.conv(x)).relu().flatten(1)))
        return logits


@pytest.fixture
def tiny() -> Callable[..., Tiny]:
    """Makes the tiny network, with the same weights at every call; ``stop_at`` is the step at which it sends itself SIGTERM."""

    def make(stop_at: int = -1) -> Tiny:
        torch.manual_seed(0)
        return Tiny(stop_at)

    return make


@pytest.fixture
def train_tiny(tmp_path: Path, tiny: Callable[..., Tiny]) -> Callable[..., Run]:
    """Train it for two epochs of 12 steps, in a folder of that name, with averaged weights and mixed images."""

    def run(name: str = "run", module: nn.Module | None = None, **settings: Any) -> Run:
        settings = {"epochs": 2, "batch": 128, "precision": "fp32", "mixup": 0.2, **settings}
        return train(tiny() if module is None else module, "digits", output=tmp_path / name, **settings)

    return run


@pytest.fixture(scope="session")
def result_of() -> Callable[[Path], dict[str, Any]]:
    """All of a run's folder that must be the same at every repetition: weights, states, rows; times are left out."""

    def result(folder: Path) -> dict[str, Any]:
        def timeless(values: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in values.items() if name not in TIMES}

        progress = timeless(json.loads((folder / "last" / "state.json").read_text())["progress"])
        progress["rows"] = [timeless(row) for row in progress["rows"]]
        with (folder / "metrics.csv").open(newline="") as file:
            rows = [timeless(row) for row in csv.DictReader(file)]
        files = {f.relative_to(folder): f.read_bytes() for f in sorted(folder.glob("*/*.safetensors"))}
        return {"files": files, "progress": progress, "rows": rows}

    return result
