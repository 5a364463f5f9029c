"""``python -m convatlas.catalogue.trace_proven RESULTS PROGRESS`` makes the catalogue of proven networks anew. Needs torch and timm.

RESULTS is the folder of timm's published results. Each network is traced once an image size, which takes some seconds; what is traced
goes to PROGRESS, line by line, so that a run that was cut off goes on where it was.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..accuracy import IMAGENET
from ..analysis.latency import other_conditions
from ..devices.conditions import Conditions
from ..devices.profile import find, profiled_devices
from ..devices.published import family
from ..errors import ConvatlasError
from ..files import atomic_write
from ..graph import Graph
from ..models import load
from ..names import natural_key
from ..trace import trace
from ..zoo import REGISTRY
from . import lookup
from .convolutional import is_convolutional
from .costs import PRECISIONS, costs_of
from .proven import FILE, TESTS, TIMM
from .results import SOURCE, Result, pretraining, read_results

ALIKE = ("", "*")  # marks of accuracies on one crop
CONVENTIONS = (
    "batch 1, float32, evaluation; MACs are multiply-accumulates, bias additions left out; milliseconds: one batch, contiguous, eager, "
    "predicted; train_memory_bytes: the peak of a simulated step of SGD with momentum. A curve is batches/values/the batches at "
    "which it is less sure; a weight set is a row of name, weights, size, family, pretrained, source, top5, top1 by data set"
)
Key = tuple[str, int]  # the word for a network, and the size of its images


def key_of(result: Result) -> Key:
    """The network that a result is of; all of its weight sets cost the same."""
    return f"{TIMM}{result.architecture}", result.size


def networks(results: list[Result]) -> Iterator[tuple[Key, str]]:
    """All networks and sizes, each with the word that builds it: timm's by their first weight set, and the zoo's."""
    for name, found in REGISTRY.items():
        if found.dataset == IMAGENET:
            yield (name, found.input_size[-1]), name
    seen = set()
    for result in results:
        if key_of(result) not in seen:
            seen.add(key_of(result))
            yield key_of(result), f"{TIMM}{result.architecture}.{result.weights}"


def traced(module: nn.Module, size: int) -> dict[str, Any]:
    """The costs of a network as plain data, or why there are none."""

    def graph_at(batch: int, training: bool) -> Graph:
        return trace(module, (batch, 3, size, size), training=training)

    try:
        if not is_convolutional(graph_at(1, False)):
            return {"left_out": "not convolutional"}
        return costs_of(graph_at).to_json()
    except Exception as error:  # whatever a network raises at a foreign size
        return {"left_out": str(error).partition("\n")[0] or type(error).__name__}


def trace_all(results: list[Result], progress: Path) -> dict[Key, dict[str, Any]]:
    """The costs of all networks; those that ``progress`` has already are read from it."""
    done = read_progress(progress)
    gc.disable()  # graphs have no cycles that matter, and there are hundreds of thousands of objects to look through
    with progress.open("a", encoding="utf-8") as file:
        for key, word in networks(results):
            if key in done:
                continue
            try:
                made = traced(load(word).module.eval(), key[1])
            except ConvatlasError as error:
                made = {"left_out": str(error)}
            done[key] = made
            file.write(json.dumps([*key, made], separators=(",", ":")) + "\n")
            file.flush()
            gc.collect()
            print(len(done), *key, made.get("left_out", ""), flush=True)
    return done


def read_progress(progress: Path) -> dict[Key, dict[str, Any]]:
    """What an earlier run traced."""
    if not progress.exists():
        return {}
    lines = [line for line in progress.read_text(encoding="utf-8").splitlines() if line.endswith("}]")]  # the last may be cut off
    return {(name, size): made for name, size, made in map(json.loads, lines)}


def as_text(results: list[Result], costs: dict[Key, dict[str, Any]]) -> str:
    """The catalogue's file: a line a network, and a line a weight set, so that a diff shows what changed."""
    kept = {key: made for key, made in costs.items() if "left_out" not in made}
    by_name: dict[str, dict[int, Any]] = {}
    for (name, size), made in kept.items():
        by_name.setdefault(name, {})[size] = made
    rows = [*_rows_of_zoo(kept), *(_row_of_timm(result) for result in results if key_of(result) in kept)]
    parts = {
        "conventions": json.dumps(CONVENTIONS),
        "timings": json.dumps(_timings()),
        "costs": _lines((f"{json.dumps(name)}: {_dense(by_name[name])}" for name in sorted(by_name, key=natural_key)), "{}"),
        "weights": _lines(map(_dense, rows), "[]"),
    }
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {text}" for key, text in parts.items()) + "\n}\n"


def _rows_of_zoo(kept: Collection[Key]) -> Iterator[list[Any]]:
    """In the zoo a figure counts that was measured on one crop, of weights that can be loaded or else as the paper states."""
    for name, size in kept:
        if name.startswith(TIMM):
            continue
        known = lookup(name).accuracy
        alike = known is not None and known.mark in ALIKE
        loadable = known is not None and not known.mark
        top1 = [known.top1 if known and alike else None, *[None] * (len(TESTS) - 1)]
        source = known.origin if known and alike else "not known on one crop"
        yield [
            name,
            "imagenet" if loadable else None,
            size,
            family(name),
            "in1k",
            source,
            known.top5 if known and alike else None,
            top1,
        ]


def _row_of_timm(result: Result) -> list[Any]:
    source = f"{SOURCE} of {result.size} px, {result.crop:g} of the image, {result.interpolation}"
    seen = pretraining(result.architecture, result.weights)
    name = f"{TIMM}{result.architecture}"
    return [name, result.weights, result.size, family(result.architecture), seen, source, result.top5, result.top1]


def _timings() -> dict[str, dict[str, list[Any]]]:
    made: dict[str, dict[str, list[Any]]] = {}
    for device in profiled_devices():
        for precision in PRECISIONS:
            conditions = Conditions(precision=precision)
            profile = find(device, conditions)
            notes = other_conditions(profile.conditions, conditions)
            unfamiliar = profile.interval["unfamiliar"]
            ordinary = unfamiliar if notes else profile.interval["ordinary"]
            memory = "cuda" if profile.card.flops else "cpu"  # a CPU's datasheet names no rates of tensor cores
            made.setdefault(device, {})[precision] = [profile.name, ordinary, unfamiliar, notes, memory]
    return made


def _lines(texts: Iterable[str], brackets: str) -> str:
    return f"{brackets[0]}\n" + ",\n".join(texts) + f"\n{brackets[1]}"


def _dense(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def main() -> None:
    """Trace what is not traced yet, and write the catalogue."""
    torch.set_num_threads(1)
    results = read_results(Path(sys.argv[1]))
    text = as_text(results, trace_all(results, Path(sys.argv[2])))
    with atomic_write(FILE) as file:
        file.write(text.encode())
    print(f"{len(text) / 2**20:.1f} MiB: {FILE}")


if __name__ == "__main__":
    main()
