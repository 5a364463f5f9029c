"""What `convatlas notes` writes: table, JSON, Markdown and the page."""

from __future__ import annotations

import csv
import html.parser
import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from convatlas.cli import main
from convatlas.notes import Record, render
from convatlas.notes.page import page
from convatlas.notes.words import LECTURE_URL


@pytest.fixture(scope="module")
def some(records: dict[str, Record]) -> list[Record]:
    return [record for record in records.values() if record.claim.section in ("alexnet", "senet")]


def test_command_prints_claims_of_a_section(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")  # so that no phrase is broken over lines
    assert main(["notes", "senet"]) == 0
    out = capsys.readouterr().out
    assert "190 ms" in out
    assert "computable" in out
    assert "0.0136 G operations" in out


def test_unknown_section_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notes", "senett"]) == 2
    assert capsys.readouterr().err == "error: unknown section 'senett': did you mean senet or densenet or resnet?\n"


def test_only_shows_one_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notes", "alexnet", "--only", "differs", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {record["verdict"] for record in found} == {"differs"}
    assert "alexnet.conv4.flop" in {record["id"] for record in found}


def test_json_carries_value_unit_and_both_languages(some: list[Record]) -> None:
    by_id = {record["id"]: record for record in json.loads(render.to_json(some))}
    conv4 = by_id["alexnet.conv4.flop"]
    assert conv4["published"] == {"text": "145", "value": 145.0, "unit": "M MACs", "relation": "=", "precision": 1.0}
    assert conv4["computed"] == 149_520_384
    assert conv4["computed_in_unit"] == 149.520384
    assert conv4["table"] == {"table": "alexnet", "row": "conv4", "column": "flop"}
    assert set(conv4["why"]) == {"en", "zh"}


def test_csv_has_a_line_a_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notes", "senet", "--format", "csv", "--lang", "zh"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert rows[0]["id"] == "senet.base.macs"
    assert rows[0]["computed"] == "3857973248"


def test_json_excludes_another_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notes", "--json", "--format", "csv"]) == 2
    assert capsys.readouterr().err == "error: --json and --format csv exclude each other\n"


def test_markdown_rows_have_as_many_cells_as_their_head(some: list[Record]) -> None:
    rows = [line for line in render.to_markdown(some, language="en").splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {7}


def test_chinese_table_has_chinese_words(some: list[Record]) -> None:
    text = render.to_table(some, language="zh", width=120, colour=False)
    assert "四舍五入后成立" in text
    assert "holds" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_narrow_terminal_gets_paragraphs_with_their_words_whole(some: list[Record], language: str) -> None:
    text = render.to_table(some, language=language, width=40, colour=False)
    assert max(map(cell_len, text.splitlines())) <= 40
    assert "differs" in text or "不符" in text
    for number in ("190 ms", "2,530,992"):
        assert number in text


def test_colours_are_left_to_the_environment(some: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    green = "\x1b[32m"
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert green in render.to_table(some, language="en", width=100, colour=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert green not in render.to_table(some, language="en", width=100, colour=True)


class Reader(html.parser.HTMLParser):
    """Ids, references and the tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.fetched += [given[key] or "" for key in ("src", "href") if key in given and tag != "a"]
        self.links += [given["href"] or ""] if tag == "a" else []
        if tag not in ("br", "meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_is_well_formed_and_needs_no_network(language: str, some: list[Record]) -> None:
    pytest.importorskip("vl_convert")
    reader = Reader()
    reader.feed(page(some, language=language))  # type: ignore[arg-type]
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    assert all(link.startswith("data:") for link in reader.fetched)
    assert [link for link in reader.links if not link.startswith("#")] == [LECTURE_URL]
    assert "149.52" in reader.text
    assert "EECS 498/598" in reader.text


def test_page_is_written_whole(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    target = tmp_path / "notes.html"
    assert main(["notes", "search", "--format", "html", "--lang", "zh", "--output", str(target)]) == 0
    assert target.read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.html"]
