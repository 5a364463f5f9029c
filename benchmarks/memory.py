"""Peak training memory: the simulation against a real step on this CPU, beside MemTracker under FakeTensorMode.

    python benchmarks/memory.py [--output FILE] [--only WORD] [--no-tracker]

Prints a line for each combination of `memory_combinations.txt`, then how many lie within 0.5 and 1 %, how many are
under-estimates, and how much longer MemTracker takes. With ``--output`` each finished combination is kept in FILE, and a
second run goes on where the first one ended.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn

import convatlas as ca
from convatlas.analysis.memory import Settings, training_memory
from convatlas.measure.memory import loss_of, make_optimizer, measure_training

REPEATS = 5


class Combination(NamedTuple):
    """One network under one set of conditions."""

    network: str
    batch: int
    pixels: int
    optimizer: str
    trained: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input; the networks for digits read one channel."""
        return (self.batch, 1 if self.network == "lenet5" else 3, self.pixels, self.pixels)

    def settings(self, model: nn.Module) -> Settings:
        """How the step is done: with a frozen backbone, all but the last child that has parameters is frozen."""
        children = [name for name, child in model.named_children() if next(child.parameters(), None) is not None]
        if self.trained == "head" and len(children) == 1:
            inner = [name for name, child in model.get_submodule(children[0]).named_children() if any(child.parameters())]
            children = [f"{children[0]}.{name}" for name in inner]
        return Settings(
            optimizer=self.optimizer, threads=torch.get_num_threads(), frozen=tuple(children[:-1]) if self.trained == "head" else ()
        )


def combinations() -> list[Combination]:
    """The table beside this file."""
    lines = Path(__file__).with_name("memory_combinations.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [Combination(name, int(batch), int(pixels), optimizer, trained) for name, batch, pixels, optimizer, trained in rows]


def build(network: str) -> nn.Module:
    """A network of the zoo, or of timm or torchvision, with random weights."""
    library, _, name = network.rpartition(":")
    if library == "timm":
        import timm

        return timm.create_model(name)
    if library == "torchvision":
        import torchvision

        without_backbone = {"weights_backbone": None} if name.startswith("fcn") else {}  # else it is downloaded
        return torchvision.models.get_model(name, weights=None, **without_backbone)
    return ca.create(name)


def seconds(run: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def tracked(combination: Combination) -> tuple[int, float]:
    """MemTracker's peak in bytes, and the seconds of its second step, in which the optimizer's state exists."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools.mem_tracker import MemTracker

    with FakeTensorMode():
        model = build(combination.network).train()
        settings = combination.settings(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not any(name.startswith(f"{module}.") for module in settings.frozen))
        images = torch.randn(combination.shape)
        optimizer = make_optimizer(settings, [p for p in model.parameters() if p.requires_grad])
        targets: dict[int, torch.Tensor] = {}
        tracker = MemTracker()
        tracker.track_external(model, optimizer, images)

        def step() -> None:
            loss_of(model(images), targets).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        with tracker:
            step()
            tracker.reset_mod_stats()
            elapsed = seconds(step)
        peak = tracker.get_tracker_snapshot("peak")
    return int(next(iter(peak.values()))["Total"]), elapsed


def compared(combination: Combination, with_tracker: bool) -> dict[str, Any]:
    """All figures of one combination."""
    model = build(combination.network)
    settings = combination.settings(model)
    trace_s = seconds(lambda: ca.trace(model, combination.shape, training=True))
    graph = ca.trace(model, combination.shape, training=True)
    predicted = training_memory(graph, settings)
    simulate_s = median([seconds(lambda: training_memory(graph, settings)) for _ in range(REPEATS)])
    record = {"predicted": predicted.peak_bytes, "trace_s": trace_s, "simulate_s": simulate_s, "at_least": predicted.at_least}
    record["where"] = f"{predicted.phase} {predicted.peak_name or predicted.peak_op}"
    started = time.perf_counter()
    record["measured"] = measure_training(model, combination.shape, settings).peak_bytes
    record["measure_s"] = time.perf_counter() - started
    if with_tracker:
        try:
            record["tracker"], record["tracker_s"] = tracked(combination)
        except Exception as error:  # what it cannot do is a result as well
            record["tracker_error"] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return record


def line(combination: Combination, record: dict[str, Any]) -> str:
    """One combination's figures in a line."""
    error = 100 * (record["predicted"] / record["measured"] - 1)
    text = (
        f"{combination.network:28} batch {combination.batch:2} {combination.pixels:3} px {combination.optimizer:8} "
        f"{combination.trained:4}  measured {record['measured'] / 2**20:8.1f} MiB  predicted {error:+6.2f} %  "
        f"trace {1000 * record['trace_s']:5.1f} ms  simulate {1000 * record['simulate_s']:5.1f} ms"
    )
    if "tracker_s" in record:
        off = 100 * (record["tracker"] / record["measured"] - 1)
        text += f"  MemTracker {off:+6.2f} % in {record['tracker_s']:5.2f} s = {record['tracker_s'] / record['simulate_s']:4.0f}x"
    return text + (f"  MemTracker: {record['tracker_error']}" if "tracker_error" in record else "")


def totals(records: list[dict[str, Any]]) -> str:
    """How good it is over all combinations."""
    errors = [100 * (record["predicted"] / record["measured"] - 1) for record in records]
    count = len(errors)

    def share(number: int) -> str:
        return f"{number}/{count} = {100 * number / count:.1f} %"

    text = (
        f"within 0.5 %: {share(sum(abs(e) <= 0.5 for e in errors))}; within 1 %: {share(sum(abs(e) <= 1 for e in errors))}; "
        f"under-estimates (by more than 0.005 %): {share(sum(e < -0.005 for e in errors))}; "
        f"largest error {max(errors, key=abs):+.2f} %; simulation {1000 * median(r['simulate_s'] for r in records):.1f} ms (median)"
    )
    ratios = [record["tracker_s"] / record["simulate_s"] for record in records if "tracker_s" in record]
    if ratios:
        off = [100 * (r["tracker"] / r["measured"] - 1) for r in records if "tracker" in r]
        text += (
            f"\nMemTracker: {median(ratios):.0f}x the time (median; least {min(ratios):.0f}x), within 1 % in "
            f"{sum(abs(e) <= 1 for e in off)}/{len(off)}, largest error {max(off, key=abs):+.2f} %"
        )
    return text


def main() -> None:
    """Run the combinations that are not in the output file yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, metavar="FILE", help="keep results here, and go on from there")
    parser.add_argument("--only", default="", metavar="WORD", help="combinations whose network has this in its name")
    parser.add_argument("--no-tracker", action="store_true", help="leave MemTracker out")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    known: dict[str, dict[str, Any]] = {}
    if options.output and options.output.exists():
        for text in options.output.read_text().splitlines():
            if text.endswith("}"):  # a run that was ended may have left half a line
                entry = json.loads(text)
                known[entry["key"]] = entry
    records = []
    for combination in combinations():
        if options.only not in combination.network:
            continue
        key = " ".join(map(str, combination))
        if key not in known:
            known[key] = {"key": key, **compared(combination, not options.no_tracker)}
            if options.output:
                with options.output.open("a") as file:
                    file.write(json.dumps(known[key]) + "\n")
        records.append(known[key])
        print(line(combination, known[key]), flush=True)
    print(totals(records))


if __name__ == "__main__":
    main()
