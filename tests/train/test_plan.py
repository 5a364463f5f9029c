"""What is said before a training starts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from convatlas import ConvatlasError
from convatlas.devices.cpu import Cpu
from convatlas.train import Run, plan, train


def test_what_cannot_fit_is_refused_with_ways_out_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free = Cpu.overhead_bytes + 30 * 2**20
    monkeypatch.setattr(plan, "free_bytes", lambda device: free)
    with pytest.raises(ConvatlasError, match=r"512 images takes .* are free; try --batch \d+, or --accumulate \d --batch \d+ for"):
        train("resnet20_cifar", "digits", epochs=1, batch=512, precision="fp32", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_batch_auto_takes_what_fits_and_no_more_than_there_are(
    monkeypatch: pytest.MonkeyPatch, train_tiny: Callable[..., Run]
) -> None:
    monkeypatch.setattr(plan, "free_bytes", lambda device: 2**40)
    assert train_tiny("all", batch="auto", epochs=1).job.recipe.batch == 1438


def test_the_plan_names_what_was_chosen_by_the_images(capsys: pytest.CaptureFixture[str], train_tiny: Callable[..., Run]) -> None:
    train_tiny("run", batch=None, epochs=1)
    told = capsys.readouterr().err
    assert "1,438 to train on, 359 to validate on, 10 classes" in told
    assert "batches of 32 images, not 128" in told
    assert "not mirrored: the classes are written characters" in told
    assert "predicted" in told


def test_lines_are_plain_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str], train_tiny: Callable[..., Run]) -> None:
    train_tiny("run")
    told = capsys.readouterr().err
    assert "\r" not in told
    assert told.count("\n") < 15
