"""A whole state lies in ``last/`` at every instant, on a full disk too."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convatlas import ConvatlasError
from convatlas.files import atomic_folder, folder_at, recover_folder
from convatlas.train import DiskFullError, Run, train
from convatlas.train import checkpoint as checkpoints

if TYPE_CHECKING:
    from .conftest import Tiny

Make = Callable[..., "Tiny"]


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


def test_a_kill_before_any_system_call_of_an_exchange_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "last"
    with atomic_folder(place) as folder:
        (folder / "a").write_text("old")
    calls = {"count": 0, "at": -1}

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            calls["count"] += 1
            if calls["count"] == calls["at"]:
                raise Killed
            return function(*args, **options)

        return call

    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    monkeypatch.setattr(Path, "mkdir", counted(Path.mkdir))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    seen = set()
    for at in range(1, 30):
        calls.update(count=0, at=at)
        try:
            with atomic_folder(place) as folder:
                (folder / "a").write_text("new")
        except Killed:
            found = folder_at(place)
            assert found is not None
            seen.add((found / "a").read_text())
        calls.update(count=0, at=-1)
        recover_folder(place)
        assert (place / "a").read_text() in ("old", "new")
        assert [each.name for each in tmp_path.iterdir()] == ["last"]
        with atomic_folder(place) as folder:
            (folder / "a").write_text("old")
    assert seen == {"old", "new"}


def test_a_full_disk_leaves_the_last_state_and_training_goes_on_when_there_is_room(
    tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make, result_of: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_tiny("whole")
    real = checkpoints.save_file
    written = {"times": 0}

    def full(*args: Any, **options: Any) -> None:
        written["times"] += 1
        if written["times"] == 3:  # the start, the first epoch, and no room for the second
            raise OSError(28, "No space left on device")
        real(*args, **options)

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(DiskFullError, match=r"takes .* MiB, and .* MiB are free.*--resume"):
        train_tiny("cut")
    assert json.loads((tmp_path / "cut" / "last" / "state.json").read_text())["progress"]["epoch"] == 1
    assert Run.open(tmp_path / "cut", tiny()).network()
    train(tiny(), output=tmp_path / "cut", resume=True)
    assert result_of(tmp_path / "cut") == result_of(tmp_path / "whole")


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors", "state.json"])
def test_a_damaged_state_is_told_by_its_file(file: str, tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make) -> None:
    run = train_tiny("run", epochs=1)
    place = run.folder / "last" / file
    content = place.read_bytes()
    place.unlink()  # best/ has the same file
    place.write_bytes(content[: len(content) // 2])
    with pytest.raises(ConvatlasError, match="last"):
        train(tiny(), output=run.folder, resume=True)


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path, train_tiny: Callable[..., Run], tiny: Make) -> None:
    from filelock import FileLock

    run = train_tiny("run", epochs=1)
    with FileLock(run.folder / ".lock"), pytest.raises(ConvatlasError, match="another process"):
        train(tiny(), output=run.folder, resume=True, epochs=2)


def test_other_data_at_resume_are_noticed(train_tiny: Callable[..., Run], tiny: Make) -> None:
    from convatlas.train.data import open_data

    run = train_tiny("run", epochs=1)
    with pytest.raises(ConvatlasError, match="not what the run"):
        train(tiny(), open_data("digits", seed=5), output=run.folder, resume=True)


def test_another_network_at_resume_is_refused(train_tiny: Callable[..., Run]) -> None:
    from torch import nn

    run = train_tiny("run", epochs=1)

    class Tiny(nn.Sequential):
        pass

    with pytest.raises(ConvatlasError, match=r"model\.safetensors does not fit"):
        train(Tiny(nn.Flatten(), nn.Linear(64, 10)), output=run.folder, resume=True)


def test_the_best_epoch_survives_a_resume(train_tiny: Callable[..., Run], tiny: Make) -> None:
    run = train_tiny("run", epochs=2, lr=0.05)
    best = run.best
    assert best is not None
    kept = (run.folder / "best" / "model.safetensors").read_bytes()
    again = train(tiny(), output=run.folder, resume=True, epochs=3, lr=0.05)
    if again.best is not None and again.best["epoch"] == best["epoch"]:
        assert (run.folder / "best" / "model.safetensors").read_bytes() == kept
