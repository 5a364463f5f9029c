"""`scale` and `solve` on the command line: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Run = Any
BLOCKS = """
from torch import nn

def mixer(hidden, channels=8):
    return nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1))
"""


def test_scale_prints_both_networks_and_the_call(run: Run) -> None:
    result = run("scale", "mobilenet_v1", "--width", "0.5", "--resolution", "128")
    assert result.status == 0
    assert 'ca.scale("mobilenet_v1", width=0.5, depth=1, resolution=128)' in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_scale_to_a_budget_as_json(run: Run) -> None:
    record = json.loads(run("scale", "mobilenet_v1", "--to-macs", "100M", "--by", "resolution", "--json").out)
    assert record["budget"]["reached"] == record["network"]["macs"] <= 100e6
    assert record["unscaled"]["input_px"] == 224


def test_solve_prints_the_numbers_around_the_solution(run: Run) -> None:
    result = run("solve", "resnext", "--free", "width", "--set", "groups=8", "--like", "bottleneck")
    assert result.status == 0
    assert "width = 13.701 for 218,365,952 MACs; the nearest whole number is 14." in " ".join(result.out.split())


def test_solve_takes_a_function_of_ones_own(run: Run) -> None:
    Path("blocks.py").write_text(BLOCKS)
    words = ("solve", "blocks.py:mixer", "--free", "hidden", "--input", "8x4x4", "--to-macs", "2600", "--json")
    record = json.loads(run(*words).out)
    assert [row["value"] for row in record["choices"]] == [10, 11]  # 2 x 8 x 16 MACs each
    assert record["real"] == pytest.approx(2600 / 256)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scale", "mobilenet_v1", "--width", "0"], "`width` (=0.0) must be a number above 0"),
        (["scale", "mobilenet_v1", "--to-macs", "lots"], "`--to-macs` (='lots') is no count"),
        (["scale", "mobilenet_v1", "--to-latency", "5ms"], "a time depends on the device"),
        (["scale", "squeezenet1_1", "--width", "2"], "no rule for width and depth"),
        (["scale", "mobilenet_v9"], "mobilenet_v1"),
        (["solve", "resnext", "--free", "width"], "name one budget: --to-macs 218M, --to-params 70k or --like bottleneck"),
        (["solve", "resnext", "--free", "wdth", "--to-macs", "1G"], "did you mean width"),
        (["solve", "resnext", "--free", "width", "--set", "groups", "--to-macs", "1G"], "is no NAME=NUMBER, as groups=8"),
        (["solve", "resnext", "--free", "width", "--input", "a", "--to-macs", "1G"], "is no shape; write 256x56x56"),
        (
            ["solve", "resnext", "--free", "width", "--set", "groups=3", "--set", "channels=0", "--to-macs", "1G"],
            "resnext with width",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(run: Run, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert len(result.err.splitlines()) == 1
