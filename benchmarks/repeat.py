"""How well `bench` agrees with itself: 12 networks, each measured several times over, the turns of the networks interleaved.

    python benchmarks/repeat.py                       # 12 networks 5 times: some 4 minutes on 2 cores
    python benchmarks/repeat.py --rows rows.jsonl     # goes on where a run before ended

The spread of a network is the largest of its times less the smallest, over their median. Eager, float32, batch 1, 224 pixels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

import torch

import convatlas as ca

NETWORKS = (
    "alexnet", "vgg11", "googlenet", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "squeezenet1_1", "shufflenet_v2_x1_0",
    "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0",
)  # fmt: skip
REPEATS = 5
ROUNDS = 3


def measured(name: str, repeat: int) -> dict[str, Any]:
    """One measurement: milliseconds, and cores that others kept busy."""
    found = ca.bench(f"torchvision:{name}", (1, 3, 224, 224), "eager", rounds=ROUNDS, limit_seconds=30.0)
    assert not isinstance(found, list)
    return {
        "network": name, "repeat": repeat, "milliseconds": found.milliseconds, "other_cores": found.other_cores,
        "cpu": found.host.cpu, "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip


def show(rows: list[dict[str, Any]]) -> None:
    """The table, and the median over networks."""
    print("| network | times | median, ms | spread |")
    print("| --- | ---: | ---: | ---: |")
    spreads = []
    for name in NETWORKS:
        times = [each["milliseconds"] for each in rows if each["network"] == name]
        if len(times) > 1:
            spreads.append((max(times) - min(times)) / median(times))
            print(f"| {name} | {len(times)} | {median(times):.2f} | {100 * spreads[-1]:.1f} % |")
    if spreads:
        print(f"median over {len(spreads)} networks: {100 * median(spreads):.1f} %, largest {100 * max(spreads):.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="file of rows as JSON lines, which is gone on with")
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    options = parser.parse_args()
    known = options.rows.read_text().splitlines() if options.rows and options.rows.exists() else []
    rows = [json.loads(line) for line in known]
    done = {(each["network"], each["repeat"]) for each in rows}
    for repeat in range(REPEATS):
        for name in options.networks:
            if (name, repeat) not in done:
                rows.append(measured(name, repeat))
                if options.rows:
                    with options.rows.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    show(rows)


if __name__ == "__main__":
    main()
