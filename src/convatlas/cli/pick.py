"""`pick`: which of the proven networks keep some limits, the best first. It imports no torch, but for one's own networks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ..errors import ConvatlasError
from ..models.shapes import shown
from ..sizes import milliseconds
from .amounts import MaxMacs, MaxParams, amounts
from .columns import GIBI, MEBI, MEGA, MEGA_ROUNDED, plain
from .formats import ChoiceFormat, destination
from .options import Debug, Json, Output
from .output import Made, deliver, screen_width
from .records import as_json
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..design import Candidate, Figure, Miss, Selection

_TESTS = ("real", "v2", "sketch", "a", "r", "robust")


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _milliseconds(value: float | None) -> str:
    return "?" if value is None else milliseconds(value)


def pick(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Of Python files with networks of one's own, in place of the proven ones.", show_default=False
        ),
    ] = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_latency: Annotated[
        str | None, typer.Option("--max-latency", metavar="TIME", help="Of one batch on --device, as 5ms.")
    ] = None,
    max_train_memory: Annotated[
        str | None,
        typer.Option("--max-train-memory", metavar="SIZE", help="The peak of a training step of one batch, as 8GiB."),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="NAME", help="Whose times count, as rtx4090.")] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Images at once, of times and training memory.")] = 1,
    precision: Annotated[str, typer.Option("--precision", metavar="amp|fp32", help="Of times and training memory.")] = "amp",
    size: Annotated[
        int | None, typer.Option("--input", metavar="PIXELS", help="Only what was tested with such images, as 224.")
    ] = None,
    pretrained: Annotated[
        str,
        typer.Option("--pretrained", metavar="DATA", help="in1k (nothing else was seen), in12k, in22k, another data set, or any."),
    ] = "any",
    families: Annotated[
        list[str] | None, typer.Option("--families", metavar="PATTERN", help="Names or families, as 'convnext*' (repeatable).")
    ] = None,
    rank: Annotated[
        str | None,
        typer.Option(
            "--rank",
            metavar="FIGURES",
            help="accuracy, real, v2, sketch, a, r, robust, speed, params, macs or memory. Several are a Pareto front, or weighed: "
            "accuracy=2,speed=1.",
            show_default="accuracy",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="NETWORK", help="Only what is as good and costs no more in anything, as resnet50."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The most rows.")] = 20,
    chart: Annotated[bool, typer.Option("--chart", help="Draw what fits in the terminal too.")] = False,
    x: Annotated[
        str | None, typer.Option("--x", metavar="FIGURE", help="Of the chart, across.", show_default="what the front weighs")
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", metavar="FIGURE", help="Of the chart, upwards.", show_default="what is ranked by")
    ] = None,
    area: Annotated[
        str | None,
        typer.Option("--area", metavar="FIGURE", help="Of the chart, as the dots' area.", show_default="params, or MACs"),
    ] = None,
    chosen: Annotated[
        ChoiceFormat | None, typer.Option("--format", help="How to print it.", show_default="by FILE's ending, or table")
    ] = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Pick a network that is proven and keeps your limits.

    Published weight sets with their accuracy on six data sets, and their costs by device; with the nearest that miss a limit, and advice.
    A FILE that ends in .html gets a page to filter, in .svg or .png a chart.
    """
    form, output = destination(chosen, json, output, get_args(ChoiceFormat))
    drawn = chart or form in ("html", "svg", "png")
    if chart and form != "table":
        raise ConvatlasError(f"--chart is for the terminal, and the format is {form}; leave it out")
    if form == "png" and output is None and sys.stdout.isatty():
        raise ConvatlasError("a PNG is no text for a terminal; name a file with --output")
    if not drawn and (x or y or area):
        raise ConvatlasError("--x, --y and --area are of a chart; add --chart, or -o choice.html, .svg or .png")

    def make() -> Made:
        from ..design import selection
        from ..design.figures import figure

        across, upwards, dots = (figure(key) if key else None for key in (x, y, area))
        found = selection(
            **amounts("max", params=max_params, macs=max_macs, latency=max_latency, train_memory=max_train_memory),
            device=device, batch=batch, precision=precision, input_size=size, pretrained=pretrained, families=families, rank=rank,
            like=like, folder=folder,
        )  # fmt: skip
        rows = found.rows[:limit]
        if form == "json":
            return as_json(_record(found, rows))
        if form in ("csv", "markdown"):
            table = Table(columns=_columns(found, rows), rows=[_row(each) for each in rows])
            return table.to_csv() if form == "csv" else table.to_markdown()
        lines = [] if form != "table" else _lines(found, rows)
        if not drawn:
            return lines
        of_x, of_y = found.axes(across, upwards)
        of_dots = dots or figure("macs" if "params" in (of_x.key, of_y.key) else "params")
        if chart:
            from .scatter import scatter

            return [*lines, Line(""), *scatter(found, of_x, of_y, screen_width())]
        from ..report.choice import draw_choice, render_choice

        if form == "html":
            return render_choice(found, of_x, of_y, of_dots)
        return draw_choice(found, of_x, of_y, of_dots, "svg" if form == "svg" else "png")

    deliver(make, output)


