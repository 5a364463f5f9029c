"""How `memory` says what it found: rows, lines and records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..sizes import gibi
from .columns import BYTES, OUTPUT, share
from .fit_tables import fit_record
from .tables import Column, Line
from .words import way_line, wrapped

if TYPE_CHECKING:
    from ..analysis.memory import TrainingMemory
    from ..analysis.memory.notes_model import NotesEstimate
    from ..analysis.verdict import Verdict
    from ..measure.memory import Measured
    from .memory_options import Subject

_SHARE = Column(key="share", title="share", unit="%", show=share, rank=2)
KIND = (Column(key="kind", title="at the peak", left=True), Column(key="bytes", title="memory", scales=BYTES, summed=True), _SHARE)
LAYER = (
    Column(key="name", title="layer", left=True),
    Column(key="op", title="op", left=True, most=12, rank=3),
    OUTPUT,
    Column(key="saved_for_backward_bytes", title="saved for backward", scales=BYTES, summed=True),
    _SHARE,
)


def kind_rows(memory: TrainingMemory) -> list[dict[str, Any]]:
    """What the peak is made of, the largest first; the shares are of the peak."""
    parts = sorted(memory.breakdown.items(), key=lambda part: part[1], reverse=True)
    return [{"kind": kind, "bytes": num_bytes, "share": num_bytes / memory.peak_bytes} for kind, num_bytes in parts]


def layer_rows(memory: TrainingMemory) -> list[dict[str, Any]]:
    """What each call keeps for backward at the peak, in order of execution; the shares are of the peak."""
    return [
        {
            "name": layer.name or "(network)",
            "op": layer.op,
            "output_shape": list(layer.output_shape),
            "saved_for_backward_bytes": layer.saved_for_backward_bytes,
            "share": layer.saved_for_backward_bytes / memory.peak_bytes,
        }
        for layer in memory.layers
    ]


def uncounted_shares(memory: TrainingMemory) -> list[dict[str, Any]]:
    """Ops that no rule knows: how often they are called, and their outputs' share of all outputs' bytes."""
    values = memory.graph.values
    sizes = [(node.op, sum(values[value].nbytes for value in node.outputs)) for node in memory.graph.nodes]
    everything = sum(size for _, size in sizes) or 1
    return [
        {
            "op": name,
            "calls": calls,
            "share_of_outputs": sum(size for op, size in sizes if op.name == name and not op.counted) / everything,
        }
        for name, calls in memory.uncounted.items()
    ]


def conditions_of(subject: Subject, memory: TrainingMemory) -> dict[str, Any]:
    """Everything that the figures depend on."""
    settings = memory.settings
    training = memory.graph.training
    record: dict[str, Any] = {
        "name": subject.name,
        "mode": "training step" if training else "inference",
        "batch": subject.shape[0],
        "input_shape": list(subject.shape),
        "inputs": [{"shape": list(spec.shape), "dtype": spec.dtype} for spec in subject.graph.specs(subject.graph.inputs)],
        "precision": settings.precision,
        "device": settings.device,
        "channels_last": settings.channels_last,
    }
    if settings.runs_on.has_threads:
        record["threads"] = settings.threads
    if training:
        record |= {
            "optimizer": "sgd with momentum" if settings.optimizer == "momentum" else settings.optimizer,
            "implementation": settings.implementation or "torch's default",
            "accumulate": settings.accumulate,
            "ema": settings.ema,
            "ddp": settings.ddp,
            "frozen": list(settings.frozen),
            "checkpoint": list(settings.checkpoint),
        }
    return record


def record_of(
    subject: Subject,
    memory: TrainingMemory,
    verdict: Verdict | None,
    measured: Measured | None,
    notes: NotesEstimate | None,
) -> dict[str, Any]:
    """Everything that was found, as plain data; the verdict first where one was asked for."""
    from ..analysis.memory.checkpointing import recomputed_macs

    record = {"fit": fit_record(verdict)} if verdict else {}
    record |= conditions_of(subject, memory) | {
        "peak_bytes": memory.peak_bytes,
        "at_least": memory.at_least,
        "peak_phase": memory.phase,
        "peak_layer": memory.peak_name,
        "peak_op": memory.peak_op,
        "reserved_bytes": memory.reserved_bytes,
        "overhead_bytes": memory.overhead_bytes,
        "needed_bytes": memory.needed_bytes,
        "breakdown_bytes": memory.breakdown,
        "recomputed_macs": recomputed_macs(memory.graph, memory.settings.checkpoint),
        "uncounted": uncounted_shares(memory),
        "traced": subject.graph.way,
        "traced_so_because": subject.graph.why,
    }
    if measured:
        record["measured"] = {
            "peak_bytes": measured.peak_bytes,
            "resident_bytes": measured.resident_bytes,
            "reserved_bytes": measured.reserved_bytes,
            "device": measured.device,
            "error": memory.peak_bytes / measured.peak_bytes - 1,
        }
    if notes:
        record["notes_estimate"] = {"bytes": notes.num_bytes, "error": notes.num_bytes / memory.peak_bytes - 1}
    return record


def lines_of(subject: Subject, memory: TrainingMemory, width: int) -> list[Line]:
    """The network, its conditions, the peak, and what the device needs for it."""
    from ..analysis.memory.checkpointing import recomputed_macs
    from .words import big

    place = f"{memory.peak_name} ({memory.peak_op})" if memory.peak_name else memory.peak_op
    at_least = "at least " if memory.at_least else ""
    needed = (
        f"Needed: {at_least}{gibi(memory.needed_bytes)}, {gibi(memory.overhead_bytes)} of it beside the tensors "
        f"({memory.settings.runs_on.overhead_source})."
    )
    if memory.reserved_bytes is not None:
        needed += f" Where there is room, the caching allocator reserves {gibi(memory.reserved_bytes)} for the tensors."
    lines = [
        *wrapped(f"{subject.name}: {memory.conditions}.", width, "bold"),
        *wrapped(f"Peak: {at_least}{gibi(memory.peak_bytes)}, in {memory.phase}, {place}.", width, "bold"),
        *wrapped(needed, width),
    ]
    if memory.settings.checkpoint:
        names = memory.settings.checkpoint
        macs = big(recomputed_macs(memory.graph, names))
        lines += wrapped(f"Checkpointed, with {macs} MACs computed again: {', '.join(names)}.", width)
    for unknown in uncounted_shares(memory):
        calls = f"{unknown['calls']} {'call' if unknown['calls'] == 1 else 'calls'}"
        lines += wrapped(
            f"No rule for {unknown['op']} ({calls}, {100 * unknown['share_of_outputs']:.1f} % of all outputs): "
            f"what it keeps is not in.",
            width,
            "red",
        )
    return [*lines, *way_line(subject.graph, width)]


def measured_lines(memory: TrainingMemory, measured: Measured, width: int) -> list[Line]:
    """Predicted and measured beside each other."""
    error = 100 * (memory.peak_bytes / measured.peak_bytes - 1)
    text = f"Predicted {memory.peak_bytes:,} bytes, measured {measured.peak_bytes:,} bytes on {measured.device}: {error:+.2f} %."
    if measured.reserved_bytes is not None and memory.reserved_bytes is not None:
        off = 100 * (memory.reserved_bytes / measured.reserved_bytes - 1)
        text += f" Reserved: predicted {memory.reserved_bytes:,}, measured {measured.reserved_bytes:,}: {off:+.2f} %."
    return [Line(""), *wrapped(text, width, "bold")]


def notes_lines(memory: TrainingMemory, notes: NotesEstimate, width: int) -> list[Line]:
    """The lecture notes' estimate, how far it is off, and why."""
    from ..analysis.memory.notes_model import why_it_is_off

    error = 100 * (notes.num_bytes / memory.peak_bytes - 1)
    head = (
        f"The lecture notes' estimate: {gibi(notes.parameter_bytes)} of parameters x {notes.copies} + "
        f"{gibi(notes.output_bytes)} of outputs x 2 = {gibi(notes.num_bytes)}, {error:+.1f} % off the simulated peak. Why:"
    )
    return [
        Line(""),
        *wrapped(head, width, "bold"),
        *(line for why in why_it_is_off(notes, memory) for line in wrapped(why, width)),
    ]
