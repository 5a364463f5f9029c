"""Counting side by side: convatlas and its peers on 20 torchvision networks, in one process, in turn.

Prints, for each network, milliseconds and the ratio of each peer's time to convatlas's (trace and cost together), then the median
over the networks of the fastest peer's ratio, and whether the counts agree. Times depend on the machine; ratios less so.

    python benchmarks/counting.py [--networks resnet50,vgg16] [--repeats 5] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import nn

import convatlas as ca

NETWORKS = [
    "alexnet",
    "vgg11",
    "vgg16",
    "vgg19_bn",
    "googlenet",
    "inception_v3",
    "resnet18",
    "resnet50",
    "resnet152",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "densenet121",
    "densenet201",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "shufflenet_v2_x1_0",
    "squeezenet1_0",
    "mnasnet1_0",
    "efficientnet_b0",
    "convnext_tiny",
]
Count = Callable[[nn.Module, tuple[int, ...]], int]


def by_convatlas(model: nn.Module, shape: tuple[int, ...]) -> int:
    """MACs by convatlas."""
    return ca.cost(model, shape).macs


def by_flop_counter(model: nn.Module, shape: tuple[int, ...]) -> int:
    """MACs by torch's own FlopCounterMode: half of its FLOPs."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(torch.empty(shape, device=next(model.parameters()).device))
    return int(counter.get_total_flops()) // 2


def by_torchinfo(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What torchinfo calls mult-adds."""
    from torchinfo import summary

    return int(summary(model, shape, verbose=0, device=next(model.parameters()).device).total_mult_adds)


def by_fvcore(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What fvcore calls flops."""
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(model, torch.zeros(shape))
    return int(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def by_ptflops(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What ptflops calls MACs."""
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(model, shape[1:], as_strings=False, print_per_layer_stat=False, verbose=False)
    return int(macs or 0)


def by_thop(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What thop calls MACs."""
    from thop import profile

    return int(profile(model, inputs=(torch.zeros(shape),), verbose=False)[0])


def by_calflops(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What calflops calls MACs."""
    from calflops import calculate_flops

    return int(calculate_flops(model=model, input_shape=shape, print_results=False, output_as_string=False)[1])


def by_torchprofile(model: nn.Module, shape: tuple[int, ...]) -> int:
    """What torchprofile calls MACs."""
    from torchprofile import profile_macs

    return int(profile_macs(model, torch.zeros(shape)))


# each with the device that it needs its model on, and what its count has beside products and convolutions
PEERS: dict[str, tuple[Count, str, str]] = {
    "FlopCounterMode": (by_flop_counter, "meta", "products and convolutions only, as MACs here"),
    "torchinfo": (by_torchinfo, "cpu", "adds each parameter layer's bias and norms by their parameters; skips functional calls"),
    "fvcore": (by_fvcore, "cpu", "MACs under the name flops; adds norms, adaptive pooling and upsampling"),
    "ptflops": (by_ptflops, "cpu", "adds biases, norms, activations and pooling"),
    "thop": (by_thop, "cpu", "adds norms and pooling; skips functional calls"),
    "calflops": (by_calflops, "cpu", "products and convolutions; biases with some layers"),
    "torchprofile": (by_torchprofile, "cpu", "adds norms in evaluation"),
}


def quietly(count: Count, model: nn.Module, shape: tuple[int, ...]) -> int:
    """Count without the peer's own output."""
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return count(model, shape)


def median_ms(count: Count, model: nn.Module, shape: tuple[int, ...], repeats: int) -> tuple[float, int]:
    """Median time in milliseconds after one warm-up, and the count."""
    times, counted = [], quietly(count, model, shape)
    for _ in range(repeats):
        start = time.perf_counter()
        quietly(count, model, shape)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3, counted


def measure(name: str, repeats: int) -> dict[str, Any]:
    """One network by everyone, in turn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torchvision.models.get_model(name, weights=None).eval()
    side = 299 if name == "inception_v3" else 224
    shape = (1, 3, side, side)
    on_meta = copy.deepcopy(model).to("meta")
    own_ms, macs = median_ms(by_convatlas, model, shape, max(repeats * 4, 8))
    peers: dict[str, Any] = {}
    for peer, (count, device, _) in PEERS.items():
        # some peers leave hooks and attributes behind
        subject = copy.deepcopy(on_meta if device == "meta" else model)
        try:
            with torch.no_grad() if device == "cpu" else contextlib.nullcontext():
                milliseconds, counted = median_ms(count, subject, shape, repeats)
        except Exception as error:  # a peer that fails is reported, not hidden
            peers[peer] = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
            continue
        peers[peer] = {"milliseconds": milliseconds, "ratio": milliseconds / own_ms, "counted": counted, "agrees": counted == macs}
    return {"network": name, "milliseconds": own_ms, "macs": macs, "peers": peers}


def fastest(row: dict[str, Any]) -> tuple[str, float]:
    """The fastest peer of a network, and its ratio."""
    ratios = {peer: found["ratio"] for peer, found in row["peers"].items() if "ratio" in found}
    peer = min(ratios, key=lambda key: ratios[key])
    return peer, ratios[peer]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="comma-separated torchvision names")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for name in options.networks.split(","):
        print(f"{name} ...", file=sys.stderr)
        rows.append(measure(name, options.repeats))
    ratio = statistics.median(fastest(row)[1] for row in rows)
    if options.json:
        print(json.dumps({"rows": rows, "median_ratio_to_fastest_peer": ratio}, indent=2))
        return
    print(f"{'network':20} {'convatlas':>10}  " + "  ".join(f"{peer[:12]:>12}" for peer in PEERS) + "   fastest peer")
    for row in rows:
        cells = []
        for peer in PEERS:
            found = row["peers"][peer]
            cells.append(f"{found['ratio']:10.1f}x{'=' if found['agrees'] else '!'}" if "ratio" in found else f"{'failed':>12}")
        peer, least = fastest(row)
        print(f"{row['network']:20} {row['milliseconds']:7.2f} ms  {'  '.join(cells)}   {peer} {least:.1f}x")
    print("\nx: the peer's time over convatlas's; =: its count equals these MACs, !: it does not.")
    print(f"Median over the networks of the fastest peer's ratio: {ratio:.1f}x (one process, {torch.get_num_threads()} threads).")
    for peer, error in {p: f["error"] for row in rows for p, f in row["peers"].items() if "error" in f}.items():
        print(f"  {peer} failed: {error}")
    for peer, (_, device, includes) in PEERS.items():
        print(f"  {peer} (model on {device}): {includes}")


if __name__ == "__main__":
    main()
