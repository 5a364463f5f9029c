"""`compare`: two or more networks side by side, with ratios to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..accuracy import legend
from ..analysis.cost import CONVENTION
from ..catalogue import accuracy_of
from ..models import is_run_folder
from .columns import COUNT, MEBI, MEGA, MEGA_ROUNDED, UNUSED_PARAMS, accuracy_columns, field, ratio, telling
from .compare_runs import compared_runs
from .compare_time import TimeOn, Timing, time_in_words
from .compare_training import Peaks, Training
from .formats import destination
from .options import BothBatches, Debug, Exact, FormatOption, Input, Json, Models, Output, Train
from .output import deliver, screen_width
from .records import accuracy_cells, accuracy_record, as_json, groups, summary_record
from .step_options import Device, Precision
from .tables import Column, Line, Table
from .words import totals_in_words, unused_in_words, wrapped

if TYPE_CHECKING:
    from ..analysis.latency import Latency
    from ..analysis.summary import Summary

_COMPARED = ("params", "macs", "activation_bytes", "bytes_moved", "flops")
_COLUMNS = (
    Column(key="name", title="network", left=True),
    Column(key="input", title="input", rank=1),
    Column(key="params", title="params", scales=MEGA),
    UNUSED_PARAMS,
    Column(key="params_ratio", title="ratio", show=ratio),
    Column(key="macs", title="MACs", scales=MEGA_ROUNDED),
    Column(key="macs_ratio", title="ratio", show=ratio),
    Column(key="activation_bytes", title="memory", scales=MEBI, rank=2),
    Column(key="activation_bytes_ratio", title="ratio", show=ratio, rank=2),
    Column(key="bytes_moved", title="moved", scales=MEBI, rank=7),
    Column(key="bytes_moved_ratio", title="ratio", show=ratio, rank=7),
    Column(key="receptive_field_px", title="sees", unit="px", show=field, rank=5),
    *accuracy_columns(rank=4),
    Column(key="elementwise", title="element-wise", scales=COUNT, rank=6),
)


class Compared(NamedTuple):
    """A network in short, the peaks of its training steps, and its time where a device was named."""

    summary: Summary
    training: Peaks
    latency: Latency | None


def compare(
    models: Models,
    inputs: Input = None,
    batch: BothBatches = None,
    train: Train = False,
    exact: Exact = False,
    device: Device = None,
    precision: Precision = None,
    time_on: TimeOn = None,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Compare networks, with ratios to the first; or trainings."""
    form, output = destination(chosen, json, output)
    if all(is_run_folder(model) for model in models):
        deliver(lambda: compared_runs(models, form), output)
        return
    training = Training.asked(inputs, batch, device, precision)
    timing = Timing(time_on, inputs, batch)

    def make() -> list[Line] | str:
        from .models import summary_and_step

        found = []
        for model in models:
            summary, step = summary_and_step(model, inputs, batch, train, exact)
            found.append(Compared(summary, training.peaks(model, step), timing.of(model)))
        first = found[0]
        if form == "json":
            return as_json(
                {"ratios_to": first.summary.name, "networks": [_record(network, first, training, timing) for network in found]}
            )
        if form == "table":
            return comparison(found, training, timing, screen_width())
        table = Table(columns=_columns(training, timing), rows=[_row(network, first, timing) for network in found])
        return table.to_csv() if form == "csv" else table.to_markdown()

    deliver(make, output)


def _columns(training: Training, timing: Timing) -> list[Column]:
    place = next(place for place, column in enumerate(_COLUMNS) if column.key == "receptive_field_px")
    return [*_COLUMNS[:place], *timing.columns, *training.columns(), *_COLUMNS[place:]]


def comparison(found: list[Compared], training: Training, timing: Timing, width: int) -> list[Line]:
    """The table of a comparison, with its conditions, and in words where each network has its costs."""
    first, summaries = found[0].summary, [network.summary for network in found]
    rows, sizes = [_row(network, found[0], timing) for network in found], {summary.sample for summary in summaries}
    columns = [column for column in telling(_columns(training, timing), rows) if len(sizes) > 1 or column.key != "input"]
    conditions = first.conditions if len(sizes) == 1 else first.setting
    step = training.in_words(network.training.batch for network in found)
    accuracy = legend(accuracy_of(summary.name) for summary in summaries)
    head = f"{conditions}; ratio: to {first.name}; memory: activations; {step}; sees: receptive field"
    head += time_in_words([network.latency for network in found if network.latency is not None])
    head += f"; top-1: {accuracy}. " if accuracy else ". "
    head += f"{CONVENTION}. {unused_in_words(summaries)}".strip()
    lines = [*wrapped(head, width, "dim"), Line("")]
    lines += Table(columns=columns, rows=rows).to_lines(width)
    for summary in summaries:
        words = totals_in_words(summary, width)
        lines += [Line(""), Line(summary.name, "bold"), *words]
    return lines


def _ratios(summary: Summary, first: Summary) -> dict[str, float | None]:
    pairs = {key: (getattr(summary, key), getattr(first, key)) for key in _COMPARED}
    return {f"{key}_ratio": value / base if base else None for key, (value, base) in pairs.items()}


def _record(network: Compared, first: Compared, training: Training, timing: Timing) -> dict[str, Any]:
    summary = network.summary
    stages, ops = groups(summary.stages, summary.macs), groups(summary.ops, summary.macs)
    accuracy = {"accuracy": accuracy_record(accuracy_of(summary.name))}
    step = {
        "condition": training.in_words([network.training.batch]),
        "batch": None if summary.batch is None else network.training.batch,
        "device": training.device,
        **network.training.row(),
    }
    return {
        **summary_record(summary),
        **_ratios(summary, first.summary),
        **accuracy,
        "training": step,
        **timing.record(network.latency),
        "stages": stages,
        "ops": ops,
    }


def _row(network: Compared, first: Compared, timing: Timing) -> dict[str, Any]:
    summary = network.summary
    seen = summary.receptive_field
    return {
        "name": summary.name,
        "input": summary.sample,
        **{key: getattr(summary, key) for key in (*_COMPARED, "elementwise")},
        **_ratios(summary, first.summary),
        **timing.row(network.latency, first.latency),
        **network.training.row(),
        "receptive_field_px": seen and seen.size,
        "params_unused": summary.params_unused,
        **accuracy_cells(accuracy_of(summary.name)),
    }
