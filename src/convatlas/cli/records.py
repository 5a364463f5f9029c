"""What the commands print as JSON, and the rows of their tables: plain data whose keys carry the units."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..analysis.cost import CONVENTION
from .tables import Row

if TYPE_CHECKING:
    from ..accuracy import Accuracy
    from ..analysis.cost import Cost, GroupCost, LayerCost
    from ..analysis.latency import Latency
    from ..analysis.summary import Summary
    from ..catalogue import CatalogueEntry


def as_json(data: Any) -> str:
    """JSON text with each shape on one line."""
    text = json.dumps(data, indent=2)
    return re.sub(r"\[\s+([\d.,\s-]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def latency_conditions(found: Latency) -> dict[str, Any]:
    """What a predicted time holds for."""
    return {
        "device": found.device,
        "batch": found.graph.batch,
        "precision": found.conditions.precision,
        "layout": found.conditions.layout,
        "compiled": found.conditions.compiled,
        "training": found.conditions.training,
        "profile": found.profile,
        "at_least": found.at_least,
        "notes": found.notes,
    }


def group_record(group: GroupCost, total_macs: int) -> dict[str, Any]:
    """Sums over some calls."""
    return {
        "name": group.name or "(network)",
        "calls": group.calls,
        "output_shape": list(group.output_shape),
        **_measures(group),
        "macs_share": group.macs / total_macs if total_macs else 0.0,
    }


def layer_records(cost: Cost) -> list[dict[str, Any]]:
    """Every call in order of execution; what no rule counts is null, not zero."""
    fields = _fields(cost)
    records = []
    for place, layer in enumerate(cost.layers):
        record = {
            "name": layer.name or "(network)",
            "op": layer.op,
            "stage": layer.stage,
            "input_shape": list(layer.input_shape),
            "output_shape": list(layer.output_shape),
            "dtype": layer.dtype,
            **_measures(layer),
            "receptive_field_px": fields.get(place),
        }
        if not layer.counted:
            record |= {"macs": None, "elementwise": None, "flops": None}
        records.append(record)
    return records


def _fields(cost: Cost) -> dict[int, list[float]]:
    from ..analysis.receptive_field import receptive_field

    try:
        return {field.node: list(field.size) for field in receptive_field(cost.graph)}
    except ValueError:  # no image, so no receptive field
        return {}


def _measures(item: LayerCost | GroupCost | Summary) -> dict[str, Any]:
    return {
        "params": item.params,
        "macs": item.macs,
        "flops": item.flops,
        "elementwise": item.elementwise,
        "activation_bytes": item.activation_bytes,
        "bytes_moved": item.bytes_moved,
        "intensity_flops_per_byte": item.intensity,
    }


def summary_record(summary: Summary) -> dict[str, Any]:
    """A network in short."""
    field = summary.receptive_field
    return {
        "name": summary.name,
        "input_shape": list(summary.input_shape),
        "inputs": [{"shape": list(spec.shape), "dtype": spec.dtype} for spec in summary.inputs],
        "batch": summary.batch,
        "dtype": summary.dtype,
        "mode": mode_of(summary.training),
        "convention": CONVENTION,
        **_measures(summary),
        "params_unused": summary.params_unused,
        "receptive_field": field and {"size_px": list(field.size), "stride_px": list(field.stride), "sees_all": field.sees_all},
        "uncounted": summary.uncounted,
        "traced": summary.way,
        "traced_so_because": summary.why,
    }


def accuracy_record(accuracy: Accuracy | None) -> dict[str, Any] | None:
    """An accuracy with everything that it depends on; null where none is known."""
    return (
        None
        if accuracy is None
        else {
            "top1_percent": accuracy.top1,
            "top5_percent": accuracy.top5,
            "dataset": accuracy.dataset,
            "source": accuracy.source,
            "evaluation": accuracy.evaluation,
        }
    )


def accuracy_cells(accuracy: Accuracy | None) -> Row:
    """An accuracy as cells of a table's row."""
    return {
        "top1_percent": accuracy and accuracy.top1,
        "top1_shown": accuracy.shown if accuracy else "",
        "dataset": accuracy and accuracy.dataset,
        "accuracy_source": accuracy and accuracy.origin,
    }


def entry_record(entry: CatalogueEntry) -> dict[str, Any]:
    """What the catalogue knows of a network, without its stages."""
    paper = entry.paper
    return {
        "family": entry.family,
        "paper": {"title": paper.title, "authors": paper.authors, "year": paper.year, "url": paper.url},
        "introduces": entry.introduces,
        "accuracy": accuracy_record(entry.accuracy),
        "published": accuracy_record(entry.stated),
        **summary_record(entry.cost),
    }


def mode_of(training: bool) -> str:
    """The mode's name."""
    return "training" if training else "evaluation"


def groups(of: Sequence[GroupCost], total_macs: int) -> list[dict[str, Any]]:
    """Records of several groups."""
    return [group_record(group, total_macs) for group in of]
