"""`pick` on the command line: what it prints, what it refuses, and that it imports no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

Run = Any


def test_rows_front_misses_and_advice_in_80_columns(run: Run) -> None:
    result = run("pick", "--max-latency", "20ms", "--device", "rtx4090", "--batch", "64", "--max-params", "30M", "--limit", "5")
    assert result.status == 0
    words = " ".join(result.out.split())
    assert "with params at most 30.00 M, latency at most 20.00 ms" in words
    assert "batch 64, amp; times on rtx4090 (predicted" in words
    assert "Would come first, but miss:" in words
    assert "Take " in words
    assert max(map(len, result.out.splitlines())) <= 80


def test_json_tells_conditions_limits_and_intervals(run: Run) -> None:
    record = json.loads(run("pick", "--max-macs", "1G", "--device", "rtx3090", "--batch", "32", "--limit", "3", "--json").out)
    assert (record["device"], record["batch"], record["precision"], record["limits"]) == ("rtx3090", 32, "amp", {"macs": 1e9})
    assert len(record["networks"]) == 3
    for row in record["networks"]:
        assert row["latency_low_ms"] < row["latency_ms"] < row["latency_high_ms"]
        assert row["accuracy_source"]


def test_it_imports_no_torch() -> None:
    code = (
        "import sys; from convatlas.cli import main; "
        "status = main(['pick', '--max-params', '10M', '--format', 'csv']); sys.exit(9 if 'torch' in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("network,on_front,input_px,top1_percent")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-params", "10X"], "`--max-params` (='10X') is no count; write 10M, 1.5G or a whole number"),
        (["--max-params", "0"], "`--max-params` (='0') must be above zero"),
        (["--max-macs", "-1G"], "`--max-macs` (='-1G') is no count"),
        (["--max-latency", "5h", "--device", "rtx4090"], "`--max-latency` (='5h') is no time; write 5ms"),
        (["--max-latency", "5ms"], "a time depends on the device"),
        (["--max-train-memory", "8 bananas"], "is no memory size"),
        (["--device", "rtx4091"], "unknown device 'rtx4091': did you mean rtx4090"),
        (["--rank", "acuracy"], "unknown figure 'acuracy'"),
        (["--max-params", "1k"], "nothing keeps params at most 1,000; the nearest:"),
        (["nowhere"], "nowhere is no folder"),
        (["--x", "params"], "--x, --y and --area are of a chart; add --chart"),
        (["--chart", "--json"], "--chart is for the terminal"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(run: Run, arguments: list[str], message: str) -> None:
    result = run("pick", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert len(result.err.splitlines()) == 1


def test_a_chart_in_the_terminal_and_in_files(run: Run, tmp_path: Path) -> None:
    result = run("pick", "--max-params", "5M", "--chart", "--limit", "1")
    assert "top-1 against params (logarithmic); +: on the front, 1: the first row" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert run("pick", "--max-params", "5M", "-o", "choice.svg").status == 0
    assert run("pick", "--max-params", "5M", "-o", "choice.html").status == 0
    assert {path.name for path in tmp_path.iterdir()} == {"choice.svg", "choice.html"}


def test_a_profile_of_other_conditions_is_said(run: Run) -> None:
    words = " ".join(run("pick", "--device", "i7_12700h", "--limit", "1").out.split())
    assert "the profile was fitted under other conditions: precision fp32, compiled True" in words
