"""No number of the notes is left out: those in the tables of figures.md, and those in the notes' text."""

from __future__ import annotations

import re

from convatlas.notes import Record


def numbers(text: str) -> set[str]:
    """The numbers of a text, with their thousands separators: {"72,855,552", "0.4"}."""
    return set(re.findall(r"(?<![\w.])\d+(?:,\d{3,4})*(?:\.\d+)?", text))


def unknown(text: str, known: set[float]) -> set[str]:
    """The numbers of a text that are not known, neither as one nor as a list ("3,224" may be 3 channels of 224)."""
    found = numbers(spaced(text))
    return {
        number
        for number in found
        if float(number.replace(",", "")) not in known and any(float(part) not in known for part in number.split(","))
    }


def covered(records: dict[str, Record]) -> set[float]:
    found: set[float] = set()
    for record in records.values():
        texts = (record.claim.published.text, record.computed_text, record.claim.text_en, record.claim.why_en)
        found |= {float(number.replace(",", "")) for text in texts for number in numbers(spaced(text))}
    return found


def spaced(text: str) -> str:
    """Digits freed of letters around them, as in "64x112", "k7", "69,632"."""
    return re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text)


def table_rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|-: ")]


def test_every_number_in_the_tables_of_the_figures_is_in_some_claim(figures: str, records: dict[str, Record]) -> None:
    known = covered(records)
    missing = {number: row for row in table_rows(figures) for number in unknown(row, known)}
    assert not missing


def test_every_number_in_the_sentences_of_the_figures_is_in_some_claim(figures: str, records: dict[str, Record]) -> None:
    known = covered(records)
    sentences = "\n".join(line for line in figures.splitlines() if not line.startswith(("|", "#")))
    assert not unknown(sentences, known) - set(ONLY_IN_WORDS)


# Numbers of figures.md's sentences that are no statement about a network
ONLY_IN_WORDS = {
    "498": "the course's number",
    "598": "the course's number",
    "2022": "the year of a lecture",
}


def test_every_number_in_the_notes_text_is_in_some_claim(notes_text: str, records: dict[str, Record]) -> None:
    text = re.sub(r"<img.*?>|!?\[.*?\]\(.*?\)|https?://\S+|^> \[[12]\].*$", "", notes_text, flags=re.MULTILINE)
    known = covered(records)
    assert not unknown(text, known)
