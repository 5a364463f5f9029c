"""`cost`: what a network costs, by layer, stage, op or module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConvatlasError
from .columns import LAYER, group_columns
from .formats import destination
from .options import Batch, Debug, Exact, FormatOption, Input, Json, Model, Output, Train
from .output import deliver, screen_width
from .records import as_json, groups, layer_records, summary_record
from .tables import Line, Table
from .words import conditions, totals

if TYPE_CHECKING:
    from ..analysis.cost import Cost

View = Literal["layer", "stage", "op", "module"]
Sorting = Literal["execution", "params", "macs", "memory", "moved"]
_KEYS = {"params": "params", "macs": "macs", "memory": "activation_bytes", "moved": "bytes_moved"}


def cost(
    model: Model,
    inputs: Input = None,
    batch: Batch = None,
    by: Annotated[View, typer.Option("--by", help="What a row is.")] = "layer",
    depth: Annotated[
        int | None, typer.Option("--depth", min=1, help="With --by module: how deep to look.", show_default="1")
    ] = None,
    sort: Annotated[Sorting, typer.Option("--sort", help="Order of the rows; the largest first.")] = "execution",
    train: Train = False,
    exact: Exact = False,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Count what a network costs, layer by layer.

    Memory, parameters, MACs, traffic and receptive field, of each layer, stage, op or module.
    """
    form, output = destination(chosen, json, output)
    if depth is not None and by != "module":
        raise ConvatlasError(f"`--depth` (={depth}) goes with `--by module`, not with `--by {by}`")

    def make() -> list[Line] | str:
        from ..analysis.cost import cost as count
        from ..analysis.summary import summarise
        from .models import graph_of

        counted = count(graph_of(model, inputs, batch, train, exact))
        summary = summarise(counted.graph, counted)
        rows = _rows(counted, by, depth or 1)
        if sort != "execution":
            rows.sort(key=lambda row: row[_KEYS[sort]] or 0, reverse=True)
        if form == "json":
            record: dict[str, Any] = summary_record(summary)
            if train:
                record["backward_macs"] = counted.backward_macs
            return as_json(record | {"by": by, "rows": rows})
        columns = LAYER if by == "layer" else group_columns(by)
        table = Table(columns=columns, rows=rows, total="total", paths=by in ("layer", "module"))
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        backward = counted.backward_macs if train else None
        lines = [
            *conditions(summary, width, "; sees: receptive field" if by == "layer" else ""),
            Line(""),
            *table.to_lines(width),
            Line(""),
        ]
        return [*lines, *totals(summary, width, backward)]

    deliver(make, output)


def _rows(cost: Cost, by: View, depth: int) -> list[dict[str, Any]]:
    if by == "layer":
        return layer_records(cost)
    found = cost.by_stage() if by == "stage" else cost.by_op() if by == "op" else cost.by_module(depth)
    return groups(found, cost.macs)
