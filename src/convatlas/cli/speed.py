"""`speed`: how many milliseconds a network takes on a device, predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from ..devices.own import THIS_MACHINE
from ..errors import ConvatlasError
from ..sizes import milliseconds
from .columns import MEBI
from .formats import Format, destination
from .options import Batch, Debug, FormatOption, Input, Json, Models, Output
from .output import deliver, screen_width
from .records import as_json, latency_conditions
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..analysis.latency import Latency

By = Literal["layer", "stage", "op", "kernel"]
PrecisionName = Literal["fp32", "amp", "amp_bf16", "bf16", "fp16"]
_INVERSIONS = 3  # networks that are slower than one with more MACs, at most so many are told


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


_TIME = Column(key="milliseconds", title="time", unit="ms", show=milliseconds, summed=True)
_SHARES = (
    Column(key="share", title="of time", unit="%", show=_percent),
    Column(key="macs_share", title="of MACs", unit="%", show=_percent),
)
_BOUND = Column(key="bound", title="bound by", left=True)
_COLUMNS = {
    "layer": (
        Column(key="name", title="layer", left=True),
        Column(key="op", title="op", left=True, most=16),
        _TIME,
        *_SHARES,
        Column(key="bytes_moved", title="moved", scales=MEBI, rank=2),
        _BOUND,
    ),
    "stage": (Column(key="name", title="stage", left=True), Column(key="calls", title="calls"), _TIME, *_SHARES),
    "op": (Column(key="name", title="op", left=True), Column(key="calls", title="calls"), _TIME, *_SHARES),
    "kernel": (
        Column(key="name", title="layer", left=True),
        Column(key="kernel", title="kernel", left=True),
        _TIME,
        Column(key="macs", title="MACs", unit="M", show=lambda macs: f"{macs / 1e6:,.1f}" if macs else "-"),
        Column(key="bytes_moved", title="moved", scales=MEBI),
        _BOUND,
    ),
}
_NETWORKS = (
    Column(key="network", title="network", left=True),
    _TIME,
    Column(key="images_per_second", title="images/s", show=lambda rate: f"{rate:,.0f}" if rate else "?"),
    Column(key="low_milliseconds", title="from", unit="ms", show=milliseconds, rank=1),
    Column(key="high_milliseconds", title="to", unit="ms", show=milliseconds, rank=1),
    Column(key="compute", title="compute", unit="%", show=_percent, rank=2),
    Column(key="memory", title="memory", unit="%", show=_percent, rank=2),
    Column(key="launch", title="launch", unit="%", show=_percent, rank=2),
)


def speed(
    models: Models,
    inputs: Input = None,
    batch: Batch = None,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME|FILE",
            help="A device that has a profile, or a profile's .json file; cpu and cuda are this machine's, once `calibrate` has measured them.",
        ),
    ] = "rtx4090",
    precision: Annotated[
        PrecisionName | None,
        typer.Option("--precision", help="amp and amp_bf16 are autocast.", show_default="amp; fp32 on cpu"),
    ] = None,
    layout: Annotated[Literal["nchw", "nhwc"], typer.Option("--layout", help="nhwc is channels-last.")] = "nchw",
    compiled: Annotated[bool, typer.Option("--compiled", help="By torch.compile with Inductor.")] = False,
    train: Annotated[bool, typer.Option("--train", help="A training step instead of inference.")] = False,
    torch: Annotated[
        str,
        typer.Option("--torch", metavar="VERSION", help="Whose timings count, as 2.4.", show_default="the newest that there are"),
    ] = "",
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="NAME", help="For a device without timings: one with a profile, as efficient as it is taken to be."
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec", metavar="FILE", help="With --like: the device's datasheet, a JSON file; with what docs/speed.md lists."
        ),
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            "--anchor", metavar="NETWORK=RATE", help="Images a second measured on the device; sharpens the rest (repeatable)."
        ),
    ] = None,
    by: Annotated[By, typer.Option("--by", help="With one network: what a row is.")] = "stage",
    rank: Annotated[
        bool,
        typer.Option("--rank", help="How the networks ('*' is the whole zoo) rank by MACs and by time, and why they differ."),
    ] = False,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Predict how long networks take on a device.

    Nothing runs. With an interval that nine of ten networks lie in, by layer, stage, op or kernel, and what binds each;
    a FILE that ends in .svg or .png gets the roofline, with --rank MACs against time.
    """
    form, output = destination(chosen, json, output, (*get_args(Format), "svg", "png"))
    if rank and len(models) == 1:
        raise ConvatlasError(f"`--rank` sets networks in order, got one: {models[0]}; '*' is the whole zoo")
    if form in ("svg", "png") and len(models) > 1 and not rank:
        raise ConvatlasError(f"a roofline is of one network, got {len(models)}: {', '.join(models[:3])}")
    if spec is not None and like is None:
        raise ConvatlasError(
            f"`--spec` (={spec}) is a datasheet, which says nothing of efficiency; name a measured device with --like"
        )
    anchors = [_anchor(text) for text in anchor or []]

    def make() -> list[Line] | str | bytes:
        from ..analysis.latency import inversions
        from ..api.latency import latency
        from .models import graph_of

        found = [
            latency(
                graph_of(model, inputs, batch, False),
                device=spec or device, precision=precision or ("fp32" if device == THIS_MACHINE else "amp"), layout=layout, compiled=compiled, training=train, torch=torch,
                like=like, anchors=anchors,
            )
            for model in models
        ]  # fmt: skip
        if rank:
            return _ranks(dict(zip(models, found, strict=True)), form)
        if form in ("svg", "png"):
            from ..report.roofline import draw_roofline

            return draw_roofline(models[0], found[0], "svg" if form == "svg" else "png")
        if len(found) > 1:
            rows = [_network_row(model, each) for model, each in zip(models, found, strict=True)]
            table = Table(columns=_NETWORKS, rows=rows)
        else:
            rows = _rows(found[0], by)
            table = Table(columns=_COLUMNS[by], rows=rows, total="total", paths=by in ("layer", "kernel"))
        if form == "json":
            records = [_network_row(model, each) | latency_conditions(each) for model, each in zip(models, found, strict=True)]
            return as_json(records[0] | {"by": by, "rows": rows} if len(found) == 1 else {"networks": records})
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        lines = [*wrapped(_heading(found[0], models), width, "dim"), Line(""), *table.to_lines(width)]
        if len(found) == 1:
            lines += [Line(""), *wrapped(_verdict(found[0]), width, "bold")]
        for pair in inversions(dict(zip(models, found, strict=True)))[:_INVERSIONS]:
            lines += [Line(""), *wrapped(f"{pair}.", width)]
        for model, each in zip(models, found, strict=True):
            for note in each.notes:
                lines += wrapped(f"{model}: {note}.", width, "yellow")
        return lines

    deliver(make, output)


