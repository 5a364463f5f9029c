"""Several processes: what one process gives, whichever way the images are shared out; and an end when one of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convatlas.cli import main
from convatlas.train import Run

NET = """
from torch import nn

class Net(nn.Sequential):  # neither batch norm nor dropout
    def __init__(self):
        super().__init__(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10))
"""
SETTINGS = ("--data", "digits", "--batch", "144", "--precision", "fp32", "--device", "cpu", "--set", "ema=0", "--set", "crop=none")


@pytest.fixture
def net(tmp_path: Path) -> str:
    """A network in a file."""
    (tmp_path / "net.py").write_text(NET)
    return f"{tmp_path / 'net.py'}:Net"


def launched(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "convatlas", "train"]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_two_processes_follow_one_for_20_steps_and_one_goes_on_with_their_run(tmp_path: Path, net: str) -> None:
    assert main(["train", net, *SETTINGS, "--epochs", "3", "-o", str(tmp_path / "one")]) == 0
    two = launched(net, *SETTINGS, "--epochs", "3", "-o", str(tmp_path / "two"))
    output, _ = two.communicate(timeout=240)
    assert two.returncode == 0, output
    assert output.count("best: epoch") == 1  # one of them speaks
    rows = zip(Run.open(tmp_path / "one").metrics, Run.open(tmp_path / "two").metrics, strict=True)
    for one, other in rows:
        assert (one["step"], one["images"]) == (other["step"], other["images"])
        for loss in ("train_loss", "val_loss"):
            assert abs(one[loss] - other[loss]) < 1e-5
    assert main(["train", "--resume", str(tmp_path / "two"), "--epochs", "4"]) == 0
    assert [row["step"] for row in Run.open(tmp_path / "two").metrics] == [10, 20, 30, 40]


@pytest.mark.slow
def test_all_end_within_30_seconds_when_one_dies(tmp_path: Path, net: str) -> None:
    process = launched(net, *SETTINGS, "--epochs", "10000", "-o", str(tmp_path / "run"))
    while not (tmp_path / "run" / "metrics.csv").is_file():
        assert process.poll() is None
        time.sleep(0.2)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    began = time.monotonic()
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode != 0
    assert "SIGKILL" in output
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "3"]) == 0
