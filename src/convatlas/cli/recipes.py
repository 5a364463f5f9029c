"""`recipes`: how networks are trained, and what the papers reached with it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .completion import complete_recipe
from .formats import destination
from .options import Debug, FormatOption, Json, Output
from .output import deliver, screen_width
from .records import as_json
from .tables import Column, Line, Table
from .train import room
from .words import wrapped

_COLUMNS = (
    Column(key="name", title="recipe", left=True),
    Column(key="epochs", title="epochs"),
    Column(key="batch", title="batch"),
    Column(key="optimizer", title="optimizer", left=True, rank=1),
    Column(key="lr", title="rate", show=lambda value: f"{value:g}"),
    Column(key="schedule", title="schedule", left=True, rank=2),
    Column(key="published", title="published accuracy", left=True, most=60, rank=3),
    Column(key="gpu_time", title="GPU time", left=True, most=40, rank=4),
    Column(key="source", title="source", left=True, most=60, rank=5),
)


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One of them, in full.", show_default="all", autocompletion=complete_recipe),
    ] = None,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """List how networks are trained: modern, and as the papers did."""
    form, output = destination(chosen, json, output)

    def make() -> list[Line] | str:
        room()
        from ..train.recipes import RECIPES, recipe_named

        shown = list(RECIPES.values()) if name is None else [recipe_named(name)]
        if form == "json":
            return as_json([recipe.record() for recipe in shown] if name is None else shown[0].record())
        if form == "table" and name is not None:
            return _in_full(shown[0].record(), screen_width())
        table = Table(columns=_COLUMNS, rows=[_row(recipe.record()) for recipe in shown])
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        return table.to_lines(screen_width())

    deliver(make, output)


def _row(record: dict[str, Any]) -> dict[str, Any]:
    parts = {"optimizer": record["optimizer"]["kind"], "lr": record["optimizer"]["lr"], "schedule": record["schedule"]["shape"]}
    stated = {key: record[key] or "not stated" for key in ("published", "gpu_time")}
    return {**record, **parts, **stated}


def _in_full(record: dict[str, Any], width: int) -> list[Line]:
    """The words, then every value under the name that ``--set`` knows it by."""
    lines = [Line(record["name"], "bold")]
    for text in (record["summary"], f"Source: {record['source']}."):
        lines += wrapped(text, width)
    for key, title in (("published", "Published"), ("gpu_time", "GPU time")):
        lines += wrapped(f"{title}: {record[key] or 'not stated'}.", width)
    lines.append(Line(""))
    for key, value in record.items():
        if isinstance(value, dict):
            lines.append(Line(key, "bold"))
            lines += [Line(f"  {inner:<18}{_text(of)}") for inner, of in value.items()]
        elif key not in ("name", "summary", "source", "published", "gpu_time"):
            lines.append(Line(f"{key:<20}{_text(value)}"))
    return lines


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