def _ranks(found: dict[str, Latency], form: str) -> list[Line] | str | bytes:
    from ..analysis.latency import ranking
    from ..report.ranking import draw_ranking
    from .speed_ranks import ranks

    if form in ("svg", "png"):
        return draw_ranking(found, ranking(found), "svg" if form == "svg" else "png")
    return ranks(found, form)


def _anchor(text: str) -> tuple[str, float]:
    name, equals, rate = text.rpartition("=")
    try:
        value = float(rate)
    except ValueError:
        value = 0.0
    if not equals or not name or not value > 0:
        raise ConvatlasError(f"`--anchor` (={text}) is no NETWORK=RATE, as resnet50=1234 (images a second)")
    return name, value


def _rows(found: Latency, by: By) -> list[dict[str, Any]]:
    if by == "layer":
        return [{**layer._asdict(), "name": layer.name or "(network)"} for layer in found.layers]
    if by == "kernel":
        return [
            {
                "name": found.graph.nodes[each.place].module or "(network)",
                "kernel": each.kernel.kind,
                "milliseconds": each.milliseconds,
                "macs": each.kernel.macs,
                "bytes_moved": each.kernel.bytes_moved,
                "bound": each.bound,
            }
            for each in found.kernels
        ]
    return [group._asdict() for group in (found.by_stage() if by == "stage" else found.by_op())]


def _network_row(model: str, found: Latency) -> dict[str, Any]:
    low, high = found.interval
    return {
        "network": model,
        "milliseconds": found.milliseconds,
        "images_per_second": found.images_per_second,
        "low_milliseconds": low,
        "high_milliseconds": high,
        **found.bound,
    }


def _heading(found: Latency, models: list[str]) -> str:
    shape = "x".join(map(str, found.graph.values[found.graph.inputs[0]].shape[1:]))
    what = f"{models[0]}: " if len(models) == 1 else ""
    return (
        f"{what}input {shape}, batch {found.graph.batch or 'none'}, {found.device}, {found.conditions}; predicted by the profile "
        f"{found.profile}; interval: 90 % of networks that were left out of its fit."
    )


def _verdict(found: Latency) -> str:
    low, high = found.interval
    rate = found.images_per_second
    least = "At least " if found.at_least else ""
    speed = f", {rate:,.0f} images/s" if rate else ""
    once = f" {milliseconds(found.call_milliseconds)} ms of it are the call's own, once." if found.call_milliseconds else ""
    bound = ", ".join(f"{_percent(share)} % by {name}" for name, share in sorted(found.bound.items(), key=lambda item: -item[1]))
    return (
        f"{least}{milliseconds(found.milliseconds)} ms ({milliseconds(low)} to {milliseconds(high)}){speed}. Bound: {bound}.{once}"
    )
