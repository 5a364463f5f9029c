"""Predicted time against published timings, on networks that had no part in the fit, beside simpler predictions.

    python benchmarks/latency.py [CSV...]

Without files it prints how the shipped profiles did on networks that were left out when they were fitted, and how long a
prediction takes. With files, as in timm's results (such as infer-amp-nchw-pt240-cu124-rtx3090.csv), it fits anew, and prints for
each file how many predictions of left-out networks lie within 10 and 5 % of the measured time, the median error, the same with
whole families left out, and how many measured times lie in the 90 % interval; beside it, fitted and left out in the same way,
two predictions by totals alone (MACs; MACs and bytes moved; each with a constant) and one by a roofline (each kernel at the
datasheet's rates, whichever of its FLOPs and bytes takes longer; a factor and a constant), and the roofline as it is; then
torch.distributed._tools.RuntimeEstimator where it runs, on some networks; then each card's timings predicted from another card's profile
and the two datasheets, and with three networks as anchors.

RuntimeEstimator's cost model is a roofline of aten ops at the rates of the GPU at hand, which it refuses to do without: its
`gpu_type` pins a card of its own list, which has no card of the files. So it runs where the GPU is that a file is of.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import torch

import convatlas as ca
from convatlas.analysis.latency import latency
from convatlas.api.fit_device import Timings, timings_of, trace_networks
from convatlas.api.latency import transferred
from convatlas.devices.anchors import factors
from convatlas.devices.conditions import Conditions
from convatlas.devices.fit import Fit, coverage, fit, fitted_profile, median_error, within
from convatlas.devices.parts import Parts, network_parts
from convatlas.devices.profile import find, list_profiles, shipped
from convatlas.devices.published import Row

DRAWS = 200  # of three anchors
ESTIMATED = 60  # networks of a file that torch's RuntimeEstimator is tried on: it takes a second each
HEADER = f"{'':48}{'nets':>5}{'in 10 %':>9}{'in 5 %':>8}{'median':>8}{'families':>10}{'covered':>9}"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files
    how_long_a_prediction_takes()
    if not files:
        shipped_profiles()
        return
    timings = timings_of(files)
    trace_networks(timings, lambda done, of, last: print(f"\rnetworks traced: {done} of {of}", end="", file=sys.stderr))
    print(f"\n{HEADER}")
    for each in timings:
        one_file(each)
    from_card_to_card(timings)


def how_long_a_prediction_takes() -> None:
    """A ResNet-50's time, the best of many, once traced."""
    graph, conditions = ca.trace("resnet50", (64, 3, 224, 224)), Conditions()
    profile = find("rtx4090", conditions)
    seconds = []
    for _ in range(50):
        start = time.process_time()
        latency(graph, profile, conditions)
        seconds.append(time.process_time() - start)
    print(f"predicting ResNet-50 after tracing: {1e3 * min(seconds):.2f} ms of CPU time (the first one {1e3 * seconds[0]:.2f} ms)")


def shipped_profiles() -> None:
    """How the shipped profiles did when they were fitted."""
    print(f"\n{HEADER.replace('covered', '90 % interval'.rjust(16))}")
    for name in list_profiles():
        profile = shipped(name)
        single, families = profile.validation["networks"], profile.validation["families"]
        low, high = profile.interval["ordinary"]
        print(
            f"{name:48}{profile.networks:5}{single['within_10_percent']:9.1%}{single['within_5_percent']:8.1%}"
            f"{single['median_error']:8.2%}{families['within_10_percent']:10.1%}{f'{np.expm1(low):+.1%} {np.expm1(high):+.1%}':>18}"
        )


def one_file(timings: Timings) -> None:
    """The terms, and the totals alone."""
    start = time.process_time()
    found = fit(timings.observations)
    seconds = time.process_time() - start
    print(
        line(timings.conditions.name(timings.card.name), found)
        + f"   ({len(found.coefficients)} terms, fitted thrice in {seconds:.0f} s)"
    )
    card, rate = timings.card, timings.card.peak("float16")
    for what, totals in (
        ("MACs", lambda each: {"macs": 2 * each.macs / rate}),
        ("MACs + bytes moved", lambda each: {"macs": 2 * each.macs / rate, "bytes": each.bytes_moved / card.bandwidth}),
    ):
        plain = [replace(each, least=0.0, terms=totals(each) | {"constant": 1e-3}) for each in timings.observations]
        print(line(f"    {what}", fit(plain, prior=lambda name: 1.0)))
    roofline = [replace(each, least=0.0, terms={"roofline": each.least, "constant": 1e-3}) for each in timings.observations]
    print(line("    roofline", fit(roofline, prior=lambda name: 1.0)))
    print(unfitted("    roofline as it is", np.array([np.log(each.least / each.seconds) for each in timings.observations])))
    print(runtime_estimator(timings))


