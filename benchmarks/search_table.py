"""Trains every network of a small space, so that searches can be replayed on its table in seconds.

A residual space of two stages for scikit-learn's digits (8x8): 216 networks, three seeds each, 7 epochs at batch 64, fp32, one thread.
Rows are written as they come; the script goes on where it stopped. Run: python benchmarks/search_table.py
"""

from __future__ import annotations

import csv
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from convatlas.search.score.training import Training
from convatlas.search.space.residual import ResidualSpace
from convatlas.search.tables import Tables
from convatlas.train.data import open_data

TABLE = Path(__file__).parent / "search" / "digits.csv"
SEEDS = 3
EPOCHS = 7
COLUMNS = ("network", "seed", "params", "macs", "val_top1_percent", "cpu_seconds")


def space(**changes: Any) -> ResidualSpace:
    """The space: what one stage holds, and how wide and deep each is; with changes, as ``groups=(1,)``, a part of it."""
    whole: dict[str, Any] = {
        "widths": ((4, 8, 16), (8, 16, 32)), "depths": (1, 2), "groups": ((1,), (1, 2, 4)), "squeeze": ((False,), (False, True)),
    }  # fmt: skip
    return ResidualSpace((1, 8, 8), 10, stem=8, ratios=(1,), **(whole | changes))


def main() -> None:
    """Train what is missing."""
    torch.set_num_threads(1)
    networks = space()
    index = networks.all()
    costs = Tables(networks).costs(index)
    score = Training(data=open_data("digits"), epochs=EPOCHS, device="cpu", precision="fp32")
    done = set()
    if TABLE.is_file():
        with TABLE.open(newline="") as file:
            done = {(int(row["network"]), int(row["seed"])) for row in csv.DictReader(file)}
    else:
        TABLE.write_text(",".join(COLUMNS) + "\n")
    for seed in range(SEEDS):
        for number, row in enumerate(index):
            if (number, seed) in done:
                continue
            values = networks.values(row)
            began = time.process_time()
            top1 = score(partial(networks.build, values), seed, lambda epoch, accuracy: False)
            seconds = time.process_time() - began
            with TABLE.open("a") as file:
                file.write(f"{number},{seed},{costs.params[number]},{costs.macs[number]},{top1:.4f},{seconds:.2f}\n")


if __name__ == "__main__":
    main()
