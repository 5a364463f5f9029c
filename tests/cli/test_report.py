"""`report` writes the page or the chart where it is asked to, and prints where that is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convatlas.api import trace


def test_a_page_about_several_networks(run, tmp_path: Path, net_file: str) -> None:
    result = run("report", "alexnet", "net.py:Net", "--input", "3x96x96", "-o", "page.html")
    assert (result.status, result.out, result.err) == (0, "page.html\n", "")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "alexnet" in page
    assert "net.py:Net" in page


def test_the_page_goes_to_report_html_when_nothing_is_said(run, tmp_path: Path) -> None:
    assert run("report", "alexnet").out == "report.html\n"
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_chart_by_the_files_name(suffix: str, start: bytes, run, tmp_path: Path) -> None:
    result = run("report", "alexnet", "-o", f"chart.{suffix}")
    assert (result.status, result.err) == (0, "")
    assert (tmp_path / f"chart.{suffix}").read_bytes().startswith(start)


def test_a_page_and_a_chart_go_to_the_screen(run, tmp_path: Path) -> None:
    assert run("report", "alexnet", "-o", "-").out.lower().startswith("<!doctype html>")
    assert run("report", "alexnet", "--chart", "TOTALS", "-o", "-").out.startswith("<svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["-o", "x.json"], ["x.json", ".html, .svg or .png", "convatlas compare"]),
        (["-o", "x.jpg"], ["x.jpg", ".html, .svg or .png"]),
        (["-o", "x.svg", "--format", "png"], ["x.svg", "--format png"]),
        (["-o", "x.html", "--chart", "totals"], ["totals", "svg or png"]),
        (["-o", "-", "--open"], ["--open", "--output"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_what_contradicts_itself_is_told_before_any_work(args: list[str], told: list[str], run, tmp_path: Path) -> None:
    result = run("report", "no_such_network", *args)
    assert result.status == 2
    for words in told:
        assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_chart_is_told_before_the_network_is_traced(run) -> None:
    result = run("report", "no_such_network", "--format", "svg", "--chart", "banana")
    assert "'banana'" in result.err


def test_a_page_that_fails_leaves_nothing(run, tmp_path: Path) -> None:
    assert run("report", "alexnet", "vgg16", "--input", "3x8x8", "-o", "page.html").status == 2
    assert list(tmp_path.iterdir()) == []


def test_the_page_tells_training_memory_at_four_batches(run, tmp_path: Path, net_file: str) -> None:
    assert run("report", "net.py:Net", "--input", "3x96x96", "-o", "page.html").status == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall(r'<th scope="row" class="n">(\d+)</th><td class="n" data-of="peak_bytes"', page) == ["1", "8", "32", "128"]


def test_a_graphs_file_has_no_training_memory_and_the_page_says_so(run, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(trace("alexnet").to_json(), encoding="utf-8")
    assert run("report", "net.json", "-o", "page.html").status == 0
    assert "there is no graph of this network in training mode" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "told"),
    [([], "on rtx4090, batch 64, amp"), (["--time-on", "rtx3090", "--batch", "8"], "on rtx3090, batch 8, amp"), (["--train"], ""), (["--time-on", "none"], "")],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)  # fmt: skip
def test_the_page_predicts_time_on_a_device(args: list[str], told: str, run, tmp_path: Path) -> None:
    assert run("report", "alexnet", *args, "-o", "page.html").status == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (told in page) if told else ("redicted time" not in page)


@pytest.mark.parametrize(
    "args", [["--time-on", "rtx4091"], ["--time-on", "rtx3090", "--train"], ["--time-on", "rtx3090", "--chart", "totals"]]
)
def test_time_on_a_device_that_nobody_knows_or_that_is_not_asked_is_refused(args: list[str], run, tmp_path: Path) -> None:
    result = run("report", "alexnet", *args)
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
