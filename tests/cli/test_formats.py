"""The format is one, whichever way it is said; what contradicts itself or cannot be written is refused before any work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

CASES = {
    "an ending of charts": (["show", "vgg16", "-o", "x.svg"], ["x.svg", ".txt, .json, .csv or .md", "convatlas report"]),
    "an ending of pages": (["cost", "vgg16", "-o", "x.html"], ["x.html", "convatlas report"]),
    "an ending that nothing has": (["list", "-o", "x.xlsx"], ["x.xlsx", "--format"]),
    "an ending within another": (["list", "-o", "x.csv.gz"], ["x.csv.gz", "--format"]),
    "a picture of the notes": (["notes", "-o", "x.png"], ["x.png", ".html"]),
    "--format beside another ending": (["list", "--format", "csv", "-o", "x.json"], ["--format csv", "x.json"]),
    "--format beside an ending of charts": (["list", "--format", "csv", "-o", "x.svg"], ["--format csv", "x.svg"]),
    "--json beside another ending": (["compare", "vgg16", "--json", "-o", "x.csv"], ["--json", "x.csv"]),
    "--json beside --format table": (["list", "--json", "--format", "table"], ["--json", "--format table"]),
    "notes: two formats": (["notes", "--json", "--format", "html"], ["--json", "--format html"]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(case: str, run, tmp_path: Path) -> None:
    args, told = CASES[case]
    result = run(*args)
    assert (result.status, result.out) == (2, "")
    for words in told:
        assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_comes_before_the_network_is_looked_for(run) -> None:
    assert "x.svg" in run("cost", "no_such_network", "-o", "x.svg").err


@pytest.mark.parametrize(
    "args", [["list", "vgg"], ["show", "vgg16"], ["compare", "vgg16", "alexnet"], ["notes", "senet"]], ids=" ".join
)
def test_the_format_follows_the_ending(args: list[str], run, tmp_path: Path) -> None:
    for name in ("x.json", "x.CSV", "x.md", "x.txt", "x"):
        assert (run(*args, "-o", name).status, run(*args, "-o", name).out) == (0, "")
    json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((tmp_path / "x.CSV").read_text(encoding="utf-8").splitlines()))
    assert None not in rows[0]
    assert "| --" in (tmp_path / "x.md").read_text(encoding="utf-8") or "| :--" in (tmp_path / "x.md").read_text(encoding="utf-8")
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == run(*args).out == (tmp_path / "x").read_text(encoding="utf-8")


def test_a_format_that_was_named_goes_into_a_file_of_any_other_ending(run, tmp_path: Path) -> None:
    assert run("show", "vgg16", "--format", "json", "-o", "card.data").status == 0
    assert json.loads((tmp_path / "card.data").read_text())["name"] == "vgg16"


def test_a_dash_is_the_screen(run, tmp_path: Path) -> None:
    assert run("show", "vgg16", "-o", "-").out == run("show", "vgg16").out
    assert list(tmp_path.iterdir()) == []


def test_capitals_mean_the_same_in_commands_options_and_choices(run) -> None:
    assert (
        run("List", "vgg", "--SORT", "TOP1", "--Format", "CSV").out == run("list", "vgg", "--sort", "top1", "--format", "csv").out
    )
