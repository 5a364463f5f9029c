"""A run that is killed at random moments, in the middle of a state's writing too, ends in the bits of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Result = Callable[[Path], dict[str, Any]]
SETTINGS = (
    "train", "resnet20_cifar", "--size", "16", "--batch", "32", "--workers", "2", "--precision", "fp32",
    "--set", "mixup=0.2", "--checkpoint-minutes", "0",
)  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """120 small pictures in three classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (120, 20, 24, 3), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        folder = tmp_path / "photos" / "abc"[index % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{index}.png")
    return tmp_path / "photos"


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "convatlas", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def killed_at_random(process: subprocess.Popen[bytes], state: Path, moment: random.Random) -> bool:
    """Kill it and its workers after it has written a state of its own, and up to a second more; whether it still ran."""
    before = state.stat().st_ino if state.is_file() else None
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if state.stat().st_ino != before:
                break
        except FileNotFoundError:  # between two renames
            pass
        time.sleep(0.01)
    time.sleep(moment.uniform(0, 1))
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def check_kills(kills: int, epochs: int, tmp_path: Path, photos: Path, result_of: Result) -> None:
    data = ("--data", str(photos), "--epochs", str(epochs))
    assert started(*SETTINGS, *data, "--output", str(tmp_path / "whole")).wait() == 0
    cut, moment = tmp_path / "cut", random.Random(0)
    process = started(*SETTINGS, *data, "--output", str(cut))
    happened = 0
    for _ in range(kills):
        happened += killed_at_random(process, cut / "last" / "state.json", moment)
        process = started("train", "--resume", str(cut))
    assert process.wait(timeout=300) == 0
    assert happened
    assert result_of(cut) == result_of(tmp_path / "whole")
    assert not list(cut.glob(".last.*")) + list(cut.glob(".best.*"))


def test_two_kills_change_no_bit(tmp_path: Path, photos: Path, result_of: Result) -> None:
    check_kills(2, 4, tmp_path, photos, result_of)


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path: Path, photos: Path, result_of: Result) -> None:
    check_kills(20, 40, tmp_path, photos, result_of)
