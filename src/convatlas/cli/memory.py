"""`memory`: the peak of a training step or an inference, what makes it up, and whether it fits."""

from __future__ import annotations

import json as json_format
from typing import Annotated, Any, Literal

import typer

from ..errors import ConvatlasError
from ..sizes import parse_size
from .formats import destination
from .memory_tables import KIND, LAYER, fit_lines, kind_rows, layer_rows, lines_of, measured_lines, notes_lines, record_of
from .options import Debug, FormatOption, Input, Json, Model, Output
from .output import deliver, screen_width
from .progress import working
from .tables import Line, Table

_CHECKPOINTS = "none, blocks, every:K, auto (the cheapest that fits --fit), or module paths with commas between"
By = Literal["kind", "layer"]


def memory(
    model: Model,
    inputs: Input = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Images in a batch.", show_default="32")] = None,
    optimizer: Annotated[str, typer.Option("--optimizer", help="sgd, adam, adamw, rmsprop, adagrad or lion.")] = "sgd",
    momentum: Annotated[float, typer.Option("--momentum", help="Of sgd; 0 keeps no buffer.")] = 0.9,
    implementation: Annotated[
        str | None,
        typer.Option("--implementation", help="Of the optimizer: single, foreach or fused.", show_default="torch's own choice"),
    ] = None,
    precision: Annotated[str, typer.Option("--precision", help="fp32, amp, bf16 or fp16.")] = "fp32",
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    channels_last: Annotated[bool, typer.Option("--channels-last", help="Images and weights in that memory format.")] = False,
    accumulate: Annotated[int, typer.Option("--accumulate", metavar="N", help="Batches to an optimizer step.")] = 1,
    ema: Annotated[bool, typer.Option("--ema", help="Keep a moving average of the weights.")] = False,
    ddp: Annotated[bool, typer.Option("--ddp", help="Gradient buckets of distributed training.")] = False,
    freeze: Annotated[
        list[str] | None, typer.Option("--freeze", metavar="MODULE", help="Train nothing in this module (repeatable); * is all.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="WHAT", help=f"Compute again in backward: {_CHECKPOINTS}.")
    ] = "none",
    fit: Annotated[str | None, typer.Option("--fit", metavar="SIZE", help="Find the largest batch for 24GiB, 24GB or 8g.")] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Run it here for real, in a process of its own, and compare.")] = False,
    inference: Annotated[bool, typer.Option("--inference", help="One forward pass without gradients instead of a step.")] = False,
    estimate: Annotated[
        Literal["notes"] | None,
        typer.Option("--estimate", help="Set the lecture notes' estimate beside it, and say why it is off."),
    ] = None,
    by: Annotated[By, typer.Option("--by", help="What a row is: a kind of memory, or what a layer keeps for backward.")] = "kind",
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Show the peak memory of training, of what, and what fits."""
    form, output = destination(chosen, json, output)
    budget = parse_size(fit, "--fit") if fit else None
    if momentum < 0:
        raise ConvatlasError(f"`--momentum` (={momentum:g}) must be at least 0")
    if inference:
        given = {"--fit": fit, "--estimate": estimate, "--checkpoint": checkpoint if checkpoint != "none" else None}
        if wrong := [name for name, value in given.items() if value]:
            raise ConvatlasError(f"{wrong[0]} is about training; leave it out, or leave --inference out")
        if by == "layer":
            raise ConvatlasError("`--by layer` shows what is kept for backward, of which --inference has nothing; use --by kind")

    def make() -> list[Line] | str:
        from ..analysis.fit import max_batch, suggestions
        from ..analysis.memory import inference_memory, training_memory
        from ..analysis.memory.notes_model import notes_estimate
        from ..api import memory_settings
        from .memory_options import subject_of, with_checkpoints

        settings = memory_settings(
            optimizer=optimizer,
            momentum=momentum,
            precision=precision,
            device=device,
            implementation=implementation,
            channels_last=channels_last,
            accumulate=accumulate,
            ema=ema,
            ddp=ddp,
            frozen=tuple(freeze or ()),
        )
        subject = subject_of(model, inputs, batch, not inference)
        if measure and subject.module is None:
            raise ConvatlasError(f"{model} is a graph's file, which cannot be run; name the network itself to --measure it")
        graph = subject.graph_at(subject.shape[0])
        settings = with_checkpoints(checkpoint, graph, settings, budget)
        found = (inference_memory if inference else training_memory)(graph, settings)
        fitted, further = None, []
        if budget is not None:
            with working("looking for the largest batch"):
                fitted = max_batch(subject.graph_at, budget, settings)
                further = suggestions(subject.graph_at, budget, settings, subject.smaller)
        measured = _measured(subject.module, subject.shape, settings, inference) if measure else None
        notes = notes_estimate(graph, settings) if estimate else None
        rows = layer_rows(found) if by == "layer" else kind_rows(found)
        if form == "json":
            record = record_of(subject, found, fitted, further, measured, notes)
            return json_format.dumps(record | {"by": by, "rows": rows}, indent=2) + "\n"
        table = Table(columns=LAYER if by == "layer" else KIND, rows=rows, total="total", paths=by == "layer")
        if form != "table":
            return table.to_csv() if form == "csv" else table.to_markdown()
        width = screen_width()
        lines = [*lines_of(subject, found, width), Line(""), *table.to_lines(width)]
        lines += measured_lines(found, measured, width) if measured else []
        lines += notes_lines(found, notes, width) if notes else []
        return lines + (fit_lines(fitted, further, width) if fitted else [])

    deliver(make, output)


def _measured(module: Any, shape: tuple[int, ...], settings: Any, inference: bool) -> Any:
    from ..devices.measure_apart import measured_apart

    with working("measuring a real step" if not inference else "measuring a real forward pass"):
        return measured_apart(module, shape, settings, inference=inference)
