"""The profile of this machine against networks that had no part in it: predicted and measured time.

    convatlas calibrate --threads 1
    python benchmarks/calibrated.py --threads 1 --output calibrated.jsonl

34 networks of timm's that are not the zoo's, at batches of 1 and 8, eager in float32 and in bfloat16 (channels-last, batch norms
folded), as `convatlas bench` runs them, both in processes of their own. What was measured is kept in the file, and an interrupted run
goes on from it. With one thread the time is the thread's own; nothing else should run meanwhile: it takes caches and memory all the
same.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import timm
import torch
from scipy.stats import spearmanr

from convatlas.api.calibrate import expected_here
from convatlas.measure.calibration import clock
from convatlas.runtime.host import cpu_name
from convatlas.runtime.source import Source
from convatlas.runtime.table import prepared

NETWORKS = (
    "resnet26d", "resnetv2_50", "ecaresnet26t", "seresnet33ts", "skresnet18", "res2net50_26w_4s", "resnest14d", "dla34", "hrnet_w18_small",
    "regnetz_b16", "repvgg_a2", "mobileone_s1", "fastvit_t8", "ghostnet_100", "tinynet_a", "lcnet_100", "mnasnet_100", "fbnetc_100",
    "mixnet_s", "semnasnet_075", "convnextv2_nano", "edgenext_small", "vovnet39a", "ese_vovnet19b_dw", "selecsls42b", "xception41",
    "cspresnet50", "darknet53", "hardcorenas_a", "mobilenetv4_conv_medium", "starnet_s2", "inception_next_tiny", "hgnetv2_b2",
    "repghostnet_100",
)  # fmt: skip
RUNTIMES = {"eager": "fp32", "bf16": "bf16"}
BATCHES = (1, 8)
SIZE = 224
SECONDS = 0.5  # of each measurement, or three calls


def main() -> None:
    """Measure what is not measured yet, and print how the predictions did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=Path("calibrated.jsonl"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = [json.loads(line) for line in given.output.read_text().splitlines()] if given.output.exists() else []
    known = {(row["network"], row["runtime"]) for row in rows}
    for name, runtime in product(NETWORKS, RUNTIMES):
        if (name, runtime) not in known:
            with ProcessPoolExecutor(1, get_context("spawn")) as apart:
                made = apart.submit(measured, name, runtime, given.threads).result()
            with given.output.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in made)
            rows += made
    print(f"{cpu_name()}, {given.threads} threads, PyTorch {torch.__version__}; {SIZE} px\n")
    for row in rows:
        row["predicted_seconds"] = predicted(row)
    told(rows)


def measured(name: str, runtime: str, threads: int) -> list[dict]:
    """One network's times with a runtime."""
    torch.set_num_threads(threads)
    network, rows = timm.create_model(name).eval(), []
    for batch in BATCHES:
        images = torch.rand(batch, 3, SIZE, SIZE) * 2 - 1
        taken = seconds(prepared(runtime, Source(network, images)), images)
        rows.append({"network": name, "batch": batch, "runtime": runtime, "seconds": taken})
    print(name, runtime, *(f"{1e3 * row['seconds']:.1f} ms" for row in rows), flush=True)
    return rows


@torch.inference_mode()
def seconds(form: torch.nn.Module, images: torch.Tensor) -> float:
    """The median of some calls, after two that warm up."""
    now, times = clock(), []
    form(images)
    form(images)
    while len(times) < 3 or (sum(times) < SECONDS and len(times) < 9):
        begun = now()
        form(images)
        times.append(now() - begun)
    return median(times)


def predicted(row: dict) -> float:
    """The time that this machine's profile tells."""
    with torch.device("meta"):
        network = timm.create_model(row["network"]).eval()
    found = expected_here(network, (row["batch"], 3, SIZE, SIZE), row["runtime"])
    if found is None:
        raise SystemExit("this machine has no profile; run `convatlas calibrate` with as many threads")
    return found.milliseconds / 1e3


def told(rows: list[dict]) -> None:
    """Shares within 10 and 15 %, by conditions, and every network's ratio."""
    print(f"{'':24}" + "".join(f"{precision} b{batch}".rjust(10) for precision in RUNTIMES.values() for batch in BATCHES))
    for name in NETWORKS:
        mine = {(row["runtime"], row["batch"]): row["predicted_seconds"] / row["seconds"] for row in rows if row["network"] == name}
        print(f"{name:24}" + "".join(f"{mine[runtime, batch]:10.2f}" for runtime in RUNTIMES for batch in BATCHES))
    groups = [(f"{RUNTIMES[runtime]}, batch {batch}", [r for r in rows if (r["runtime"], r["batch"]) == (runtime, batch)])
              for runtime in RUNTIMES for batch in BATCHES]  # fmt: skip
    for what, some in [*groups, ("all", rows)]:
        made, truth = (np.array([row[key] for row in some]) for key in ("predicted_seconds", "seconds"))
        error = np.abs(made / truth - 1)
        print(
            f"{what:16} {len(some):4} times: within 10 % {(error <= 0.1).mean():.1%}, within 15 % {(error <= 0.15).mean():.1%}, median error "
            f"{np.median(error):.1%}, rank correlation {spearmanr(made, truth).statistic:.3f}"
        )


if __name__ == "__main__":
    main()
