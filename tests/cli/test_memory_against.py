"""`memory --against`: one step under two settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convatlas as ca

from .conftest import Run

SMALL = ("memory", "resnet18", "--input", "3x64x64", "--batch", "4")


def test_both_peaks_are_those_of_their_settings(run: Run) -> None:
    found = json.loads(run(*SMALL, "--against", "checkpoint=blocks", "--against", "precision=amp", "--json").out)
    shape = (4, 3, 64, 64)
    assert found["peak_bytes"] == ca.training_memory("resnet18", shape).peak_bytes
    other = ca.training_memory("resnet18", shape, precision="amp", checkpoint="blocks")
    assert found["against"]["peak_bytes"] == other.peak_bytes
    assert sum(row["against_bytes"] for row in found["against"]["rows"]) == other.peak_bytes


def test_they_are_drawn_over_each_other(run: Run) -> None:
    assert run(*SMALL, "--against", "checkpoint=blocks", "-o", "steps.svg").status == 0
    drawn = Path("steps.svg").read_text()
    assert "resnet18: peak" in drawn
    assert "checkpoint=blocks: peak" in drawn


@pytest.mark.parametrize(
    ("word", "said"),
    [("chekpoint=blocks", "did you mean checkpoint"), ("precision=fp99", "did you mean fp32 or fp16"), ("threads=0", "from 1")],
)
def test_what_cannot_be_is_one_line(word: str, said: str, run: Run) -> None:
    found = run(*SMALL, "--against", word)
    assert found.status == 2
    assert said in " ".join(found.err.split())