def line(name: str, found: Fit) -> str:
    """A row of the table."""
    errors = found.left_out
    return (
        f"{name:48}{len(errors):5}{within(errors, 0.1):9.1%}{within(errors, 0.05):8.1%}{median_error(errors):8.2%}"
        f"{within(found.families_left_out, 0.1):10.1%}{coverage(errors):9.1%}"
    )


def unfitted(name: str, errors: np.ndarray) -> str:
    """A row of the table for a prediction that was fitted to nothing."""
    return f"{name:48}{len(errors):5}{within(errors, 0.1):9.1%}{within(errors, 0.05):8.1%}{median_error(errors):8.2%}"


def runtime_estimator(timings: Timings) -> str:
    """A row for torch's own estimate of some of the networks, or why there is none."""
    name = "    torch's RuntimeEstimator"
    present = torch.cuda.get_device_name().lower().replace(" ", "") if torch.cuda.is_available() else ""
    if timings.card.name not in present:
        return f"{name}: left out, for it takes the rates of the GPU at hand, and {timings.card.name} is not here"
    if timings.conditions.compiled or timings.conditions.training:
        return f"{name}: left out, for it estimates eager ops, and here only those of a forward pass"
    rows = timings.rows[:: max(len(timings.rows) // ESTIMATED, 1)]
    return unfitted(name, np.array([np.log(estimated_seconds(row, timings.conditions) / row.seconds) for row in rows]))


def estimated_seconds(row: Row, conditions: Conditions) -> float:
    """What torch's RuntimeEstimator tells of a timing's network, under autocast as it was timed."""
    import timm
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools import RuntimeEstimator

    form = torch.channels_last if conditions.layout == "nhwc" else torch.contiguous_format
    half = torch.bfloat16 if "bf16" in conditions.precision else torch.float16
    with FakeTensorMode(), torch.device("cuda"), torch.no_grad(), redirect_stdout(io.StringIO()):  # it prints its total
        network = timm.create_model(row.network).eval().to(memory_format=form)
        images = torch.empty(row.batch, 3, row.size, row.size).to(memory_format=form)
        estimator = RuntimeEstimator()
        with torch.autocast("cuda", dtype=half), estimator(estimate_mode_type="operator-level-cost-model"):
            network(images)
    return estimator.total_runtime / 1e3


def from_card_to_card(timings: list[Timings]) -> None:
    """Each card's timings by another card's coefficients, fitted on 70 % of the networks, and the datasheets; on the other 30 %."""
    for source, target in permutations(timings, 2):
        if source.card == target.card or _words(source.conditions) != _words(target.conditions):
            continue
        names = sorted({each.network for each in source.observations} & {each.network for each in target.observations})
        np.random.default_rng(0).shuffle(names)
        held = set(names[: 3 * len(names) // 10])
        rest = [each for each in source.observations if each.network not in held]
        profile = transferred(fitted_profile("", source.card, source.conditions, rest, fit(rest), source.passes, ""), target.card)
        rows = [each for each in target.observations if each.network in held]
        predicted = [network_parts(profile, each.kernels) for each in rows]
        seconds = np.array([each.seconds for each in rows])
        errors = np.log(np.array(predicted).sum(1) / seconds)
        anchored = [within(_anchored(predicted, seconds, draw), 0.1) for draw in range(DRAWS)]
        print(
            f"{target.conditions.name(target.card.name)} by {source.card.name}'s timings and the datasheets, {len(errors)} networks in "
            f"neither fit: within 10 % {within(errors, 0.1):.1%}, median {median_error(errors):.2%}, off by {np.expm1(np.median(errors)):+.1%} "
            f"in the middle; with three of them as anchors {np.mean(anchored):.1%} (a tenth of the draws below {np.quantile(anchored, 0.1):.1%})"
        )


def _words(conditions: Conditions) -> tuple[object, ...]:
    """The conditions but for torch's version."""
    return conditions.precision, conditions.layout, conditions.compiled, conditions.training


def _anchored(predicted: list[Parts], seconds: np.ndarray, draw: int) -> np.ndarray:
    """log(predicted / measured) of all networks but three that are drawn as anchors."""
    chosen = np.random.default_rng(draw).choice(len(seconds), 3, replace=False)
    scales = factors([predicted[place] for place in chosen], [seconds[place] for place in chosen])
    return np.delete(np.log(np.array(predicted) @ np.array(scales) / seconds), chosen)


if __name__ == "__main__":
    main()
