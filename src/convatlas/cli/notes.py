"""`notes`: every number of the lecture notes, published beside computed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from ..errors import ConvatlasError
from .completion import complete_section
from .formats import PageFormat, destination
from .options import Debug, Json, Output
from .output import deliver, screen_width
from .progress import tracked

if TYPE_CHECKING:
    from ..notes.run import Record


def notes(
    sections: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SECTION]...",
            help="Sections: alexnet, memory, vgg, ...; or a pattern.",
            show_default="all",
            autocompletion=complete_section,
        ),
    ] = None,
    only: Annotated[
        Literal["holds", "rounded", "differs", "open"] | None,
        typer.Option("--only", help="Only claims with this verdict; open: what cannot be computed.", show_default="all"),
    ] = None,
    chosen: Annotated[
        PageFormat | None,
        typer.Option("--format", help="A table, data, or a page that needs no network.", show_default="by FILE's ending, or table"),
    ] = None,
    json: Json = False,
    lang: Annotated[Literal["en", "zh"], typer.Option("--lang", help="English or Chinese.")] = "en",
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Check the lecture notes: every number in them, computed."""
    form, output = destination(chosen, json, output, get_args(PageFormat))

    if form == "json" and lang != "en":
        raise ConvatlasError(f"`--lang` (={lang}) has no effect on JSON, which has both languages; leave it out")

    def make() -> str:
        from ..notes import render
        from ..notes.page import page

        records = _chosen(sections or [], only)
        if form == "json":
            return render.to_json(records)
        if form == "csv":
            return render.to_csv(records, language=lang)
        if form == "markdown":
            return render.to_markdown(records, language=lang)
        if form == "html":
            return page(records, language=lang)
        colour = output is None and sys.stdout.isatty()
        return render.to_table(records, language=lang, width=screen_width(), colour=colour)

    deliver(make, output)


VERDICTS = {"holds": "holds", "rounded": "holds as rounded", "differs": "differs", "open": "not computable"}


def _chosen(sections: list[str], only: str | None) -> list[Record]:
    """The records of some sections and one verdict.

    Raises:
        ConvatlasError: there is no such section; the nearest names are given.

    """
    from ..names import matching, unknown_name
    from ..notes.run import SECTIONS, all_claims, run_claims

    known = [name for name, _, _ in SECTIONS]
    meant: set[str] = set()
    for section in sections:
        matches = matching(known, section.lower())
        if not matches:
            raise unknown_name("section", section, known, f"there are {', '.join(known)}")
        meant.update(matches)
    claims = [claim for claim in all_claims() if not sections or claim.section in meant]
    records = list(tracked(run_claims(claims), "computing", len(claims)))
    return [record for record in records if only is None or record.verdict == VERDICTS[only]]
