"""Counting: convatlas beside seven other counters, on 20 torchvision networks, in one process and in turn.

    python benchmarks/counting.py [--repeats N] [--networks NAME ...] [--json FILE]

Each counter is timed on cpu, as its documentation uses it, and on meta, where it works there; ptflops with both of its
backends. Times are medians of warm repeats, of the count alone (models are built and copied beforehand), in milliseconds of the
process, whatever else the machine does. convatlas is timed twice: with a record for each layer, which a table needs, and for the
totals only. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import logging
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torchvision.models
from torch import nn

import convatlas as ca
from counters.convention import explain
from counters.peers import PEERS, Peer, Shape

NETWORKS = [
    "alexnet", "vgg16", "vgg16_bn", "googlenet", "inception_v3", "squeezenet1_1", "resnet18", "resnet50", "resnet152",
    "resnext50_32x4d", "wide_resnet50_2", "densenet121", "mobilenet_v2", "mobilenet_v3_large", "mnasnet1_0", "shufflenet_v2_x1_0",
    "efficientnet_b0", "efficientnet_b4", "regnet_y_400mf", "convnext_tiny",
]  # fmt: skip
OURS = "convatlas"
TOTALS = "convatlas, totals only"
FIELDS: dict[str, Callable[[str, str], bool]] = {  # which peers, on which devices, the fastest is looked for among
    "each on cpu, as its documentation uses it": lambda peer, device: device == "cpu",
    "the same, and FlopCounterMode on meta": lambda peer, device: device == "cpu" or peer == "FlopCounterMode",
    "each wherever it is fastest, meta included": lambda peer, device: True,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each counter on each network")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--json", type=Path, help="write every figure to this file as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    rows = []
    for name in options.networks:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows.append(measure(name, options.repeats))
    conventions = {name: explain(silently(counter_of(peer))) for name, peer in PEERS.items()}
    report(rows, conventions)
    if options.json:
        figures = {"machine": machine(), "repeats": options.repeats, "networks": rows, "conventions": conventions}
        temporary = options.json.with_suffix(".part")
        temporary.write_text(json.dumps(figures, indent=1))
        temporary.replace(options.json)


def machine() -> dict[str, Any]:
    return {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": 1,
            "python": platform.python_version(), "torch": torch.__version__}  # fmt: skip


def build(name: str, device: str) -> nn.Module:
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device(device if not name.startswith("regnet") else "cpu"):  # torchvision's regnets work widths out on cpu
        model = torchvision.models.get_model(name, weights=None, **options)
    return model.to(device).eval()


def shape_of(name: str) -> Shape:
    return (1, 3, 299, 299) if name == "inception_v3" else (1, 3, 224, 224)


def silently(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without the function's output."""

    def quiet(*args: Any) -> Any:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return function(*args)

    return quiet


def counter_of(peer: Peer) -> Callable[[nn.Module, Shape], float]:
    """A peer's count of a model, in multiply-accumulates."""
    device = peer.devices[0]
    return lambda model, shape: peer.count(copy.deepcopy(model).to(device), shape, device) / peer.per_mac


def timed(function: Callable[..., Any], make_arguments: Callable[[], tuple[Any, ...]], repeats: int) -> tuple[float, Any]:
    """Median milliseconds of warm runs, each on arguments of its own, and the last result."""
    times = []
    for run in range(repeats + 1):
        arguments = make_arguments()
        start = time.process_time()
        result = function(*arguments)
        if run:  # the first one warms up
            times.append(1e3 * (time.process_time() - start))
    return median(times), result


def measure(name: str, repeats: int) -> dict[str, Any]:
    """Times and counts of all counters for one network."""
    shape = shape_of(name)
    models = {device: build(name, device) for device in ("meta", "cpu")}
    records, ours = timed(lambda: with_records(models["meta"], shape), tuple, 3 * repeats)
    totals, _ = timed(lambda: ca.cost(models["meta"], shape), tuple, 3 * repeats)
    row: dict[str, Any] = {"network": name, "macs": ours, "ms": {OURS: records, TOTALS: totals}, "peers_ms": {}, "counts": {}}
    for peer_name, peer in PEERS.items():
        spent = row["peers_ms"][peer_name] = {}
        for device in peer.devices:

            def copied(model: nn.Module = models[device], device: str = device) -> tuple[Any, ...]:
                return copy.deepcopy(model), shape, device

            try:
                spent[device], found = timed(silently(peer.count), copied, repeats)
            except Exception as error:  # that, too, is a result
                row["counts"].setdefault(peer_name, f"fails ({type(error).__name__})")
            else:
                row["counts"][peer_name] = found / peer.per_mac
    return row


def with_records(model: nn.Module, shape: Shape) -> int:
    counted = ca.cost(model, shape)
    assert counted.layers
    return counted.macs


def report(rows: list[dict[str, Any]], conventions: dict[str, tuple[list[str], list[str]]]) -> None:
    """Print the tables, as docs/benchmarks.md shows them."""
    peers = list(PEERS)
    print("Milliseconds for one count: convatlas for the totals, and with a record for each layer; the peers on cpu / on meta.\n")
    print("| network | convatlas | with a record a layer | " + " | ".join(peers) + " |")
    print("| --- |" + " ---: |" * (len(peers) + 2))
    for row in rows:
        cells = [f"{row['ms'][ours]:.2f}" for ours in (TOTALS, OURS)]
        for peer in peers:
            spent = row["peers_ms"][peer]
            cells.append(" / ".join(f"{spent[device]:.1f}" if device in spent else "-" for device in ("cpu", "meta")))
        print(f"| {row['network']} | " + " | ".join(cells) + " |")
    print(f"\nHow many times as long as convatlas the fastest peer takes, median over the {len(rows)} networks:\n")
    print("| peers | for the totals | with a record for each layer |")
    print("| --- | ---: | ---: |")
    for title, among in FIELDS.items():
        ratios = [median(fastest(row, among) / row["ms"][ours] for row in rows) for ours in (TOTALS, OURS)]
        print(f"| {title} | " + " | ".join(f"{each:.1f}" for each in ratios) + " |")
    print("\nWhat each counter reports, against convatlas's multiply-accumulates (convolutions and matrix products, no biases):\n")
    print("| counter | agrees on | largest difference | adds | misses |")
    print("| --- | ---: | ---: | --- | --- |")
    for peer in peers:
        found = {row["network"]: row["counts"].get(peer) for row in rows}
        numbers = {name: count / row["macs"] - 1 for row in rows if isinstance(count := found[name := row["network"]], int | float)}
        agreeing = sum(abs(difference) < 5e-7 for difference in numbers.values())
        worst = max(numbers, key=lambda name: abs(numbers[name]), default=None)
        adds, misses = conventions[peer]
        unit = "operations, 2 a MAC" if PEERS[peer].per_mac == 2 else "MACs"
        largest = f"{100 * numbers[worst]:+.2f} % ({worst})" if worst and abs(numbers[worst]) >= 5e-7 else "none"
        print(
            f"| {peer} ({unit}) | {agreeing} of {len(rows)} | {largest} | {', '.join(adds) or 'nothing'} | {', '.join(misses) or 'nothing'} |"
        )


def fastest(row: dict[str, Any], among: Callable[[str, str], bool]) -> float:
    """Milliseconds of the fastest peer of a field for one network."""
    return min(ms for peer, spent in row["peers_ms"].items() for device, ms in spent.items() if among(peer, device))


if __name__ == "__main__":
    main()
