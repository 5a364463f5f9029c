"""A study end to end, at a size that trains in a second."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from convatlas.errors import ConvatlasError
from convatlas.studies import design_of, measure
from convatlas.studies.design import Form
from convatlas.studies.result import study
from convatlas.studies.run import Task, perform


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batchnorm study on 64 digits, in this process."""
    design = replace(design_of("batchnorm"), quick=Form(images=64, test_images=32, size=8, epochs=1, batch=32))
    monkeypatch.setattr("convatlas.studies.design_of", lambda name: design)
    monkeypatch.setattr("convatlas.studies.run._here", lambda tasks, jobs: ((task, perform(task)) for task in tasks))


@pytest.mark.usefixtures("tiny")
def test_a_study_leaves_rows_verdict_and_figure_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    found = study("batchnorm", quick=True, seeds=1, data="digits", output=tmp_path, progress=lambda *each: told.append(each))
    rows, curves = (list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("rows.csv", "curves.csv"))
    assert [row["arm"] for row in rows] == [arm.name for arm in found.design.arms]
    assert told[-1][:2] == (5, 5)
    assert len(curves) == 5
    assert found.verdict.count("not decided") == 3
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")
    assert found.verdicts[0].sentence() in (tmp_path / "verdict.md").read_text()

    told.clear()
    more = study("batchnorm", quick=True, seeds=2, data="digits", output=tmp_path, progress=lambda *each: told.append(each))
    assert len(told) == 5  # the second seed's alone
    assert [row for row in more.rows if row["seed"] == 0] == list(found.rows)
    assert all(verdict.interval for verdict in more.verdicts)


@pytest.mark.usefixtures("tiny")
def test_a_run_is_the_same_in_another_folder(tmp_path: Path) -> None:
    rows = [
        measure.row_of(
            Task(study="batchnorm", arm="vgg16-grown", seed=1, quick=True, data="digits", folder=tmp_path / name, threads=1)
        )
        for name in ("a", "b")
    ]
    timed = {"microseconds_per_image", "images_per_second", "seconds"}
    first, second = ({key: value for key, value in row.items() if key not in timed} for row in rows)
    assert first == second


def test_a_run_that_diverges_counts_as_one_that_guesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = Form(images=64, test_images=32, size=8, epochs=3, batch=32)
    design = replace(design_of("batchnorm"), quick=form, changes={"lr": 1e30})
    monkeypatch.setattr("convatlas.studies.design_of", lambda name: design)
    monkeypatch.setattr("convatlas.studies.run._here", lambda tasks, jobs: ((task, perform(task)) for task in tasks))
    found = study("batchnorm", quick=True, seeds=1, data="digits", output=tmp_path)
    diverged = [row for row in found.rows if row.get("diverged_at_step")]
    assert {row["arm"] for row in diverged} >= {"vgg11", "vgg16"}
    assert all(row["train_loss"] == pytest.approx(math.log(10)) and row["val_error_percent"] == 90 for row in diverged)
    assert "counts as a network that guesses" in (tmp_path / "verdict.md").read_text()


def test_an_unknown_study_gets_the_nearest() -> None:
    with pytest.raises(ConvatlasError, match="did you mean degradation"):
        study("degredation")


def test_no_seeds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvatlasError, match=r"`--seeds` \(=0\) must be at least 1"):
        study("degradation", seeds=0, output=tmp_path)
