"""`report`: a page about one network or several, or a single chart."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ..errors import ConvatlasError
from .completion import complete_chart
from .formats import ReportFormat, destination
from .options import BothBatches, Debug, Exact, Input, Models, Train
from .output import Made, deliver
from .progress import working
from .step_options import Device, Fit, Precision, budget_of, refuse_given, step_settings

if TYPE_CHECKING:
    from ..analysis.memory import Settings


def _chart_names() -> list[str]:
    from ..report.charts import CHARTS

    return list(CHARTS)


def report(
    models: Models,
    inputs: Input = None,
    batch: BothBatches = None,
    train: Train = False,
    exact: Exact = False,
    fit: Fit = None,
    device: Device = None,
    precision: Precision = None,
    time_on: Annotated[
        str | None,
        typer.Option(
            "--time-on",
            metavar="DEVICE",
            help="On which device the page predicts the time of inference, or none; at batch 64 or --batch (see `convatlas speed`).",
            show_default="rtx4090",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - is the screen.", show_default="report.html"),
    ] = None,
    asked: Annotated[
        ReportFormat | None, typer.Option("--format", help="A page, or one chart.", show_default="by FILE's ending, or html")
    ] = None,
    chart: Annotated[
        str | None,
        typer.Option(
            "--chart", metavar="NAME", help="Which chart, for svg and png.", show_default="the first", autocompletion=complete_chart
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it when it is done.")] = False,
    debug: Debug = False,
) -> None:
    """Write one HTML page about networks, or a chart.

    The page opens without an internet connection: charts, stages, block diagram, training memory and the full table.
    """
    form, path = destination(asked, False, output, get_args(ReportFormat), "html" if chart is None else "svg")
    if output is None:
        path = Path(f"report.{form}")
    if chart is not None and form == "html":
        raise ConvatlasError(f"`--chart` (={chart}) goes with --format svg or png; a page has all charts")
    chart = _known_chart(_chart_names()[0] if chart is None else chart) if form != "html" else None
    if path is None and open_:
        raise ConvatlasError("--open needs a file; name one with --output")
    if path is None and form == "png" and sys.stdout.isatty():
        raise ConvatlasError("a PNG is no text for a terminal; name a file with --output")

    budget = budget_of(fit)
    if chart is not None:
        refuse_given(
            {"--fit": fit, "--device": device, "--precision": precision}, "is about training, which no chart shows; leave it out"
        )
        refuse_given({"--time-on": time_on}, "is about the page, no chart shows it; `convatlas speed` draws a roofline")
    elif train:
        refuse_given({"--time-on": time_on}, "is about inference; leave it or --train out")
    timed = None if train or time_on == "none" else time_on or "rtx4090"

    def make() -> Made:
        from .models import graph_of

        if chart is None:
            return _page(models, inputs, batch, train, exact, step_settings(device, precision), budget, timed)
        from ..report.charts import draw_chart

        graphs = [graph_of(model, inputs, batch, train, exact) for model in models]
        with working("drawing"):
            return draw_chart(graphs, chart, "png" if form == "png" else "svg")

    deliver(make, path)
    if path is not None:
        deliver(lambda: f"{path}\n", None)
    if path is not None and open_:
        webbrowser.open(path.resolve().as_uri())


def _page(
    models: list[str],
    inputs: list[str] | None,
    batch: int | None,
    train: bool,
    exact: bool,
    settings: Settings,
    budget: int | None,
    timed: str | None,
) -> str:
    from ..api.latency import time_or_reason
    from ..report.page import render_html
    from ..report.steps import step_graphs
    from .models import graph_and_step

    graphs, steps, verdicts, times = [], [], [], []
    for model in models:
        graph, subject = graph_and_step(model, inputs, batch, train, exact)
        graphs.append(graph)
        steps.append(step_graphs(subject.graph_at, subject.shape[0]))
        times.append(None if timed is None else time_or_reason(graph, timed, batch))
        verdicts.append(None if budget is None else subject.verdict(budget, settings))
    with working("drawing"):
        return render_html(graphs, steps, settings, subject.shape[0], verdicts, times)


def _known_chart(name: str) -> str:
    from ..names import unknown_name

    name = name.lower()
    if name not in _chart_names():
        raise unknown_name("chart", name, _chart_names(), f"there are {', '.join(_chart_names())}")
    return name
