"""The page in a real browser, from a disk: it is clicked, sorted, searched and read; nothing is fetched, nothing complains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from convatlas.analysis.cost import Cost, cost
from convatlas.graph import Graph
from convatlas.report.page import write_html

pytestmark = pytest.mark.browser

NAMES = ("alexnet", "resnet18", "googlenet")
OWN = ("file:", "data:", "blob:")


@pytest.fixture(scope="module")
def address(graph_of: Callable[[str], Graph], training_of: Any, exotic: Graph, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_html([*map(graph_of, NAMES), exotic], path, [*map(training_of, NAMES), []])
    return path.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The open page; in the end nothing may have been logged, thrown or fetched from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    complaints: list[str] = []
    requests: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(address)
    yield opened
    context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(OWN)] == []


@pytest.fixture(scope="module")
def costs(graph_of: Callable[[str], Graph]) -> dict[str, Cost]:
    return {name: cost(graph_of(name)) for name in NAMES}


def _column(page: Any, network: int, key: str) -> list[str]:
    """The cells of the rows that show, in their order."""
    script = """([network, key]) => {
        const table = document.querySelector(`#network-${network} .layers-table`);
        const column = [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.key === key);
        return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[column].textContent);
    }"""
    found: list[str] = page.evaluate(script, [network, key])
    return found


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def test_cards_and_tables_show_the_records(page: Any, costs: dict[str, Cost]) -> None:
    for place, name in enumerate(NAMES):
        card = {key: page.text_content(f'#network-{place} [data-card="{key}"] .exact') for key in ("params", "macs", "flops")}
        assert {key: _number(text) for key, text in card.items()} == {key: getattr(costs[name], key) for key in card}
        for key in ("params", "macs", "elementwise", "activation_bytes", "bytes_moved"):
            shown = [_number(cell) for cell in _column(page, place, key)]
            assert shown == [getattr(layer, key) for layer in costs[name].layers]


def test_a_click_on_a_header_sorts_and_another_turns_round(page: Any, costs: dict[str, Cost]) -> None:
    macs = [layer.macs for layer in costs["alexnet"].layers]
    head = page.locator('#network-0 th[data-key="macs"]')
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [_number(cell) for cell in _column(page, 0, "macs")] == sorted(macs, reverse=True)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [_number(cell) for cell in _column(page, 0, "macs")] == sorted(macs)


def test_the_keyboard_sorts_too(page: Any, costs: dict[str, Cost]) -> None:
    page.locator('#network-0 th[data-key="macs"] button').focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.get_attribute('#network-0 th[data-key="params"]', "aria-sort") == "descending"
    params = [layer.params for layer in costs["alexnet"].layers]
    assert [_number(cell) for cell in _column(page, 0, "params")] == sorted(params, reverse=True)


def test_unknown_goes_last_either_way(page: Any) -> None:
    page.get_by_role("tab").nth(3).click()
    for _ in range(2):
        page.click('#network-3 th[data-key="macs"] button')
        assert _column(page, 3, "macs")[-1] == "unknown"


def test_a_search_narrows_the_rows_and_their_sums(page: Any, costs: dict[str, Cost]) -> None:
    page.fill("#network-0 input[type=search]", "conv2d")
    found = [layer for layer in costs["alexnet"].layers if layer.op == "conv2d"]
    assert _column(page, 0, "name") == [layer.name for layer in found]
    assert page.text_content("#network-0 .status") == f"{len(found)} of {len(costs['alexnet'].layers)} rows"
    assert f"{sum(layer.macs for layer in found):,}" in page.locator("#network-0 tfoot td").all_text_contents()


def test_csv_has_the_rows_shown(page: Any, costs: dict[str, Cost], tmp_path: Path) -> None:
    page.fill("#network-0 input[type=search]", "linear")
    with page.expect_download() as download:
        page.click('#network-0 [data-csv="download"]')
    download.value.save_as(tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("params")
    found = [layer.params for layer in costs["alexnet"].layers if layer.op == "linear"]
    assert [int(line.split(",")[column]) for line in lines[1:]] == found


def test_tabs_switch_the_network_by_click_and_by_arrow(page: Any) -> None:
    def shown() -> list[bool]:
        return [page.locator(f"#network-{place}").is_visible() for place in range(4)]

    assert shown() == [True, False, False, False]
    page.get_by_role("tab", name="googlenet").click()
    assert shown() == [False, False, True, False]
    page.keyboard.press("ArrowLeft")
    assert shown() == [False, True, False, False]
    assert page.get_by_role("tab", name="resnet18").get_attribute("aria-selected") == "true"


def test_a_block_opens_by_keyboard_and_shows_how_it_joins(page: Any) -> None:
    page.get_by_role("tab", name="resnet18").click()
    block = page.locator("#network-1 button.block").first
    panel = page.locator(f"#{block.get_attribute('aria-controls')}")
    assert not panel.is_visible()
    block.focus()
    page.keyboard.press("Enter")
    assert block.get_attribute("aria-expanded") == "true"
    assert panel.is_visible()
    assert "+" in panel.locator(".join text").all_text_contents()


def test_training_memory_is_drawn_with_its_peak(page: Any) -> None:
    page.get_by_role("tab", name="resnet18").click()
    peak = page.text_content("#n1-training .lead b")
    assert page.locator("#n1-training svg.chart").is_visible()
    assert f"peak {peak}" in page.locator("#n1-training svg.chart text").all_text_contents()


def test_the_first_tab_stop_skips_to_the_content(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_dark_mode_darkens_the_paper_and_lightens_the_ink(page: Any) -> None:
    def lightness() -> tuple[float, float]:
        script = "(name) => getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b)"
        return page.evaluate(script, "backgroundColor"), page.evaluate(script, "color")

    page.emulate_media(color_scheme="light")
    paper, ink = lightness()
    assert paper > ink
    page.emulate_media(color_scheme="dark")
    paper, ink = lightness()
    assert paper < ink


def test_print_shows_every_network_and_cuts_nothing_off(page: Any) -> None:
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 between its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert all(page.locator(f"#network-{place}").is_visible() for place in range(4))
    assert not page.get_by_role("tablist").is_visible()
