"""The page as text: whole, self-contained, honest about what is unknown, and safe from the names in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from convatlas.analysis.memory import Settings, training_memory
from convatlas.api.latency import inference
from convatlas.graph import Graph
from convatlas.report.network import networks
from convatlas.report.numbers import in_bytes
from convatlas.report.page import render_html, write_html
from convatlas.report.rows import TIME, kind_rows, layer_rows, stage_rows

GraphOf = Callable[[str], Graph]
TrainingOf = Callable[[str], tuple[Graph, ...]]
SIX = ("alexnet", "vgg16", "googlenet", "resnet50", "mobilenet_v2", "densenet121")


class _Seen(HTMLParser):
    """Every start tag of a page with its attributes, and the texts of its warnings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_loads_nothing_from_elsewhere(graph_of: GraphOf) -> None:
    page = render_html([graph_of("alexnet")])
    loading = [
        (tag, name, value)
        for tag, attributes in _Seen(page).tags
        for name, value in attributes.items()
        if name in ("src", "srcset", "href", "data", "action", "poster", "xlink:href")
        and not (value or "").startswith(("#", "data:"))
    ]
    assert loading == []
    assert not re.search(r"url\(\s*['\"]?(?!data:)|@import|https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", page))


def test_ids_are_unique_and_everything_that_is_pointed_to_exists(graph_of: GraphOf) -> None:
    tags = _Seen(render_html([graph_of("resnet18"), graph_of("googlenet")])).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        pointed = [*(attributes.get("aria-controls") or "").split(), *(attributes.get("aria-labelledby") or "").split()]
        if (attributes.get("href") or "").startswith("#"):
            pointed.append(attributes["href"][1:])
        assert set(pointed) <= set(ids)


def test_six_networks_stay_under_two_megabytes(graph_of: GraphOf, training_of: TrainingOf) -> None:
    graphs = [graph_of(name) for name in SIX]
    page = render_html(graphs, [training_of(name) for name in SIX], times=[inference(graph, "rtx4090") for graph in graphs])
    assert len(page.encode()) < 2_000_000


def test_the_same_networks_give_the_same_page(graph_of: GraphOf) -> None:
    assert render_html([graph_of("alexnet")]) == render_html([graph_of("alexnet")])


def test_an_op_that_nobody_counted_is_unknown_and_never_zero(exotic: Graph) -> None:
    page = render_html([exotic])
    assert "<strong>Not counted:</strong> linalg_matrix_exp (1 call)" in page
    row = next(row for row in re.findall(r"<tr><td>.*?</tr>", page) if "<td>linalg_matrix_exp<td>" in row)
    assert row.count(">unknown") == 3  # MACs, element-wise operations, intensity
    assert re.search(r'data-card="macs".*?<b>≥ ', page)
    assert re.search(r'<span class="share" data-of="macs">unknown<', page)  # the block diagram
    assert re.search(r'<td class="bar"[^>]* data-of="macs">≥ ', page)  # the table by stage


def test_names_of_modules_classes_and_networks_are_escaped(exotic: Graph, harmful: str) -> None:
    page = render_html([exotic, exotic], [[], []])
    assert harmful not in page
    assert escape(harmful) in page
    tags = _Seen(page).tags
    assert "img" not in {tag for tag, _ in tags}
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_a_page_that_cannot_be_written_leaves_nothing(graph_of: GraphOf, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no folder"):
        write_html([graph_of("alexnet")], tmp_path / "missing" / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("the old page")
    with pytest.raises(ValueError, match="at least one network"):
        write_html([], path)
    assert path.read_text() == "the old page"
    assert list(tmp_path.iterdir()) == [path]


def test_training_memory_at_each_batch_is_the_simulated_peak(graph_of: GraphOf, training_of: TrainingOf) -> None:
    page = render_html([graph_of("resnet18")], [training_of("resnet18")])
    shown = [int(value) for value in re.findall(r'data-of="peak_bytes" data-value="(\d+)"', page)]
    peaks = [training_memory(graph, Settings()).peak_bytes for graph in training_of("resnet18")]
    assert shown == peaks
    assert f'<b data-peak="{peaks[-1]}">{in_bytes(peaks[-1])}</b>' in page  # the batch of 32 is the one that is drawn


def test_training_memory_is_left_out_when_nobody_asks(graph_of: GraphOf) -> None:
    assert "Training memory" not in render_html([graph_of("alexnet")])


def test_training_memory_that_nobody_knows_is_said_to_be_unknown(graph_of: GraphOf) -> None:
    page = render_html([graph_of("alexnet")], [[]])
    assert "Unknown: there is no graph of this network in training mode." in page


def test_graphs_of_training_must_be_of_as_many_networks(graph_of: GraphOf) -> None:
    with pytest.raises(ValueError, match="graphs of 1 networks, but graphs in training mode of 2"):
        render_html([graph_of("alexnet")], [[], []])


def test_predicted_time_is_told_by_layer_with_its_conditions_and_adds_up(graph_of: GraphOf) -> None:
    graph = graph_of("mobilenet_v2")
    found = inference(graph, "rtx4090")
    page = render_html([graph], times=[found])
    conditions = (
        "on rtx4090, batch 64, amp, nchw, eager, inference: predicted by the profile rtx4090-amp-nchw-torch2.9, not measured"
    )
    assert page.count(conditions) == 2  # at the section, and at the table
    assert f'data-milliseconds="{found.milliseconds:.6f}"' in page
    head = re.findall(r'data-key="([^"]+)"', page)
    assert head.index("predicted_ms") == head.index("macs") + 1
    network = networks([graph], times=[found])[0]
    for rows in (layer_rows(network, TIME), stage_rows(network, (TIME,))):
        told = sum(row.get("value", 0.0) + row.get("share", 0.0) for row in rows)
        assert told == pytest.approx(found.milliseconds - found.call_milliseconds if "value" in rows[0] else 100.0)


def test_depthwise_convolutions_take_a_larger_share_of_the_time_than_of_macs(graph_of: GraphOf) -> None:
    graph = graph_of("mobilenet_v2")
    rows = kind_rows(networks([graph], times=[inference(graph, "rtx4090")])[0])
    macs, time = (row["share"] for row in rows if row["name"] == "depthwise convolution")
    assert macs < 10 < time
    assert sum(row["share"] for row in rows) == pytest.approx(200.0)


def test_time_that_nobody_knows_is_said_to_be_unknown_or_at_least(graph_of: GraphOf, exotic: Graph) -> None:
    assert "Unknown: no way." in render_html([graph_of("alexnet")], times=["no way"])
    page = render_html([exotic], times=[inference(exotic, "rtx4090")])
    assert re.search(r'<b data-milliseconds="[^"]+">≥ ', page)
    row = next(row for row in re.findall(r"<tr><td>.*?</tr>", page) if "<td>linalg_matrix_exp<td>" in row)
    assert row.count(">unknown") == 4  # MACs, time, element-wise operations, intensity


def test_time_is_left_out_when_nobody_asks(graph_of: GraphOf) -> None:
    assert "redicted time" not in render_html([graph_of("alexnet")])
