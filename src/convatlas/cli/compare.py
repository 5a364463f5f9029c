"""`compare`: two or more networks side by side, with ratios to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..catalogue import TRAINING, list_models, lookup
from .columns import COUNT, GIBI, MEBI, MEGA, MEGA_ROUNDED, field, plain, ratio
from .formats import destination
from .options import Batch, Debug, FormatOption, Input, Json, Models, Output, Train
from .output import deliver, screen_width
from .records import CONVENTION, as_json, groups, summary_record
from .tables import Column, Line, Table
from .words import totals_in_words, wrapped

if TYPE_CHECKING:
    from ..analysis.summary import Summary

_COMPARED = ("params", "macs", "activation_bytes", "bytes_moved", "flops")
_COLUMNS = (
    Column(key="name", title="network", left=True),
    Column(key="input", title="input", rank=1),
    Column(key="params", title="params", scales=MEGA),
    Column(key="params_ratio", title="x", show=ratio),
    Column(key="macs", title="MACs", scales=MEGA_ROUNDED),
    Column(key="macs_ratio", title="x", show=ratio),
    Column(key="activation_bytes", title="memory", scales=MEBI, rank=2),
    Column(key="activation_bytes_ratio", title="x", show=ratio, rank=2),
    Column(key="bytes_moved", title="moved", scales=MEBI, rank=7),
    Column(key="bytes_moved_ratio", title="x", show=ratio, rank=7),
    Column(key="training_fp32_bytes", title="train32", scales=GIBI, rank=3),
    Column(key="training_amp_bytes", title="amp", scales=GIBI, rank=3),
    Column(key="receptive_field_px", title="field", unit="px", show=field, rank=5),
    Column(key="top1_percent", title="top-1", unit="%", show=plain, rank=4),
    Column(key="elementwise", title="element-wise", scales=COUNT, rank=6),
)


def compare(
    models: Models,
    inputs: Input = None,
    batch: Batch = None,
    train: Train = False,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Compare networks, each figure with its ratio to the first."""
    form, output = destination(chosen, json, output)

    def make() -> list[Line] | str:
        from .models import summaries

        found = summaries(models, inputs, batch, train)
        if form == "json":
            return as_json({"ratios_to": found[0].name, "networks": [_record(summary, found[0]) for summary in found]})
        if form == "table":
            return comparison(found, screen_width())
        table = Table(columns=_COLUMNS, rows=[_row(summary, found[0]) for summary in found])
        return table.to_csv() if form == "csv" else table.to_markdown()

    deliver(make, output)


def comparison(found: list[Summary], width: int) -> list[Line]:
    """The table of a comparison, with its conditions, and in words where each network has its costs."""
    first = found[0]
    columns, sizes = list(_COLUMNS), {summary.sample for summary in found}
    if len(sizes) == 1:
        columns = [column for column in columns if column.key != "input"]
    conditions = first.conditions if len(sizes) == 1 else first.setting
    head = f"{conditions}; memory: activations; train32, amp: {TRAINING}, in fp32 and AMP; top-1: the paper's; x: ratio to {first.name}. {CONVENTION}."
    lines = [*wrapped(head, width, "dim"), Line("")]
    lines += Table(columns=columns, rows=[_row(summary, first) for summary in found]).to_lines(width)
    for summary in found:
        words = totals_in_words(summary, width)
        lines += [Line(""), Line(summary.name, "bold"), *words]
    return lines


def _ratios(summary: Summary, first: Summary) -> dict[str, float | None]:
    pairs = {key: (getattr(summary, key), getattr(first, key)) for key in _COMPARED}
    return {f"{key}_ratio": value / base if base else None for key, (value, base) in pairs.items()}


def _record(summary: Summary, first: Summary) -> dict[str, Any]:
    stages, ops = groups(summary.stages, summary.macs), groups(summary.ops, summary.macs)
    accuracy = {"published_percent": _published(summary)}
    training = {"training": {"condition": TRAINING, **_training(summary)}}
    return {**summary_record(summary), **_ratios(summary, first), **accuracy, **training, "stages": stages, "ops": ops}


def _published(summary: Summary) -> dict[str, float]:
    """What the paper states, for networks of the zoo."""
    return dict(lookup(summary.name).published) if summary.name in list_models() else {}


def _training(summary: Summary) -> dict[str, int | None]:
    """Peak memory of a training step by precision, for networks of the zoo at their default input."""
    if summary.name not in list_models() or lookup(summary.name).cost.input_shape[1:] != summary.input_shape[1:]:
        return {"training_fp32_bytes": None, "training_amp_bytes": None}
    return {f"training_{precision}_bytes": count for precision, count in lookup(summary.name).training_bytes.items()}


def _row(summary: Summary, first: Summary) -> dict[str, Any]:
    seen = summary.receptive_field
    return {
        "name": summary.name,
        "input": summary.sample,
        **{key: getattr(summary, key) for key in (*_COMPARED, "elementwise")},
        **_ratios(summary, first),
        **_training(summary),
        "receptive_field_px": seen and seen.size,
        "top1_percent": _published(summary).get("top1"),
    }
