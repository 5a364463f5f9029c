"""`memory`: the peak of a training step or an inference, what makes it up, and whether it fits."""

from __future__ import annotations

import json as json_format
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from ..errors import ConvatlasError
from .fit_tables import fit_lines, fit_table
from .formats import Format, destination
from .memory_against import against_lines, against_table, read_changes, step_against
from .memory_tables import KIND, LAYER, kind_rows, layer_rows, lines_of, measured_lines, notes_lines, record_of
from .options import Debug, Exact, FormatOption, Input, Json, Model, Output
from .output import deliver, screen_width
from .progress import working
from .step_options import CARD_HINT, Device, Fit, Implementation, Optimizer, Precision, budget_of, refuse_given
from .tables import Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..analysis.memory import Settings
    from ..measure.memory import Measured
    from .memory_options import Subject

By = Literal["kind", "layer"]
_CHECKPOINTS = "none, blocks, every:K, auto (the cheapest that fits --fit), or module paths with commas between"


def memory(
    model: Model,
    inputs: Input = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Images in a batch.", show_default="32")] = None,
    fit: Fit = None,
    device: Device = None,
    precision: Precision = None,
    optimizer: Annotated[Optimizer | None, typer.Option("--optimizer", help="What updates.", show_default="sgd")] = None,
    momentum: Annotated[float | None, typer.Option("--momentum", help="Of sgd; 0 keeps no buffer.", show_default="0.9")] = None,
    implementation: Annotated[
        Implementation | None, typer.Option("--implementation", help="Of the optimizer.", show_default="torch's own choice")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Of the CPU.", show_default="4")] = None,
    channels_last: Annotated[bool, typer.Option("--channels-last", help="Images and weights in that memory format.")] = False,
    accumulate: Annotated[
        int | None, typer.Option("--accumulate", min=1, metavar="N", help="Batches to an optimizer step.", show_default="1")
    ] = None,
    ema: Annotated[bool, typer.Option("--ema", help="Keep a moving average of the weights.")] = False,
    ddp: Annotated[bool, typer.Option("--ddp", help="Gradient buckets of distributed training.")] = False,
    freeze: Annotated[
        list[str] | None, typer.Option("--freeze", metavar="MODULE", help="Train nothing in this module (repeatable); * is all.")
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="WHAT",
            help=f"Compute again in backward: {_CHECKPOINTS}.",
            show_default="none",
            autocompletion=lambda: ["none", "blocks", "every:2", "auto"],
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="NAME=VALUE",
            help="Set the same step with this setting beside it (repeatable): checkpoint=blocks, precision=amp.",
        ),
    ] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Run it here for real, in a process of its own, and compare.")] = False,
    inference: Annotated[bool, typer.Option("--inference", help="One forward pass without gradients instead of a step.")] = False,
    estimate: Annotated[
        Literal["notes"] | None,
        typer.Option("--estimate", help="Set the lecture notes' estimate beside it, and say why it is off."),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option("--by", help="What a row is: a kind of memory, or what a layer keeps for backward.", show_default="kind"),
    ] = None,
    exact: Exact = False,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Show the peak memory of training, of what, and what fits.

    A FILE that ends in .svg or .png gets the step over time.
    """
    form, output = destination(chosen, json, output, (*get_args(Format), "svg", "png"))
    changes = read_changes(against or [])
    budget = budget_of(fit)
    if inference:
        about_training: dict[str, object] = {
            "--fit": fit,
            "--estimate": estimate,
            "--checkpoint": checkpoint,
            "--optimizer": optimizer,
            "--against": against,
        }
        about_training |= {"--momentum": momentum, "--implementation": implementation, "--accumulate": accumulate}
        about_training |= {"--ema": ema, "--ddp": ddp, "--freeze": freeze}
        refuse_given(about_training, "is about training; leave it out, or leave --inference out")
        if by == "layer":
            raise ConvatlasError("`--by layer` shows what is kept for backward, of which --inference has nothing; use --by kind")
    if optimizer not in (None, "sgd"):
        refuse_given({"--momentum": momentum}, f"is about sgd, and the optimizer is {optimizer}; leave it out")
    from ..devices.named import DEVICES

    if device and not DEVICES[device].has_threads:
        refuse_given({"--threads": threads}, f"is about a CPU, and the device is {device}; leave it out")
    if form in ("csv", "markdown"):
        one_table: dict[str, object] = {
            "--against": against,
            "--measure": measure,
            "--estimate": estimate,
            "--by": by if fit else None,
        }
        refuse_given(one_table, f"does not go into the one table of {form}; leave it out{', or --fit' if by and fit else ''}")

    def make() -> list[Line] | str | bytes:
        from ..analysis.checkpoints import with_checkpoints
        from ..analysis.memory import inference_memory, training_memory
        from ..analysis.memory.notes_model import notes_estimate
        from ..api import memory_settings
        from .memory_options import subject_of

        options: dict[str, Any] = {
            "optimizer": optimizer or "sgd",
            "momentum": 0.9 if momentum is None else momentum,
            "precision": precision or "fp32",
            "device": device or "cpu",
            "implementation": implementation,
            "threads": threads,
            "channels_last": channels_last,
            "accumulate": accumulate or 1,
            "ema": ema,
            "ddp": ddp,
            "frozen": tuple(freeze or ()),
        }
        settings = memory_settings(**options)
        subject = subject_of(model, inputs, batch, not inference, exact)
        if measure and subject.module is None:
            raise ConvatlasError(f"{model} is a graph's file, which cannot be run; name the network itself to --measure it")
        graph = subject.graph
        settings = with_checkpoints(checkpoint or "none", graph, settings, budget, "--checkpoint")
        found = (inference_memory if inference else training_memory)(graph, settings)
        other = step_against(graph, options, changes, checkpoint, budget) if changes else None
        if form in ("svg", "png"):
            from ..report.overlay import draw_overlay

            steps = {subject.name: found} | ({", ".join(against or ()): other} if other else {})
            return draw_overlay(steps, "svg" if form == "svg" else "png")
        answer = None if budget is None else subject.verdict(budget, settings)
        measured = _measured(subject, settings, inference) if measure else None
        notes = notes_estimate(graph, settings) if estimate else None
        rows = layer_rows(found) if by == "layer" else kind_rows(found)
        if form == "json":
            record = record_of(subject, found, answer, measured, notes) | {"by": by or "kind", "rows": rows}
            if other:
                record["against"] = {"settings": against, "peak_bytes": other.peak_bytes, "rows": against_table(found, other).rows}
            return json_format.dumps(record, indent=2) + "\n"
        table = Table(columns=LAYER if by == "layer" else KIND, rows=rows, total="total", paths=by == "layer")
        if form != "table":
            asked = fit_table(answer) if answer else table
            return asked.to_csv() if form == "csv" else asked.to_markdown()
        width = screen_width()
        first, further = fit_lines(answer, width) if answer else ([], [])
        lines = [*first, *lines_of(subject, found, width), *further, Line(""), *table.to_lines(width)]
        lines += [Line(""), *against_lines(found, other, against or (), width)] if other else []
        lines += measured_lines(found, measured, width) if measured else []
        lines += notes_lines(found, notes, width) if notes else []
        if answer and device is None:
            lines += [Line(""), *wrapped(CARD_HINT, width, "dim")]
        return lines

    deliver(make, output)


def _measured(subject: Subject, settings: Settings, inference: bool) -> Measured:
    from ..measure.apart import measured_apart

    with working("measuring a real step" if not inference else "measuring a real forward pass"):
        specs = subject.graph.specs(subject.graph.inputs)
        given = subject.inputs.typed(lambda place: specs[place].dtype)  # as the trace found out
        return measured_apart(subject.name, given, settings, inference=inference)
