"""Both pages as they are laid out, from a desk to a phone, light and dark: nothing clipped, nothing over anything else, all to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convatlas.analysis.memory import Settings
from convatlas.analysis.verdict import verdict_at_one_batch
from convatlas.api import trace
from convatlas.api.latency import inference
from convatlas.graph import Graph
from convatlas.notes import run_claims
from convatlas.notes.page import page as notes_page
from convatlas.report.page import render_html
from convatlas.report.theme import INKS

pytestmark = pytest.mark.browser

NAMES = ("googlenet", "alexnet")
WIDTHS = (1400, 800, 390)
SCHEMES = ("light", "dark")
WRONG = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
LONG = "my_project.experiments.second_try:ANetworkWithAVeryLongNameThatNoColumnHasRoomFor"


class _Sequence(nn.Module):
    """A one-dimensional network whose modules have long names."""

    def __init__(self) -> None:
        super().__init__()
        self.a_convolution_whose_name_is_longer_than_any_column = nn.Conv1d(1, 4, 5)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.a_convolution_whose_name_is_longer_than_any_column(x).mean(2))


@pytest.fixture(scope="module")
def report(browser: Any, graph_of: Callable[[str], Graph], training_of: Any, exotic: Graph, tmp_path_factory: Any) -> Iterator[Any]:
    with torch.device("meta"):
        tiny = trace(_Sequence(), (1, 1, 64))
    tiny.name = LONG
    path = tmp_path_factory.mktemp("report") / "report.html"
    answer = verdict_at_one_batch(training_of(NAMES[0])[-1], 2**30, Settings())
    graphs, steps = [*map(graph_of, NAMES), exotic, tiny], [*map(training_of, NAMES), [], []]
    times = [inference(graph, "rtx4090") for graph in graphs]
    path.write_text(render_html(graphs, steps, verdicts=[answer, None, None, None], times=times), encoding="utf-8")
    yield from _opened(browser, path)


@pytest.fixture(scope="module")
def notes(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("notes") / "notes.html"
    path.write_text(notes_page(list(run_claims()), language="en"), encoding="utf-8")
    yield from _opened(browser, path)


def _opened(browser: Any, path: Path) -> Iterator[Any]:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert complaints == []


def _laid_out(page: Any, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # the cues follow the sizes


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_is_laid_out_well(report: Any, width: int, scheme: str) -> None:
    _laid_out(report, width, scheme)
    for tab in report.get_by_role("tab").all():
        tab.click()
        _laid_out(report, width, scheme)
        assert report.evaluate(WRONG) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_blocks_that_are_open_are_laid_out_well(report: Any, width: int) -> None:
    report.get_by_role("tab").first.click()
    report.locator("#network-0 .open-all").click()
    _laid_out(report, width, "light")
    try:
        assert report.evaluate(WRONG) == []
    finally:
        report.locator("#network-0 .open-all").click()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_notes_are_laid_out_well(notes: Any, width: int, scheme: str) -> None:
    _laid_out(notes, width, scheme)
    assert notes.evaluate(WRONG) == []


def test_every_verdict_is_in_sight_on_a_phone(notes: Any) -> None:
    _laid_out(notes, 390, "light")
    script = """() => [...document.querySelectorAll(".claims .verdict, .layers [data-verdict]")].filter((cell) => {
        const { left, right, width } = cell.getBoundingClientRect();
        return width === 0 || left < 0 || right > innerWidth;
    }).map((cell) => cell.textContent)"""
    assert notes.evaluate(script) == []


def test_claims_are_filtered_by_verdict_and_by_section(notes: Any) -> None:
    records = list(run_claims())
    differing = [record for record in records if record.verdict == "differs"]
    in_vgg = [record for record in differing if record.claim.section == "vgg"]
    notes.click('[data-choice="differs"]')
    assert notes.text_content(".filter .status") == f"{len(differing)} of {len(records)} claims"
    notes.select_option("#section", "vgg")
    assert notes.text_content(".filter .status") == f"{len(in_vgg)} of {len(records)} claims"
    shown = notes.evaluate(
        "() => [...document.querySelectorAll('.claims tr[data-verdict]')].filter((row) => row.checkVisibility()).map((row) => row.id)"
    )
    assert shown == [record.claim.id for record in in_vgg if not record.claim.table[0]]
    notes.click('nav a[href="#resnet"]')
    assert notes.text_content(".filter .status") == f"{len(records)} of {len(records)} claims"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_charts_follow_the_colour_scheme(notes: Any, report: Any, scheme: str) -> None:
    script = "() => [...document.querySelectorAll('svg.chart text')].map((text) => getComputedStyle(text).fill)"
    for page in (notes, report):
        _laid_out(page, 1400, scheme)
        soft = page.evaluate("() => getComputedStyle(document.querySelector('figcaption, .hint')).color")
        inks = set(page.evaluate(script))
        assert soft in inks  # axes are written as the hints beside them


def test_every_mark_has_its_tip(report: Any, notes: Any) -> None:
    painted = [f"svg.chart path[fill='var(--{ink})']" for ink in INKS if ink not in ("ink", "soft", "line", "paper")]
    script = """(painted) => [...document.querySelectorAll(painted)].filter((mark) => !mark.ariaLabel).length"""
    for page in (report, notes):
        assert page.evaluate("(painted) => document.querySelectorAll(painted).length", ",".join(painted)) > 100
        assert page.evaluate(script, ",".join(painted)) == 0


def test_a_pointer_near_a_small_mark_finds_its_tip(notes: Any) -> None:
    _laid_out(notes, 1400, "light")
    mark = notes.locator("#alexnet svg.chart [aria-label^='fc8']").first
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    notes.mouse.move(box["x"] + box["width"] / 2, box["y"] - 6)
    assert notes.text_content("#tip") == mark.get_attribute("aria-label")
