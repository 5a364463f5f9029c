"""Records as a table for a terminal, as Markdown and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .run import Record
from .words import LECTURE_URL, Language, claim_text, heading, tally, why, word

if TYPE_CHECKING:
    from rich.console import Group

STYLES = {"holds": "green", "holds as rounded": "green", "differs": "bold red", "not computable": "dim"}
_NARROW = 64  # columns; with fewer there is a paragraph a claim instead of a row
COLUMNS = ("claim", "published", "computed", "verdict", "found")


def by_section(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    """The records of each section, in the notes' order."""
    for section, group in groupby(records, lambda record: record.claim.section):
        yield section, list(group)


def cells(record: Record, language: Language) -> list[str]:
    """A row: what `COLUMNS` says."""
    claim = record.claim
    verdict, found = word(record.verdict, language), word(claim.found, language)
    return [claim_text(claim, language), str(claim.published), record.computed_text, verdict, found]


def to_table(records: Sequence[Record], *, language: Language, width: int, colour: bool) -> str:
    """A table for each section, with the reason under what differs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    # with colour it is still left to the environment (NO_COLOR)
    console = Console(file=out, width=width, force_terminal=colour, no_color=None if colour else True, highlight=False)
    console.print(Text(word("title", language), style="bold"))
    console.print(Text(f"{word('lecture', language)} {LECTURE_URL}", style="dim"))
    console.print(Text(word("convention", language), style="dim"))
    for section, group in by_section(records):
        if width < _NARROW:
            console.print(Text(f"\n{heading(section, language)}", style="bold"))
            for record in group:
                console.print(_paragraph(record, language))
            continue
        table = Table(
            box=box.SIMPLE_HEAD, title=heading(section, language), title_justify="left", title_style="bold", pad_edge=False
        )
        for key, ratio in zip(COLUMNS, (6, 3, 4, 2, 2), strict=True):
            table.add_column(word(key, language), ratio=ratio, overflow="fold", justify="right" if key in COLUMNS[1:3] else "left")
        for record in group:
            texts = [Text(text) for text in cells(record, language)]
            texts[3].stylize(STYLES[record.verdict])
            if reason := why(record.claim, language):
                texts[0].append(f"\n  {reason}", style="dim")
            table.add_row(*texts)
        console.print(table)
    console.print(Text(tally(records, language), style="bold"))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _paragraph(record: Record, language: Language) -> Group:
    """A record below the one before, where columns beside each other would break their words."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    claim, published, computed, verdict, _ = cells(record, language)
    text = Text(f"{word('published', language)} {published}")
    text.append(f", {word('computed', language)} {computed}" if computed else "")
    text.append(": ").append(verdict, style=STYLES[record.verdict])
    if reason := why(record.claim, language):
        text.append(f"\n{reason}", style="dim")
    return Group(Text(claim), Padding(text, (0, 0, 0, 2)))


def to_markdown(records: Sequence[Record], *, language: Language) -> str:
    """A heading and a table for each section."""
    lines = [
        f"# {word('title', language)}",
        "",
        f"{word('lecture', language)} <{LECTURE_URL}>",
        "",
        word("convention", language),
        "",
        tally(records, language),
    ]
    for section, group in by_section(records):
        heads = [word(key, language) for key in (*COLUMNS, "why")]
        lines += ["", f"## {heading(section, language)}", "", _row(heads), _row([":--", "--:", "--:", ":--", ":--", ":--"])]
        lines += [_row([*cells(record, language), why(record.claim, language)]) for record in group]
    return "\n".join(lines) + "\n"


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"


def record_of(record: Record) -> dict[str, Any]:
    """A record as plain data; ``computed`` is in base units, ``computed_in_unit`` in the published unit."""
    claim, published = record.claim, record.claim.published
    number = isinstance(record.computed, int | float)
    return {
        "id": claim.id,
        "section": claim.section,
        "table": dict(zip(("table", "row", "column"), claim.table, strict=True)) if claim.table[0] else None,
        "claim": {"en": claim.text_en, "zh": claim.text_zh},
        "published": {
            "text": published.text,
            "value": published.value,
            "unit": published.unit,
            "relation": published.relation,
            "precision": None if published.value is None else published.precision,
        },
        "computed": record.computed,
        "computed_in_unit": record.computed / published.factor if number else None,  # type: ignore[operator]
        "computed_text": record.computed_text,
        "verdict": record.verdict,
        "why": {"en": claim.why_en, "zh": claim.why_zh} if claim.why_en else None,
        "found": claim.found,
    }


def to_json(records: Sequence[Record]) -> str:
    """All records, both languages."""
    return json.dumps([record_of(record) for record in records], indent=2, ensure_ascii=False) + "\n"


def to_csv(records: Sequence[Record], *, language: Language) -> str:
    """A line a claim; ``computed`` is in base units."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "section", "claim", "published", "unit", "relation", "computed", "verdict", "found", "why"])
    for record in records:
        claim, published = record.claim, record.claim.published
        said = (claim.id, claim.section, claim_text(claim, language), published.text, published.unit, published.relation)
        writer.writerow([*said, record.computed, record.verdict, claim.found, why(claim, language)])
    return text.getvalue()
