"""Makes the catalogue from the zoo: builds every network on the meta device, traces and counts it. Needs torch."""

from __future__ import annotations

import json

import torch

from ..analysis.memory import TRAINING_BATCH, Settings, training_memory
from ..analysis.summary import summarise
from ..files import atomic_write
from ..names import natural_key
from ..trace import trace
from ..zoo import REGISTRY, create
from . import FILE, GROUP_FIELDS, TRAINING, TRAINING_DEVICES, TRAINING_PRECISIONS, CatalogueEntry


def describe(name: str) -> CatalogueEntry:
    """The entry of one network of the zoo, counted afresh."""
    found = REGISTRY[name]
    with torch.device("meta"):
        network = create(name)
    step = trace(network, (TRAINING_BATCH, *found.input_size), training=True)
    training_bytes = {
        device: {
            precision: training_memory(step, Settings(precision=precision, device=device)).peak_bytes
            for precision in TRAINING_PRECISIONS
        }
        for device in TRAINING_DEVICES
    }
    return CatalogueEntry(
        name=name,
        family=found.family,
        paper=found.paper,
        introduces=found.summary,
        published=found.published,
        dataset=found.dataset,
        evaluation=found.evaluation,
        cost=summarise(trace(network, (1, *found.input_size))),
        training_bytes=training_bytes,
    )


def as_text(entries: list[CatalogueEntry]) -> str:
    """The catalogue file: one line a network, in natural order, so that a diff shows which networks changed."""
    head = {
        "conventions": "batch 1, float32, evaluation; MACs are multiply-accumulates, bias additions left out; "
        "activation_bytes are the outputs of all calls but views and in-place ones",
        "training_bytes": TRAINING,
        "group_fields": GROUP_FIELDS,
    }
    lines = [
        f"{json.dumps(entry.name)}: {json.dumps(entry.to_json(), separators=(',', ':'))}"
        for entry in sorted(entries, key=lambda entry: natural_key(entry.name))
    ]
    fields = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    return "{\n" + fields + ',\n"networks": {\n' + ",\n".join(lines) + "\n}\n}\n"


def main() -> None:
    """Write the catalogue anew."""
    text = as_text([describe(name) for name in REGISTRY])
    with atomic_write(FILE) as file:
        file.write(text.encode())
    print(f"{len(REGISTRY)} networks, {len(text) / 1024:.0f} KiB: {FILE}")
