"""`evaluate`: what a run's network reaches on images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .formats import destination
from .options import Debug, FormatOption, Json, Output
from .output import deliver, screen_width
from .records import as_json
from .tables import Column, Line, Table
from .train import room

_COLUMNS = (
    Column(key="loss", title="loss", show=lambda value: f"{value:.4f}"),
    Column(key="top1", title="top-1", unit="%", show=lambda value: f"{value:.2f}"),
    Column(key="top5", title="top-5", unit="%", show=lambda value: "-" if value is None else f"{value:.2f}"),
    Column(key="images", title="images", show=lambda value: f"{value:,}"),
)


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DATA", help="Other images: those that validate, or all if not split.", show_default="the run's"
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, metavar="N", help="Images at a time.", show_default="as in training")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, metavar="W", help="Processes that read images.")] = 0,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu or cuda.")] = "cpu",
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Score a run on its validation images, or on others."""
    form, output = destination(chosen, json, output)

    def make() -> list[Line] | str:
        opened = room().Run.open(run)
        record = opened.evaluate(data, device=device, batch=batch, workers=workers).record()
        if form == "json":
            return as_json(record)
        table = Table(columns=_COLUMNS, rows=[record])
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        head = f"{run} ({opened.job.model}) on {f'images of {data}' if data else f'the validation images of {opened.job.data}'}, {opened.job.precision}"
        return [Line(head), Line(""), *table.to_lines(screen_width())]

    deliver(make, output)
