"""`convatlas bench`: a row for each network, batch and runtime; what changed since; what is refused."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from convatlas.devices.conditions import Conditions
from convatlas.devices.profile import find
from convatlas.runtime import rounds

Run = Any
pytestmark = pytest.mark.usefixtures("short_samples")


@pytest.fixture
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call is a sample, whatever else the machine does."""
    monkeypatch.setattr(rounds, "_SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(rounds.OtherLoad, "cores", lambda self: 0.0)


def bench(run: Run, *arguments: str) -> Any:
    return run("bench", "net.py:Net", "--input", "3x16x16", "--rounds", "1", *arguments)


@pytest.mark.usefixtures("net_file")
def test_a_sweep_is_a_row_for_each_batch_and_runtime(run: Run) -> None:
    rows = json.loads(bench(run, "--batch", "1,4", "--runtime", "eager", "--runtime", "bf16", "--json").out)["rows"]
    assert [(row["shape"], row["runtime"]) for row in rows] == [
        ([batch, 3, 16, 16], runtime) for batch in (1, 4) for runtime in ("eager", "bf16")
    ]
    assert {"cpu", "threads", "versions"} <= rows[0]["host"].keys()


@pytest.mark.usefixtures("net_file")
def test_the_table_says_what_it_was_measured_on(run: Run) -> None:
    said = " ".join(bench(run).out.split())
    assert "Measured on" in said
    assert "threads, torch 2." in said
    assert "GFLOP/s in float32" in said


@pytest.mark.usefixtures("net_file")
def test_against_tells_a_change_from_noise(run: Run, tmp_path: Path) -> None:
    bench(run, "-o", "before.json")
    before = json.loads((tmp_path / "before.json").read_text())
    row = before["rows"][0]
    for key in ("milliseconds", "low_milliseconds", "high_milliseconds"):
        row[key] *= 1e6
    row["host"]["threads"] = 99
    (tmp_path / "before.json").write_text(json.dumps(before))
    said = " ".join(bench(run, "--against", "before.json", "--batch", "1,2").out.split())
    assert "-100 %" in said
    assert "not measured before" in said
    assert "Not as in before.json: threads was 99" in said


@pytest.mark.usefixtures("net_file")
def test_a_profile_is_a_row_for_each_module_and_its_macs_are_all_there_are(run: Run) -> None:
    made = json.loads(bench(run, "--profile", "--batch", "2", "--json").out)
    counted = json.loads(run("cost", "net.py:Net", "--input", "3x16x16", "--batch", "2", "--json").out)
    assert sum(layer["macs"] for layer in made["layers"]) == counted["macs"]
    assert sum(layer["share"] for layer in made["layers"]) == pytest.approx(1)
    assert (made["batch"], made["dtype"], made["input"]) == (2, "float32", [3, 16, 16])


@pytest.mark.usefixtures("net_file")
def test_what_this_machines_profile_predicts_stands_beside_the_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = find("i9_10940x", Conditions(precision="fp32", compiled=True))
    monkeypatch.setattr(import_module("convatlas.api.latency"), "profile_for", lambda *arguments, **options: profile)
    rows = json.loads(bench(run, "--runtime", "eager", "--runtime", "folded", "--json").out)["rows"]
    assert rows[0]["predicted_milliseconds"] > 0
    assert rows[1]["predicted_milliseconds"] is None  # its graph is another
    layers = json.loads(bench(run, "--profile", "--json").out)["layers"]
    assert 0 < sum(layer["predicted_milliseconds"] for layer in layers) <= rows[0]["predicted_milliseconds"]
    assert "predicted" in bench(run).out


@pytest.mark.usefixtures("net_file")
def test_a_chart_is_drawn_by_the_files_ending(run: Run, tmp_path: Path) -> None:
    bench(run, "--batch", "1,2", "-o", "rates.svg")
    assert "images in a call" in (tmp_path / "rates.svg").read_text()


@pytest.mark.usefixtures("net_file")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "--batch", "1,2"], "--profile takes one batch, got 2: 1, 2"),
        (["--profile", "--runtime", "openvino"], "--profile is a table of layers by PyTorch eager"),
        (["--runtime", "tensorrt"], "unknown runtime 'tensorrt'"),
        (["--batch", "1,x"], "`--batch` (=1,x) is no list of whole numbers of at least 1, as 1,8,32"),
        (["--input", "1,3,16,16"], "`--input` (=1,3,16,16) is no image without its batch, as 3x224x224"),
        (["--against", "net.py"], "net.py holds no measurements"),
        (["--against", "none.json"], "none.json"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_status_2(run: Run, arguments: list[str], message: str) -> None:
    result = bench(run, *arguments)
    assert result.status == 2
    assert message in " ".join(result.err.split())
