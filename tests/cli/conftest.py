"""What the tests of the command line share: a run in this process, in an empty folder, 80 columns wide."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from convatlas.cli import main


@dataclass
class Result:
    """What a command did."""

    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Result]]:
    """Runs one command; its current folder is empty but for what the test puts there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", list(sys.path))

    def command(*args: str) -> Result:
        status = main(list(args))
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    yield command
    for name in [name for name in sys.modules if name.startswith("convatlas_user_")]:
        del sys.modules[name]


NET = """
from torch import nn
import torch

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))

class Branching(Net):
    def forward(self, x):
        if x.sum() > 0:
            x = -x
        return x

class Failing(Net):
    def forward(self, x):
        raise RuntimeError("the user's own message")

class Exotic(Net):
    def forward(self, x):
        return self.fc(torch.linalg.matrix_exp(self.conv(x)).mean((2, 3)))

class NeedsNumbers(Net):
    def __init__(self):
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]

def takes_an_argument(size):
    return Net()

def number():
    return 3

def talking():
    print("some words")
    return Net()

instance = Net()
table = {}
"""


@pytest.fixture
def net_file(tmp_path: Path) -> str:
    """A file of networks, as a user writes it, in the current folder."""
    (tmp_path / "net.py").write_text(NET)
    return "net.py"
