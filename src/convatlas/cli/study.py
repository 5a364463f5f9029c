"""`study`: the notes' experiments, run."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .completion import complete_study
from .options import Debug, Json
from .output import deliver, screen_width
from .records import as_json
from .tables import Line
from .words import wrapped

_NAME = 17  # columns for a study's name


def study(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Which one; without it, what there are.", autocompletion=complete_study)
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="The small form: minutes on two cores.")] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Runs of each network.")] = 3,
    data: Annotated[str, typer.Option("--data", help="As `train` takes it.")] = "fashion-mnist",
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", help="Runs at a time.", show_default="as many as there are cores")
    ] = None,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="Run on this Ray cluster instead (auto: a running one).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Its folder.", show_default="studies/NAME")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run one of the lecture notes' experiments.

    It ends in a figure, and in whether what the notes say was seen; a study goes on where it stopped.
    """
    from ..studies import design_of

    if not name:
        deliver(lambda: _list(json), None)
        return
    design_of(name)

    def make() -> list[Line] | str:
        from ..studies import study as run
        from .progress import counted

        with counted(f"study {name}") as progress:
            found = run(name, quick=quick, seeds=seeds, data=data, output=output, jobs=jobs, ray=ray, progress=progress)
        if json:
            verdicts = [
                {**asdict(verdict), "finding": verdict.finding, "sentence": verdict.sentence()} for verdict in found.verdicts
            ]
            return json_format.dumps({"study": name, "rows": list(found.rows), "verdicts": verdicts}, indent=2) + "\n"
        width = screen_width()
        lines = [
            Line(found.design.title, "bold"),
            *(line for verdict in found.verdicts for line in wrapped(verdict.sentence(), width)),
        ]
        return [*lines, Line(""), Line(f"{found.folder}/verdict.md, rows.csv, figure.svg")]

    deliver(make, None)


def _list(json: bool) -> list[Line] | str:
    from ..studies import designs

    titles = {design.name: design.title for design in designs().values()}
    if json:
        return as_json([{"name": name, "title": title} for name, title in titles.items()])
    lines = []
    for name, title in titles.items():
        first, *more = wrapped(title, screen_width() - _NAME)
        lines += [Line(f"{name:<{_NAME}}{first.text}"), *(Line(" " * _NAME + line.text) for line in more)]
    return lines
