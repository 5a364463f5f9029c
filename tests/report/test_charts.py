"""Every chart draws itself, as SVG and as PNG, and refuses what it cannot do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from convatlas.cli import main
from convatlas.graph import Graph
from convatlas.report.charts import CHARTS, write_chart

GraphOf = Callable[[str], Graph]


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_as_svg_names_its_networks(chart: str, graph_of: GraphOf, tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    write_chart([graph_of("alexnet"), graph_of("resnet18")], chart, path)
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert root.tag.endswith("svg")
    assert {"alexnet", "resnet18"} <= texts


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_as_png_is_one(chart: str, graph_of: GraphOf, tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    write_chart([graph_of("alexnet")], chart, path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_of_a_network_with_an_uncounted_op(chart: str, exotic: Graph, tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    write_chart([exotic], chart, path)
    ElementTree.fromstring(path.read_text(encoding="utf-8"))


def test_an_unknown_chart_is_told_with_those_that_there_are(graph_of: GraphOf, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'layer'.*layers"):
        write_chart([graph_of("alexnet")], "layer", tmp_path / "chart.svg")


def test_another_kind_of_file_is_refused_and_not_written(graph_of: GraphOf, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        write_chart([graph_of("alexnet")], "layers", tmp_path / "chart.jpg")
    assert list(tmp_path.iterdir()) == []


def test_a_chart_that_cannot_be_written_leaves_nothing(graph_of: GraphOf, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no folder"):
        write_chart([graph_of("alexnet")], "layers", tmp_path / "missing" / "chart.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["altair", "vl_convert"])
@pytest.mark.parametrize("name", ["page.html", "chart.svg"])
def test_without_the_charts_libraries_one_line_says_what_to_install(
    library: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["report", "alexnet", "--output", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err == "error: charts need altair and vl-convert: pip install 'convatlas[charts]'\n"
    assert list(tmp_path.iterdir()) == []
