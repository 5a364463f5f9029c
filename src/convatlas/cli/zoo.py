"""`list` and `show`: which networks there are, and a network's card. Both read the catalogue and import no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..accuracy import legend, of_weights, rank
from ..errors import ConvatlasError
from ..models.shapes import shown
from ..weights import Weights, published
from .columns import MEBI, MEGA, MEGA_ROUNDED, UNUSED_PARAMS, accuracy_columns, field, group_columns, telling
from .completion import complete_family, complete_zoo
from .formats import destination
from .options import Debug, FormatOption, Json, Output, ZooModel
from .output import deliver, screen_width
from .records import accuracy_cells, as_json, entry_record, groups
from .tables import Column, Line, Table
from .words import big, field_in_words, mebi, totals_in_words, unused_in_words, wrapped

if TYPE_CHECKING:
    from ..catalogue import CatalogueEntry

Sorting = Literal["name", "year", "params", "macs", "memory", "top1"]
_SORTED_BY: dict[str, Callable[[dict[str, Any]], Any]] = {
    "year": lambda row: row["year"],
    "params": lambda row: row["params"],
    "macs": lambda row: row["macs"],
    "memory": lambda row: row["activation_bytes"],
    "top1": lambda row: rank(row["accuracy"]),
}
_COLUMNS = (
    Column(key="name", title="network", left=True),
    Column(key="year", title="year", rank=3),
    Column(key="input", title="input"),
    Column(key="params", title="params", scales=MEGA),
    UNUSED_PARAMS,
    Column(key="macs", title="MACs", scales=MEGA_ROUNDED),
    Column(key="activation_bytes", title="memory", scales=MEBI, rank=2),
    *accuracy_columns(rank=1),
    Column(key="receptive_field_px", title="sees", unit="px", show=field, rank=4),
    Column(key="family", title="family", left=True, rank=5),
)


def list_(
    pattern: Annotated[
        str, typer.Argument(help="Part of a name, or a pattern such as 'resnet*'.", autocompletion=complete_zoo)
    ] = "*",
    family: Annotated[str | None, typer.Option("--family", help="Only this family.", autocompletion=complete_family)] = None,
    sort: Annotated[Sorting, typer.Option("--sort", help="Order; top1: the best first, ImageNet before other data sets.")] = "name",
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """List the zoo's networks: year, size, cost, accuracy."""
    form, output = destination(chosen, json, output)
    found = _find(pattern, family)
    rows = [_row(entry) for entry in found]
    if sort != "name":
        rows.sort(key=_SORTED_BY[sort])

    def make() -> list[Line] | str:
        if form == "json":
            order = {row["name"]: place for place, row in enumerate(rows)}
            records = sorted(map(entry_record, found), key=lambda record: order[record["name"]])
            return as_json(records)
        table = Table(columns=_COLUMNS, rows=rows)
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        accuracy = legend(entry.accuracy for entry in found)
        note = f"{len(rows)} networks; batch 1, float32, evaluation; memory: activations; sees: receptive field. "
        note += f"top-1: {accuracy}. " if accuracy else ""
        note += f"{unused_in_words([entry.cost for entry in found])} `convatlas show NAME` tells more."
        shown_table = Table(columns=telling(_COLUMNS, rows), rows=rows)
        return [*shown_table.to_lines(width), *wrapped(note, width, "dim")]

    deliver(make, output)


