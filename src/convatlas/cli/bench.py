"""`bench`: how long networks take here, measured."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ..errors import ConvatlasError
from ..models.shapes import parse_image, shown
from ..sizes import milliseconds
from .bench_layers import layers, refuse_several
from .columns import share
from .formats import Format, destination
from .options import Debug, FormatOption, Json, Models, Output
from .output import Made, deliver, screen_width
from .progress import working
from .records import as_json
from .tables import Column, Line, Row, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..runtime.bench import Measured
    from ..runtime.rows import Change

_COLUMNS = (
    Column(key="network", title="network", left=True),
    Column(key="batch", title="batch"),
    Column(key="input", title="input", rank=4),
    Column(key="runtime", title="runtime", left=True),
    Column(key="milliseconds", title="time", unit="ms", show=milliseconds),
    Column(key="low_milliseconds", title="from", unit="ms", show=milliseconds, rank=1),
    Column(key="high_milliseconds", title="to", unit="ms", show=milliseconds, rank=1),
    Column(key="images_per_second", title="images/s", show=lambda rate: f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"),
    Column(key="peak_share", title="of peak", unit="%", show=lambda part: "?" if part is None else share(part), rank=2),
    Column(key="other_cores", title="others", unit="cores", show=lambda cores: "?" if cores is None else f"{cores:.2f}", rank=3),
)
_PREDICTED = Column(
    key="predicted_milliseconds", title="predicted", unit="ms", show=lambda time: "-" if time is None else milliseconds(time)
)
_CHANGE = (
    Column(key="before_milliseconds", title="before", unit="ms", show=lambda time: "-" if time is None else milliseconds(time)),
    Column(key="change", title="change", left=True),
)


def bench(
    models: Models,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            "--runtime",
            metavar="NAME",
            help="By which, repeatable: eager, channels_last, folded, bf16, compile, compile_bf16, onnxruntime, int8, openvino, openvino_bf16, "
            "openvino_streams, openvino_bf16_streams; training is a step in float32.",
            show_default="eager",
        ),
    ] = None,
    batch: Annotated[str, typer.Option("--batch", metavar="N[,N...]", help="Images in a call, as 1,8,32.")] = "1",
    size: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="CxHxW", help="Of an image; repeatable.", show_default="the network's own"),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, metavar="N", help="Quiet measurements of each that are wanted.")] = 7,
    profile: Annotated[
        bool, typer.Option("--profile", help="Time by layer instead, by PyTorch eager, beside what is predicted of it.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="That calls may use.", show_default="PyTorch's own choice")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FILE", help="An earlier --json: what changed by more than noise.")
    ] = None,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Measure how long networks take on this machine's CPU.

    The runtimes take turns in rounds, beside a product of matrices that stands for the peak. Medians and quartiles;
    measurements during which others used the machine are made again. The weights are those that a network starts with. A FILE that ends in
    .svg or .png gets throughput against the batch, a line for each runtime.
    """
    form, output = destination(chosen, json, output, (*get_args(Format), "svg", "png"))
    batches = _batches(batch)
    sizes = [parse_image(text) for text in size] if size else [None]
    if profile:
        refuse_several(models=models, batch=batches, input=sizes, runtime=runtime or ["eager"])
        if against is not None or form in ("svg", "png") or runtime not in (None, ["eager"]):
            raise ConvatlasError("--profile is a table of layers by PyTorch eager: leave --against, other runtimes and charts out")

    def make() -> Made:
        import torch

        from ..runtime.rows import change, earlier_rows, other_conditions, row

        if threads is not None:
            torch.set_num_threads(threads)
        if profile:
            return layers(models[0], sizes[0], batches[0], rounds, form)
        before = earlier_rows(against) if against else []
        found = [
            each
            for model in models for image in sizes for each in _measured(model, image, batches, runtime or ["eager"], rounds)
        ]  # fmt: skip
        changes = [_change_cells(change(each, before)) if against else {} for each in found]
        if form == "json":
            return as_json({"rows": [row(each) | cells for each, cells in zip(found, changes, strict=True)]})
        if form in ("svg", "png"):
            from ..report.throughput import draw_throughput

            return draw_throughput(found, "svg" if form == "svg" else "png")
        rows = [row(each) | _shown(each) | cells for each, cells in zip(found, changes, strict=True)]
        beside = (_PREDICTED,) if any(each.predicted_milliseconds for each in found) else ()
        table = Table(columns=(*_COLUMNS, *beside, *(_CHANGE if against else ())), rows=rows)
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        lines = [*wrapped(_heading(found[0]), width, "dim"), Line(""), *table.to_lines(width)]
        notes = [f"Not as in {against}: {each}." for each in other_conditions(found[0], before)]
        if any(each.runtime == "int8" for each in found):
            notes.append("int8's ranges are those of random images: its time is that of any int8, its classes mean nothing.")
        if not all(each.is_quiet for each in found):
            notes.append("Others used the machine all the while, so these times are too long.")
        for note in notes:
            lines += wrapped(note, width, "yellow")
        return lines

    deliver(make, output)


def _batches(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if any(not part.isdecimal() or int(part) < 1 for part in parts):
        raise ConvatlasError(f"`--batch` (={text}) is no list of whole numbers of at least 1, as 1,8,32")
    return [int(part) for part in parts]


def _measured(
    model: str, image: tuple[int, ...] | None, batches: list[int], runtimes: list[str], rounds: int
) -> Iterator[Measured]:
    from ..api.counting import size_of
    from ..api.predicted_here import with_predictions
    from ..api.running import random_images, runnable
    from ..runtime.bench import bench

    with working(f"loading {model}"), contextlib.redirect_stdout(sys.stderr):
        loaded = runnable(model)
        own = image or size_of(loaded)
    for batch in batches:
        with working(f"measuring {model} at batch {batch}"), contextlib.redirect_stdout(sys.stderr):
            found = with_predictions(
                bench(loaded.module, random_images((batch, *own)), runtimes, name=model, rounds=rounds), loaded.module
            )
        yield from found


def _shown(found: Measured) -> Row:
    return {"batch": found.batch, "input": shown(found.shape[1:])}


def _change_cells(change: Change | None) -> Row:
    if change is None:
        return {"before_milliseconds": None, "change": "not measured before"}
    if not change.is_quiet:
        return {"before_milliseconds": change.before_milliseconds, "change": "busy, so unknown"}
    says = f"{100 * (change.ratio - 1):+.0f} %" if change.is_beyond_noise else "within noise"
    return {"before_milliseconds": change.before_milliseconds, "change": says}


def _heading(found: Measured) -> str:
    host = found.host
    versions = ", ".join(f"{name} {version}" for name, version in host.versions.items())
    peak = found.peak_gflops_per_second
    reached = f", here {peak:,.0f} GFLOP/s in {found.dtype}" if peak else ""
    return (
        f"Measured on {host.cpu} ({host.instructions}), {host.threads} threads, {versions}; medians and quartiles of a batch's time. Peak: "
        f"a product of 1024x1024 matrices in the same dtype{reached}; copying moves {found.bandwidth_gb_per_second:.1f} GB/s."
    )
