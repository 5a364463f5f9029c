"""A training that was cut off and gone on with ends in the same bits as one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convatlas import ConvatlasError
from convatlas.train import Interrupted, Run, train

if TYPE_CHECKING:
    from .conftest import Tiny

Make = Callable[..., "Tiny"]
Result = Callable[[Path], dict[str, Any]]


@pytest.mark.parametrize("step", [1, 5, 12, 13, 24], ids=["first", "within", "end-of-epoch", "begin-of-epoch", "last"])
def test_a_stop_at_any_step_changes_no_bit(
    step: int, tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make, result_of: Result
) -> None:
    train_tiny("whole")
    with pytest.raises(Interrupted):
        train_tiny("cut", tiny(stop_at=step))
    train(tiny(), output=tmp_path / "cut", resume=True)
    assert result_of(tmp_path / "cut") == result_of(tmp_path / "whole")


def test_accumulated_batches_and_an_odd_tail_resume_to_the_same_bits(
    tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make, result_of: Result
) -> None:
    settings = {"batch": 100, "accumulate": 4, "mixup": 0.0}  # 1,438 images: 3 windows of 400, and one of 238
    train_tiny("whole", **settings)
    with pytest.raises(Interrupted):
        train_tiny("cut", tiny(stop_at=6), **settings)
    train(tiny(), output=tmp_path / "cut", resume=True)
    assert result_of(tmp_path / "cut") == result_of(tmp_path / "whole")
    assert [row["step"] for row in Run.open(tmp_path / "cut").metrics] == [4, 8]


def test_more_epochs_at_resume_keep_what_was_done_and_tell_both_rates(
    tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    train_tiny("run")
    run = train(tiny(), output=tmp_path / "run", resume=True, epochs=3)
    assert "which would be 0 over 2 epochs" in capsys.readouterr().err
    assert [row["epoch"] for row in run.metrics] == [1, 2, 3]


@pytest.mark.parametrize(
    "changed", [{"batch": 64}, {"seed": 3}, {"precision": "bf16"}, {"recipe": "resnet"}, {"lr": 1.0}, {"freeze": ("fc",)}]
)
def test_other_settings_at_resume_are_refused(
    changed: dict[str, Any], tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make
) -> None:
    train_tiny("run", epochs=1)
    with pytest.raises(ConvatlasError, match=next(iter(changed))):
        train(tiny(), output=tmp_path / "run", resume=True, **changed)
