"""The public function that writes a page or a chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis.memory import TRAINING_BATCH, Settings
from ..errors import ConvatlasError
from ..files import atomic_write
from ..graph import Graph
from ..inputs import Inputs, InputsLike
from ..models import is_graph_file
from ..report.steps import step_graphs
from .counting import as_graph, loaded_from, size_of
from .latency import time_or_reason
from .training import device_named, fit, word

if TYPE_CHECKING:
    from ..analysis.verdict import Verdict
    from .counting import Model

_ENDINGS = (".html", ".svg", ".png")


def report(
    models: Model | Sequence[Model],
    path: str | Path = "report.html",
    inputs: InputsLike | None = None,
    *,
    batch: int = TRAINING_BATCH,
    training: bool = False,
    device: str = "cpu",
    precision: str = "fp32",
    memory_bytes: int | str | None = None,
    chart: str | None = None,
    time_on: str | None = "rtx4090",
) -> Path:
    """Write one HTML page about networks, side by side, that opens without an internet connection; or a chart. Gives the path.

    Args:
        models: one network or several, each as for `cost`.
        path: of a ".html" page, or of a ".svg" or ".png" chart; a file that is there gives way.
        inputs: as for `trace`, of each network; by default each one's own size with a batch of 1.
        batch: of the training step that is drawn, and that ``memory_bytes`` asks about.
        training: count the forward pass of training.
        device: that the training step is simulated for, "cpu" or "cuda".
        precision: of the training step, as for `training_memory`.
        memory_bytes: begin the page with whether the step fits, as `fit` says.
        chart: which chart, by its name; the first if nothing is said.
        time_on: the device that a page predicts the time of inference on, as for `latency`, at batch 64 or that of ``inputs``
            where it has several images; None leaves time out, and so does ``training``.

    Raises:
        ConvatlasError: a network cannot be counted, there is no such chart, the file is of another kind, or the charts' libraries
            are not installed.
        OSError: the file cannot be written.

    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise ConvatlasError(f"`path` (={path}): a report ends in {', '.join(_ENDINGS)}")
    if chart is not None and ending == ".html":
        raise ConvatlasError(f"`chart` (={chart}) goes with a path that ends in .svg or .png; a page has all charts")
    several = [models] if isinstance(models, str) or not isinstance(models, Sequence) else list(models)
    with atomic_write(path) as file:
        if ending == ".html":
            settings = Settings(device=device_named(device), precision=word(precision))
            file.write(_page(several, inputs, batch, training, settings, memory_bytes, None if training else time_on).encode())
        else:
            from ..report.charts import CHARTS, draw_chart

            graphs = [as_graph(model, inputs, training=training) for model in several]
            file.write(draw_chart(graphs, chart or next(iter(CHARTS)), "svg" if ending == ".svg" else "png"))
    return path


def _page(
    models: Sequence[Model],
    inputs: InputsLike | None,
    batch: int,
    training: bool,
    settings: Settings,
    memory_bytes: int | str | None,
    time_on: str | None,
) -> str:
    from ..report.page import render_html

    graphs: list[Graph] = []
    steps: list[list[Graph]] = []
    verdicts: list[Verdict | None] = []
    times = []
    for model in models:
        graph, trained, asked, at_batch = _counted(model, inputs, batch, training)
        graphs.append(graph)
        steps.append(trained)
        times.append(None if time_on is None else time_or_reason(graph, time_on))
        if memory_bytes is not None:
            verdicts.append(fit(asked, at_batch, memory_bytes=memory_bytes, device=settings.device, precision=settings.precision))
    return render_html(graphs, steps, settings, batch, verdicts, times)


def _counted(
    model: Model, inputs: InputsLike | None, batch: int, training: bool
) -> tuple[Graph, list[Graph], Model, Inputs | None]:
    """The graph, those of its training step, and the model, loaded once, with its inputs at the step's batch."""
    from ..models.tracing import traced

    if isinstance(model, Graph) or (isinstance(model, str) and is_graph_file(model)):
        graph = as_graph(model, inputs, training=training)
        return graph, [graph] if graph.training else [], graph, None
    loaded = loaded_from(model)
    given = Inputs(size_of(loaded)).with_batch(1) if inputs is None else Inputs.of(inputs)
    steps = step_graphs(lambda images: traced(loaded, given.at_batch(images), True), batch)
    return traced(loaded, given, training), steps, loaded.module, given.at_batch(batch)