def show(
    name: ZooModel,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Show a network's card: its paper, its costs, its stages."""
    from ..catalogue import lookup

    entry = lookup(name)
    form, output = destination(chosen, json, output)
    stages = groups(entry.cost.stages, entry.cost.macs)

    def make() -> list[Line] | str:
        if form == "json":
            weights = published(name)
            record = entry_record(entry) | {"weights": weights and asdict(weights)}
            record |= {"stages": stages, "ops": groups(entry.cost.ops, entry.cost.macs)}
            return as_json(record)
        table = Table(columns=group_columns("stage"), rows=stages, total="total")
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        return [*_card(entry, width), Line(""), *table.to_lines(width), Line(""), *totals_in_words(entry.cost, width)]

    deliver(make, output)


def _find(pattern: str, family: str | None) -> list[CatalogueEntry]:
    from ..catalogue import families, list_models, lookup
    from ..names import unknown_name

    if ":" in pattern:
        raise ConvatlasError(f"`list` knows the zoo's networks; `convatlas compare {pattern!r}` counts those of a library")
    pattern = pattern.lower()
    wild = pattern if set(pattern) & set("*?[") else f"*{pattern}*"
    names = list_models(wild)
    if not names:
        raise unknown_name("network", pattern, list_models(), "see `convatlas list`")
    found = [lookup(name) for name in names]
    if family is None:
        return found
    known = families()
    if family.lower() not in known:
        raise unknown_name("family", family, known, f"there are {', '.join(known)}")
    chosen = [entry for entry in found if entry.family == family.lower()]
    if not chosen:
        raise ConvatlasError(f"no network of family {family!r} has a name like {pattern!r}")
    return chosen


def _row(entry: CatalogueEntry) -> dict[str, Any]:
    cost = entry.cost
    return {
        "name": entry.name,
        "family": entry.family,
        "year": entry.paper.year,
        "input": shown(entry.input_size),
        "params": cost.params,
        "macs": cost.macs,
        "activation_bytes": cost.activation_bytes,
        "params_unused": cost.params_unused,
        "accuracy": entry.accuracy,
        **accuracy_cells(entry.accuracy),
        "receptive_field_px": cost.receptive_field and cost.receptive_field.size,
    }


def _weights_in_words(weights: Weights) -> str:
    """What the published file reaches, how large it is, and whose it is."""
    accuracy = of_weights(weights)
    parts = [f"{accuracy.in_words} ({accuracy.evaluation})"] if accuracy else []
    size = weights.megabytes if weights.num_bytes is None else weights.num_bytes / 1e6
    parts += [] if size is None else [f"{size:.1f} MB"]
    parts.append(f"published as {weights.source}")
    return ", ".join(parts)


def _unused(params: int) -> str:
    return f"; evaluation does not use {params:,} of them (auxiliary heads)" if params else ""


def _card(entry: CatalogueEntry, width: int) -> list[Line]:
    cost, paper = entry.cost, entry.paper
    facts = {
        "input": f"{shown(entry.input_size)}, batch 1, float32, evaluation",
        "parameters": f"{cost.params:,} ({mebi(cost.params * 4)}){_unused(cost.params_unused)}",
        "MACs": f"{big(cost.macs)} (multiply-accumulates, bias additions left out)",
        "FLOPs": f"{big(cost.flops)} (2 x MACs + element-wise operations)",
        "activations": f"{mebi(cost.activation_bytes)} (outputs of all layers but views and in-place ones)",
        "traffic": f"{mebi(cost.bytes_moved)} moved, {cost.intensity:.1f} FLOPs a byte",
    }
    if cost.receptive_field:
        facts["receptive field"] = field_in_words(cost.receptive_field)
    if entry.stated:
        facts["accuracy"] = f"{entry.stated.in_words} (as the paper states: {entry.stated.evaluation})"
    if weights := published(entry.name):
        facts["weights"] = f'"imagenet": {_weights_in_words(weights)}'
    lines = [
        Line(f"{entry.name} (family {entry.family})", "bold"),
        *wrapped(f"{paper.title}. {paper.authors}, {paper.year}.", width),
    ]
    lines += [Line(paper.url, "dim"), *wrapped(entry.introduces, width), Line("")]
    for key, text in facts.items():
        first, *more = wrapped(text, width - 17)
        lines += [Line(f"{key:<15}  {first.text}"), *(Line(f"{'':17}{line.text}") for line in more)]
    return lines
