"""`report`: a page about one network or several, or a single chart."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..files import check_writable
from .options import Batch, Debug, Input, Models, Train
from .output import deliver
from .progress import working

Form = Literal["html", "svg", "png"]


def _chart_names() -> list[str]:
    from ..report.charts import CHARTS

    return list(CHARTS)


def report(
    models: Models,
    inputs: Input = None,
    batch: Batch = None,
    train: Train = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it.", show_default="report.html"),
    ] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="A page, or one chart.", show_default="by the file's name, or html")
    ] = None,
    chart: Annotated[
        str | None,
        typer.Option(
            "--chart", metavar="NAME", help="Which chart, for svg and png.", show_default="the first", autocompletion=_chart_names
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it when it is done.")] = False,
    debug: Debug = False,
) -> None:
    """Write a page that opens with no network: charts, stages, block diagram and the full table."""
    form = form or _form_of(output, chart)
    if chart is not None and form == "html":
        raise ValueError(f"`--chart` (={chart}) goes with --format svg or png; a page has all charts")
    chart = _known_chart(chart or _chart_names()[0]) if form != "html" else None
    path = output or Path(f"report.{form}")
    check_writable(path)

    from .models import graph_of, graphs_of

    if chart is None:
        from ..report.page import write_html

        found = [graphs_of(model, inputs, batch, train) for model in models]
        with working(f"writing {path}"):
            write_html([graph for graph, _ in found], path, [steps for _, steps in found])
    else:
        from ..report.charts import write_chart

        graphs = [graph_of(model, inputs, batch, train) for model in models]
        with working(f"writing {path}"):
            write_chart(graphs, chart, path)
    deliver(lambda: f"{path}\n", None)
    if open_:
        webbrowser.open(path.resolve().as_uri())


def _form_of(output: Path | None, chart: str | None) -> Form:
    match output.suffix.lower() if output else "":
        case ".svg":
            return "svg"
        case ".png":
            return "png"
        case "":
            return "svg" if chart else "html"
    return "html"


def _known_chart(name: str) -> str:
    from ..names import unknown_name

    if name not in _chart_names():
        raise unknown_name("chart", name, _chart_names(), f"there are {', '.join(_chart_names())}")
    return name
