"""`convatlas memory`: what it prints is what was computed, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import convatlas as ca
from convatlas.analysis.fit import auto_checkpoints, max_batch
from convatlas.analysis.memory import Settings, training_memory
from convatlas.analysis.memory.notes_model import notes_estimate
from convatlas.api import graphs_by_batch
from convatlas.cli import main
from convatlas.devices.cpu import Cpu
from convatlas.sizes import parse_size

SMALL = ["memory", "resnet18", "--batch", "2", "--input", "3x64x64"]


def answer(capsys: Any, *options: str) -> dict[str, Any]:
    assert main([*SMALL, "--json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_json_is_the_simulation(capsys: Any) -> None:
    found = answer(capsys, "--optimizer", "adam")
    memory = ca.training_memory("resnet18", (2, 3, 64, 64), optimizer="adam")
    assert found["peak_bytes"] == memory.peak_bytes
    assert found["breakdown_bytes"] == memory.breakdown
    assert sum(row["bytes"] for row in found["rows"]) == memory.peak_bytes


@pytest.mark.parametrize("by", ["kind", "layer"])
def test_csv_has_the_rows_of_json(by: str, capsys: Any) -> None:
    rows = answer(capsys, "--by", by)["rows"]
    assert main([*SMALL, "--by", by, "--format", "csv"]) == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == len(rows)


def test_measured_stands_beside_predicted(capsys: Any) -> None:
    found = answer(capsys, "--measure")
    assert abs(found["measured"]["error"]) <= 0.005


def test_auto_takes_nothing_where_all_fits_and_less_than_everything_where_it_does_not() -> None:
    graph, how = ca.trace("resnet50", (16, 3, 96, 96), training=True), Settings(threads=1)
    peak = training_memory(graph, how).peak_bytes
    assert auto_checkpoints(graph, how, peak + Cpu.overhead_bytes) == ()
    some = auto_checkpoints(graph, how, int(peak * 0.9) + Cpu.overhead_bytes)
    assert 0 < len(some) < 16


def test_max_batch_is_a_maximum() -> None:
    graph_at, how = graphs_by_batch("squeezenet1_1", (3, 64, 64)), Settings(threads=1)
    fit = max_batch(graph_at, 64 * 2**20 + Cpu.overhead_bytes, how)
    assert training_memory(graph_at(fit.batch), how).peak_bytes <= 64 * 2**20
    assert training_memory(graph_at(fit.batch + 1), how).peak_bytes > 64 * 2**20


def test_the_notes_estimate_of_vgg16_is_16_gb() -> None:
    graph = ca.trace("vgg16", (128, 3, 224, 224), training=True)
    estimate = notes_estimate(graph, Settings(optimizer="momentum"))
    assert estimate.output_bytes / 128 / 2**20 == pytest.approx(58.12, rel=0.003)  # torchvision's adaptive pool beside the notes'
    assert estimate.copies * estimate.parameter_bytes / 2**30 == pytest.approx(1.54, abs=0.01)
    assert estimate.num_bytes / 2**30 == pytest.approx(16, abs=0.2)


def test_notes_estimate_says_why_it_is_off(capsys: Any) -> None:
    assert main([*SMALL, "--estimate", "notes"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "off the simulated peak. Why:" in out
    assert "the gradient of an output lives only until the layer before it is done" in out


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        ("24GiB", 24 * 2**30),
        ("24gib", 24 * 2**30),
        ("24GB", 24 * 10**9),
        ("8g", 8 * 2**30),
        ("1.5 MiB", 3 * 2**19),
        ("4194304", 2**22),
        ("512k", 2**19),
    ],
)
def test_sizes(text: str, num_bytes: int) -> None:
    assert parse_size(text, "--fit") == num_bytes


TEXT = """
from torch import nn
class Text(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Embedding(50, 8), nn.Flatten(), nn.LazyLinear(4))
"""


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_what_a_trace_found_out_is_measured_too(capsys: Any, tmp_path: Path) -> None:
    (file := tmp_path / "own.py").write_text(TEXT)
    assert main(["memory", f"{file}:Text", "--input", "6", "--batch", "64", "--measure", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"] == [{"shape": [64, 6], "dtype": "int64"}]
    assert abs(found["measured"]["error"]) <= 0.1
