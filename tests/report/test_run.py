"""The page of a training says what its folder records, and asks nothing of elsewhere."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from convatlas.cli import main


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs on the digits; the folder was moved since."""
    folder = tmp_path_factory.mktemp("page") / "first"
    assert main(["train", "resnet20_cifar", "--epochs", "2", "--batch", "256", "--precision", "fp32", "-o", str(folder)]) == 0
    return Path(shutil.move(folder, folder.with_name("moved")))


@pytest.fixture(scope="module")
def page(run_folder: Path) -> str:
    return (run_folder / "report.html").read_text(encoding="utf-8")


def test_the_best_epoch_is_that_of_the_metrics(page: str, run_folder: Path) -> None:
    with (run_folder / "metrics.csv").open(newline="") as file:
        best = max(csv.DictReader(file), key=lambda row: float(row["val_top1"]))
    assert f"<b>{float(best['val_top1']):.2f}</b>" in page
    assert f"<b>{best['epoch']}</b>" in page


def test_the_table_of_classes_holds_each_validation_image_once(page: str, run_folder: Path) -> None:
    table = page.partition('class="confusion"')[2].partition("</table>")[0]
    cells = re.findall(r'<td class="n (?:right|wrong)"[^>]*>([\d,·]+)</td>', table)
    counted = sum(int(cell.replace(",", "")) for cell in cells if cell != "·")
    assert counted == sum(json.loads((run_folder / "run.json").read_text())["data"]["images"]["val"].values()) == 359


def test_the_worst_mistakes_are_pictures_in_the_page(page: str) -> None:
    pictures = re.findall(r'<img src="([^"]{30})[^"]*" alt="(digits \d+)"', page)
    assert len(pictures) == 24
    assert all(source.startswith("data:image/png;base64,") for source, _ in pictures)
    losses = [float(loss) for loss in re.findall(r", loss ([\d.]+)</small>", page)]
    assert losses == sorted(losses, reverse=True)


def test_predicted_and_measured_memory_and_the_command_are_told(page: str) -> None:
    assert "predicted" in page
    assert "measured" in page
    assert "<pre>" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
