"""`scale`: a network made wider, deeper or for larger images, or the largest of its kind that keeps a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .amounts import amounts
from .columns import MEBI, MEGA, MEGA_ROUNDED
from .formats import destination
from .options import Debug, FormatOption, Json, Model, Output
from .output import Made, deliver, screen_width
from .progress import working
from .records import as_json
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..analysis.cost import Cost
    from ..design.scale import Scaling

Growing = Literal["compound", "width", "depth", "resolution"]
_COLUMNS = (
    Column(key="name", title="network", left=True),
    Column(key="input_px", title="input", unit="px"),
    Column(key="params", title="params", scales=MEGA),
    Column(key="macs", title="MACs", scales=MEGA_ROUNDED),
    Column(key="activation_bytes", title="memory", scales=MEBI),
)


def scale(
    model: Model,
    width: Annotated[float, typer.Option("--width", metavar="FACTOR", help="Of the channels.")] = 1.0,
    depth: Annotated[float, typer.Option("--depth", metavar="FACTOR", help="Of the blocks in a stage.")] = 1.0,
    resolution: Annotated[
        int | None, typer.Option("--resolution", metavar="PIXELS", help="Of the images.", show_default="the network's own")
    ] = None,
    phi: Annotated[
        float | None,
        typer.Option("--phi", metavar="NUMBER", help="Compound scaling: 1.2^phi deeper, 1.1^phi wider, 1.15^phi larger."),
    ] = None,
    to_macs: Annotated[str | None, typer.Option("--to-macs", metavar="COUNT", help="A budget for one image, as 400M.")] = None,
    to_params: Annotated[str | None, typer.Option("--to-params", metavar="COUNT", help="A budget, as 5M.")] = None,
    to_latency: Annotated[
        str | None, typer.Option("--to-latency", metavar="TIME", help="A budget for one batch on --device, as 5ms.")
    ] = None,
    to_train_memory: Annotated[
        str | None, typer.Option("--to-train-memory", metavar="SIZE", help="A budget for a training step of one batch, as 8GiB.")
    ] = None,
    by: Annotated[
        Growing | None, typer.Option("--by", help="What grows towards the budget.", show_default="compound, where it can")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="NAME", help="Of --to-latency, as rtx4090; of --to-train-memory cuda or cpu."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Images at once, of time and training memory.")] = 1,
    precision: Annotated[str, typer.Option("--precision", metavar="NAME", help="Of both, as amp or fp32.")] = "amp",
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Scale a network of the zoo, by factors or to a budget.

    A budget is reached as closely as the family's steps allow, and never exceeded. Prints the call that makes the network.
    """
    form, output = destination(chosen, json, output)

    def make() -> Made:
        from ..design.scale import scale as scaled

        with working(f"scaling {model}"):
            base = scaled(model)
            network = scaled(
                model, width=width, depth=depth, resolution=resolution, phi=phi, by=by, device=device, batch=batch, precision=precision,
                **amounts("to", params=to_params, macs=to_macs, latency=to_latency, train_memory=to_train_memory),
            )  # fmt: skip
        made: Any = network
        plain: Any = base
        scaling: Scaling = made.scaling
        rows = [_row(model, plain.cost, plain.scaling), _row("scaled", made.cost, scaling)]
        if form == "json":
            return as_json(_record(scaling, rows))
        table = Table(columns=_COLUMNS, rows=rows)
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width_of_screen = screen_width()
        head = "MACs of one image, bias additions left out; memory: activations of one image in float32."
        lines = [*wrapped(head, width_of_screen, "dim"), Line(""), *table.to_lines(width_of_screen), Line("")]
        return [*lines, *wrapped(f"{scaling.in_words}.", width_of_screen, "bold"), Line(scaling.call)]

    deliver(make, output)


def _row(name: str, cost: Cost, scaling: Scaling) -> dict[str, Any]:
    return {
        "name": name,
        "width": scaling.width,
        "depth": scaling.depth,
        "input_px": scaling.resolution,
        "params": cost.params,
        "macs": cost.macs,
        "activation_bytes": cost.activation_bytes,
    }


def _record(scaling: Scaling, rows: list[dict[str, Any]]) -> dict[str, Any]:
    budget = scaling.budget
    return {
        "model": scaling.model,
        "network": rows[1],
        "unscaled": rows[0],
        "budget": budget
        and {
            "quantity": budget.quantity,
            "most": budget.most,
            "reached": scaling.reached,
            "device": budget.device,
            "batch": budget.batch,
            "precision": budget.precision,
        },
        "call": scaling.call,
    }
