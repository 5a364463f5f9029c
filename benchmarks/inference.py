"""Inference on this CPU: `ca.optimize` beside torchvision and timm eager, torch.compile, ONNX Runtime and OpenVINO by their own defaults.

    python benchmarks/inference.py                       # 12 networks at batch 1 and 8: some 25 minutes on 2 cores
    python benchmarks/inference.py --rows rows.jsonl     # goes on where a run before ended

Each network is torchvision's, with the weights that it starts from; timm's is another network of the same architecture. Everything
that is compared in a row runs in the same interleaved rounds, on as many threads as torch has. "fp32" is the fastest form of
`ca.optimize` in float32, "1e-2" the one within a tolerance of 1e-2, for latency at batch 1 and for throughput at batch 8. Figures are
ratios to torchvision eager.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

import convatlas as ca
from convatlas.runtime.convert import exported_program, onnx_model, openvino_model
from convatlas.runtime.host import this_host
from convatlas.runtime.rounds import interleaved
from convatlas.runtime.source import Source
from convatlas.runtime.table import RUNTIMES, prepared

NETWORKS = {  # torchvision's name: timm's
    "alexnet": None,
    "vgg16": "vgg16",
    "googlenet": None,
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "resnext50_32x4d": "resnext50_32x4d",
    "densenet121": "densenet121",
    "squeezenet1_1": None,
    "shufflenet_v2_x1_0": None,
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "efficientnet_b0": "efficientnet_b0",
}
BATCHES = (1, 8)
PEERS = ("torchvision", "timm", "compile", "onnxruntime", "openvino")
OURS = ("fp32", "1e-2")


def by_defaults(network: nn.Module, images: torch.Tensor, without_compile: bool) -> dict[str, Callable[[], object]]:
    """The peers' calls as their own documentation has them."""
    import onnxruntime
    import openvino

    program = exported_program(network, tuple(images.shape[1:]))
    session = onnxruntime.InferenceSession(onnx_model(program).SerializeToString(), providers=["CPUExecutionProvider"])
    compiled_model = openvino.compile_model(openvino_model(program, tuple(images.shape[1:])), "CPU")
    name, array = session.get_inputs()[0].name, images.numpy()
    calls: dict[str, Callable[[], object]] = {}
    if not without_compile:
        torch._dynamo.reset()
        compiled = torch.compile(network)
        calls["compile"] = lambda: compiled(images)
    return calls | {
        "onnxruntime": lambda: session.run(None, {name: array}),
        "openvino": lambda: compiled_model(array),
    }


def row(name: str, batch: int, without_compile: bool) -> dict[str, Any]:
    """One network at one batch: milliseconds of each."""
    import timm
    import torchvision

    torch.manual_seed(0)
    network = torchvision.models.get_model(name, **({"init_weights": True} if name == "googlenet" else {})).eval()
    images = torch.rand(batch, 3, 224, 224) * 2 - 1
    calls: dict[str, Callable[[], object]] = {"torchvision": lambda: network(images)}
    if (other := NETWORKS[name]) is not None:
        theirs = timm.create_model(other).eval()
        calls["timm"] = lambda: theirs(images)
    calls |= by_defaults(network, images, without_compile)
    fastest = ca.optimize(network, images.shape, for_="latency" if batch == 1 else "throughput")
    singles = [step for step in fastest.steps if step.timing is not None and RUNTIMES[step.runtime].dtype == "float32"]
    exact = min(singles, key=lambda step: step.timing.seconds if step.timing else float("inf")).runtime
    form = prepared(exact, Source(network, images))
    calls |= {"fp32": lambda: form(images), "1e-2": lambda: fastest(images)}
    with torch.inference_mode():
        for call in calls.values():
            call()
        times = interleaved(calls, rounds=5, limit_seconds=60.0)
    with torch.inference_mode():
        product = times_of_product()
    return {
        "network": name, "batch": batch, "macs": ca.cost(network, images.shape).macs, "runtimes": {"fp32": exact, "1e-2": fastest.runtime},
        "difference": next(step.difference for step in fastest.steps if step.runtime == fastest.runtime),
        "milliseconds": {key: each.seconds * 1e3 for key, each in times.items()},
        "other_cores": {key: each.other_cores for key, each in times.items()}, "peak_gflops": product,
        "host": {"cpu": this_host().cpu, "threads": torch.get_num_threads(), **this_host().versions},
    }  # fmt: skip


def times_of_product() -> dict[str, float]:
    """GFLOPs a second of a product of matrices of 1024 x 1024, by dtype."""
    pairs = {dtype: [torch.randn(1024, 1024).to(dtype) for _ in range(2)] for dtype in (torch.float32, torch.bfloat16)}
    calls = {str(dtype).removeprefix("torch."): (lambda pair=pair: pair[0] @ pair[1]) for dtype, pair in pairs.items()}
    return {key: 2 * 1024**3 / each.seconds / 1e9 for key, each in interleaved(calls, rounds=3).items()}


def show(rows: list[dict[str, Any]]) -> None:
    """The table, and the medians over networks."""
    print("| network | batch | eager, ms | timm | compile | onnxruntime | openvino | ours, fp32 | ours, 1e-2 | of peak | by |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for each in rows:
        times = each["milliseconds"]
        ratio = {key: times["torchvision"] / times[key] for key in times}
        cells = [f"{ratio[key]:.2f}" if key in ratio else "-" for key in (*PEERS[1:], *OURS)]
        dtype = RUNTIMES[each["runtimes"]["1e-2"]].dtype
        share = 2 * each["macs"] / times["1e-2"] / 1e6 / each["peak_gflops"][dtype]
        print(
            f"| {each['network']} | {each['batch']} | {times['torchvision']:.1f} | {' | '.join(cells)} | {100 * share:.0f} % | {each['runtimes']['1e-2']} |"
        )
    for batch in BATCHES:
        some = [each["milliseconds"] for each in rows if each["batch"] == batch]
        if some:
            gains = {key: median([times["torchvision"] / times[key] for times in some]) for key in OURS}
            worst = min(min(times[key] for key in PEERS if key in times) / times["1e-2"] for times in some)
            print(
                f"batch {batch}: median over {len(some)} networks: fp32 {gains['fp32']:.2f}, 1e-2 {gains['1e-2']:.2f}; least against the best peer: {worst:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="file of rows as JSON lines, which is gone on with")
    parser.add_argument(
        "--without-compile", action="store_true", help="leave torch.compile out, which takes most of the time to prepare"
    )
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    known = options.rows.read_text().splitlines() if options.rows and options.rows.exists() else []
    rows = [json.loads(line) for line in known]
    done = {(each["network"], each["batch"]) for each in rows}
    for name in options.networks:
        for batch in BATCHES:
            if (name, batch) not in done:
                rows.append(row(name, batch, options.without_compile))
                if options.rows:
                    with options.rows.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    show(rows)


if __name__ == "__main__":
    main()