def _lines(found: Selection, rows: list[Candidate]) -> list[Line]:
    width = screen_width()
    table = Table(columns=_columns(found, rows), rows=[_row(each) for each in rows])
    lines = [*wrapped(_heading(found), width, "dim"), Line(""), *table.to_lines(width)]
    if len(rows) < len(found.rows):
        lines.append(Line(f"{len(found.rows) - len(rows)} more fit; --limit shows them.", "dim"))
    if near := found.near_misses:
        lines += [Line(""), Line("Would come first, but miss:", "bold")]
        for miss in near:
            lines += wrapped(
                f"{miss.candidate.label}, {_first(found).show(_first(found).value(miss.candidate) or 0)}: {miss.in_words}", width
            )
    return [*lines, Line(""), *wrapped(found.advice, width, "bold")]


def _first(found: Selection) -> Figure:
    return found.ranking.figures[0]


def _heading(found: Selection) -> str:
    setting = found.setting
    count = len(found.rows) + len(found.misses)
    where = f"{setting.device} (predicted, eager, nchw; from and to: 90 % of networks that were left out of the fit)"
    times = f"batch {setting.batch}, {setting.precision}; " + (f"times on {where}; " if setting.device else "")
    memory = f"train memory: the peak of a simulated step on {setting.memory_device}, SGD with momentum"
    limits = f" with {', '.join(cap.in_words for cap in found.limits)}" if found.limits else ""
    front = " against ".join(figure.title for figure in found.weighed)
    unsure = "".join(f"{note}; " for note in setting.notes)
    unknown = f"; {found.unknown} left out, as a figure that counts is not known of them" if found.unknown else ""
    return (
        f"{len(found.rows)} of {count} fit{limits}{unknown}. Ranked by {found.ranking.in_words}; +: on the front of {front}; "
        f"~: read between two batches. {times}{unsure}{memory}; MACs of one image, bias additions left out."
    )


def _columns(found: Selection, rows: list[Candidate]) -> list[Column]:
    told = {figure.key for figure in found.ranking.figures}
    tests = [Column(key=f"{test}_percent", title=test, unit="%", show=_percent, rank=0 if test in told else 6) for test in _TESTS]
    proven = [
        Column(key="top1_percent", title="top-1", unit="%", show=_percent, rank=0 if "accuracy" in told else 2),
        *(column for column in tests if any(getattr(row, column.title) is not None for row in rows)),
        Column(key="pretrained", title="seen", left=True, rank=5),
    ]
    times = [
        Column(key="latency_ms", title="time", unit="ms", of_row=lambda row: _marked(row, "latency_ms", _milliseconds)),
        Column(key="latency_low_ms", title="from", unit="ms", show=_milliseconds, rank=1),
        Column(key="latency_high_ms", title="to", unit="ms", show=_milliseconds, rank=1),
    ]
    return [
        Column(key="network", title="network", left=True),
        Column(key="on_front", title="", of_row=lambda row: "+" if row["on_front"] else ""),
        Column(key="input_px", title="px", of_row=lambda row: row["input_shown"]),
        *(proven if any(row.top1 is not None for row in rows) else []),
        Column(key="params", title="params", scales=MEGA, rank=1),
        Column(key="macs", title="MACs", scales=MEGA_ROUNDED, rank=2),
        *(times if found.setting.device else []),
        Column(key="train_memory_bytes", title="training", scales=_memory_scale(rows), rank=3),
    ]


def _memory_scale(rows: list[Candidate]) -> Any:
    return GIBI if any((row.train_memory_bytes or 0) >= 2**30 for row in rows) else MEBI


def _marked(row: dict[str, Any], key: str, show: Any) -> str:
    return f"{'~' if key in row['interpolated'] else ''}{show(row[key])}"


def _row(of: Candidate) -> dict[str, Any]:
    low, high = of.latency_interval_ms or (None, None)
    return {
        "network": of.word,
        "on_front": of.on_front,
        "name": of.name,
        "weights": of.weights,
        "input_px": of.input_size[-1],
        "input_shown": shown(of.input_size[1:]) if len(set(of.input_size[1:])) > 1 else plain(of.input_size[-1]),
        "input_size": list(of.input_size),
        "family": of.family,
        "pretrained": of.pretrained,
        "top1_percent": of.top1,
        "top5_percent": of.top5,
        **{f"{test}_percent": getattr(of, test) for test in _TESTS},
        "params": of.params,
        "macs": of.macs,
        "activation_bytes": of.activation_bytes,
        "latency_ms": of.latency_ms,
        "latency_low_ms": low,
        "latency_high_ms": high,
        "images_per_second": of.images_per_second,
        "train_memory_bytes": of.train_memory_bytes,
        "interpolated": list(of.interpolated),
        "uncounted": list(of.uncounted),
        "accuracy_source": of.source,
    }


def _record(found: Selection, rows: list[Candidate]) -> dict[str, Any]:
    setting = found.setting
    return {
        "device": setting.device,
        "batch": setting.batch,
        "precision": setting.precision,
        "train_memory_device": setting.memory_device,
        "notes": list(setting.notes),
        "limits": {cap.figure.key: cap.bound for cap in found.limits},
        "ranked_by": [figure.key for figure in found.ranking.figures],
        "front_of": [figure.key for figure in found.weighed],
        "fitting": len(found.rows),
        "unknown": found.unknown,
        "networks": [{key: value for key, value in _row(each).items() if key != "input_shown"} for each in rows],
        "near_misses": [_miss_record(miss) for miss in found.near_misses],
        "advice": found.advice,
    }


def _miss_record(miss: Miss) -> dict[str, Any]:
    return {"network": miss.candidate.word, "top1_percent": miss.candidate.top1, "excess": miss.excess}
