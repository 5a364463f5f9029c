"""The chart and the page of a choice: every candidate is drawn, and the page filters, tells and shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convatlas.design import FIGURES, Selection, selection
from convatlas.errors import ConvatlasError
from convatlas.report.choice import draw_choice, render_choice
from convatlas.report.choice.chart import choice_rows

X, Y, AREA = FIGURES["speed"], FIGURES["accuracy"], FIGURES["params"]


@pytest.fixture(scope="module")
def found() -> Selection:
    return selection(device="rtx3090", batch=32, max_latency_ms=10, families="resnet*,mobilenet*")


def test_every_candidate_is_a_dot_with_its_figures_in_words(found: Selection) -> None:
    rows = choice_rows(found, X, Y, AREA)
    assert len(rows) == len(found.rows) + len(found.misses)
    assert sum(row["state"] == "misses a limit" for row in rows) == len(found.misses)
    first = found.rows[0]
    told = next(row["about"] for row in rows if row["about"].startswith(first.word))
    assert f"{first.top1:.2f} %" in told
    assert X.show(first.latency_ms or 0) in told


def test_svg_and_png_are_drawn(found: Selection) -> None:
    text = draw_choice(found, X, Y, AREA, "svg").decode()
    assert "batch 32, amp" in text
    assert text.count("<path") > len(found.rows)
    assert draw_choice(found, X, Y, AREA, "png").startswith(b"\x89PNG")


def test_figures_that_are_not_known_are_said() -> None:
    zoo = selection(families="mobilenet_v1*")
    with pytest.raises(ConvatlasError, match="latency, top-1 and params are all known, so there is no point to draw"):
        draw_choice(zoo, X, Y, AREA, "svg")


def test_the_page_carries_its_data_and_nothing_from_elsewhere(found: Selection) -> None:
    page = render_choice(found, X, Y, AREA)
    data: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
    assert len(data["networks"]) == len(found.rows) + len(found.misses)
    assert not re.search(r'(src|href)="https?:', page)


@pytest.fixture
def opened(found: Selection, tmp_path: Path, browser: Any) -> Iterator[Any]:
    place = tmp_path / "choice.html"
    place.write_text(render_choice(found, X, Y, AREA), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(place.as_uri())
    yield page
    assert errors == []
    page.close()


@pytest.mark.browser
def test_the_page_filters_and_shows_cards(found: Selection, opened: Any) -> None:
    dots = opened.locator("#plot circle")
    assert dots.count() == len(found.rows)
    opened.check("#misses")
    assert dots.count() == len(found.rows) + len(found.misses)
    opened.uncheck("#misses")
    opened.fill("#search", "mobilenet_v2")
    assert dots.count() == sum("mobilenet_v2" in each.word for each in found.rows)
    opened.locator("#rows tbody tr").first.click()
    assert "mobilenet_v2" in opened.locator("#card h4").text_content()
    opened.select_option("#x", "macs")
    assert opened.locator("#plot .chosen").count() == 1
    opened.set_viewport_size({"width": 390, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
