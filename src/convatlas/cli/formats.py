"""In which format a command writes, and where to: what --format, --json and the ending of FILE say has to agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from ..errors import ConvatlasError

Format = Literal["table", "json", "csv", "markdown"]
PageFormat = Literal["table", "json", "csv", "markdown", "html"]
RowsFormat = Literal["table", "json", "csv", "markdown", "jsonl"]
ChoiceFormat = Literal["table", "json", "csv", "markdown", "html", "svg", "png"]
ReportFormat = Literal["html", "svg", "png"]
ENDINGS = {
    "table": (".txt",),
    "json": (".json",),
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson"),
    "markdown": (".md", ".markdown"),
    "html": (".html", ".htm"),
    "svg": (".svg",),
    "png": (".png",),
}
SCREEN = Path("-")


class Destination(NamedTuple):
    """The format, and the file; None is the screen."""

    form: str
    path: Path | None


def destination(
    asked: str | None, json: bool, output: Path | None, can: Sequence[str] = get_args(Format), default: str | None = None
) -> Destination:
    """The one format that all of what was said allows.

    Args:
        asked: with --format.
        json: whether --json was given.
        output: the file; `SCREEN` is the screen.
        can: the formats of the command.
        default: what nothing said means; the first of ``can`` if None.

    Raises:
        ConvatlasError: two of them contradict each other, or the command cannot write a file with that ending.

    """
    if output == Path():
        raise ConvatlasError("`--output` is empty, or the current folder; name a file")
    if json and asked not in (None, "json"):
        raise ConvatlasError(f"--json and --format {asked} exclude each other")
    asked = "json" if json else asked
    path = None if output == SCREEN else output
    ending = path.suffix.lower() if path else ""
    meant = next((form for form, endings in ENDINGS.items() if ending in endings), None)
    if asked and meant not in (None, asked):
        way = "--json" if json else f"--format {asked}"
        raise ConvatlasError(f"{way} contradicts the ending of {path}; write {_endings([asked])}, or leave {way} out")
    if ending and not asked and meant not in can:
        raise ConvatlasError(f"`--output` (={path}): this command writes {_endings(can)}; {_elsewhere(meant)}")
    return Destination(asked or meant or default or can[0], path)


def _elsewhere(form: str | None) -> str:
    """The way out for who wants a format that the command has not."""
    if form is None:
        return "for another ending say which it is with --format"
    command = "report" if form in get_args(ReportFormat) else "compare"
    return f"see `convatlas {command}` for {ENDINGS[form][0]}"


def _endings(forms: Sequence[str]) -> str:
    """As ".json, .csv or .md"."""
    endings = [ENDINGS[form][0] for form in forms]
    return " or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]]))
