"""pick: its rows are a filter over the published table, its costs those of `cost`, `latency` and `training_memory`."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

import convatlas as ca
from convatlas.catalogue.proven import FILE, proven, timings
from convatlas.design import NothingFitsError, selection

DATA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
TOP1 = ("top1", "real", "v2", "sketch", "a", "r")


def by_batch(curve: str) -> dict[int, float]:
    batches, values, _ = curve.split("/")
    return dict(zip(map(int, batches.split()), map(float, values.split()), strict=True))


def joined(device: str, precision: str, batch: int) -> pd.DataFrame:
    """The catalogue's two tables joined by pandas; only batches that are powers of two."""
    table = pd.DataFrame(DATA["weights"], columns=["name", "weights", "size", "family", "pretrained", "source", "top5", "by_test"])
    table.weights = table.weights.fillna("")
    table[list(TOP1)] = pd.DataFrame(table.pop("by_test").tolist(), index=table.index)

    def costs(row: pd.Series) -> pd.Series:
        made = DATA["costs"][row["name"]][str(row["size"])]
        milliseconds = by_batch(made["milliseconds"][device][precision])[batch]
        bytes_at = by_batch(made["train_memory_bytes"]["cuda"][precision])
        return pd.Series(
            {"params": made["params"], "macs": made["macs"], "ms": milliseconds, "bytes": bytes_at.get(batch, math.nan)}
        )

    return table.join(table.apply(costs, axis=1))


@pytest.mark.parametrize(("device", "precision", "batch"), [("rtx4090", "amp", 64), ("rtx3090", "fp32", 1)])
def test_rows_are_those_of_a_filter_by_pandas(device: str, precision: str, batch: int) -> None:
    table = joined(device, precision, batch)
    draw = random.Random(3)
    for _ in range(15):
        params, macs, milliseconds = (10 ** draw.uniform(*ends) for ends in ((6.5, 8), (8.5, 10.5), (0.3, 2.5)))
        kept = table[(table.params <= params) & (table.macs <= macs) & (table.ms <= milliseconds) & table.top1.notna()]
        if kept.empty:
            continue
        found = ca.pick(
            max_params=params,
            max_macs=macs,
            max_latency_ms=milliseconds,
            device=device,
            precision=precision,
            batch=batch,
            limit=None,
        )
        mine = {(each.name, each.weights or "", each.input_size[-1]): each for each in found}
        assert set(mine) == set(zip(kept.name, kept.weights, kept["size"], strict=True))
        assert [each.top1 for each in found] == sorted(kept.top1, reverse=True)
        for row in kept.itertuples():
            each = mine[row.name, row.weights, row.size]
            assert (each.params, each.macs, each.latency_ms) == (row.params, row.macs, row.ms)


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2",
        "resnet18",
        pytest.param("timm:resnet50", marks=pytest.mark.slow),
        pytest.param("vgg16", marks=pytest.mark.slow),
    ],
)
def test_costs_are_what_a_trace_gives(name: str) -> None:
    cost = ca.cost(name, (1, 3, 224, 224))
    for device, precision, batch, exact in (
        ("rtx4090", "amp", 64, True),
        ("i9_10940x", "fp32", 1, True),
        ("pro6000maxq", "amp", 27, False),
    ):
        found = ca.pick(
            families=name.removeprefix("timm:"), device=device, precision=precision, batch=batch, input_size=224, limit=None
        )
        each = next(each for each in found if each.name == name)
        kind = "cpu" if device.startswith("i9") else "cuda"
        latency = ca.latency(name, (batch, 3, 224, 224), device=device, precision=precision)
        peak = ca.training_memory(name, (batch, 3, 224, 224), device=kind, precision=precision).peak_bytes
        assert (each.params, each.macs, each.activation_bytes) == (cost.params, cost.macs, cost.activation_bytes)
        assert each.latency_ms == pytest.approx(latency.milliseconds, rel=1e-5 if exact else 0.01)
        assert each.latency_interval_ms == pytest.approx(latency.interval, rel=1e-5 if exact else 0.01)
        assert each.train_memory_bytes == pytest.approx(peak, rel=0.01)
        assert ("latency_ms" in each.interpolated) is not exact


@pytest.mark.slow
def test_figures_between_two_batches_are_nearly_all_within_one_percent() -> None:
    draw = random.Random(7)
    misses = []
    for each in draw.sample([each for each in proven() if each.name.startswith("timm:")], 12):
        batch, size = draw.randint(3, 250), each.size
        precision = draw.choice(["amp", "fp32"])
        word = f"{each.name}.{each.weights}"
        peak = each.costs.train_memory_bytes("cuda", precision).at(batch)
        assert peak is not None
        made = ca.training_memory(word, (batch, 3, size, size), device="cuda", precision=precision)
        assert peak.value == pytest.approx(made.peak_bytes, rel=0.01), (word, batch)
        for device in timings():
            found = each.costs.milliseconds(device, precision).at(batch)
            assert found is not None
            predicted = ca.latency(word, (batch, 3, size, size), device=device, precision=precision).milliseconds
            misses.append(abs(found.value / predicted - 1))
    assert sum(miss <= 0.01 for miss in misses) >= 0.88 * len(misses)
    assert max(misses) < 0.08  # waves of blocks on a card of 188 processors


def test_the_front_is_that_of_a_comparison_of_each_with_each() -> None:
    found = ca.pick(device="rtx3090", batch=64, rank="accuracy,speed,params", families="*net*", limit=None)
    merits = [(each.top1 or 0.0, -(each.latency_ms or 0.0), -each.params) for each in found]
    for each, mine in zip(found, merits, strict=True):
        beaten = any(other != mine and all(its >= own for its, own in zip(other, mine, strict=True)) for other in merits)
        assert each.on_front is not beaten
    fronts = [each.on_front for each in found]
    assert fronts == sorted(fronts, reverse=True), "what is on the front comes first"


def test_a_heavier_weight_moves_the_ranking_its_way() -> None:
    def mean_rank_of_params(weight: float) -> float:
        first = ca.pick(rank={"accuracy": 1, "params": weight}, limit=10)
        return sum(each.params for each in first) / len(first)

    assert mean_rank_of_params(4) < mean_rank_of_params(1) < mean_rank_of_params(0.1)


def test_like_finds_only_what_beats_a_network_in_something_and_loses_in_nothing() -> None:
    (own,) = [each for each in ca.pick(families="resnet50", device="rtx3090", limit=None) if each.word == "resnet50"]
    better = ca.pick(like="resnet50", device="rtx3090", limit=None)
    assert better
    for each in better:
        pairs = [
            (own.top1, each.top1),
            *((getattr(each, cost), getattr(own, cost)) for cost in ("params", "macs", "latency_ms", "train_memory_bytes")),
        ]
        assert all(worse <= good for worse, good in pairs)
        assert any(worse < good for worse, good in pairs)


def test_robust_is_the_mean_of_four_data_sets() -> None:
    each = ca.pick(rank="robust", limit=1)[0]
    assert each.robust == pytest.approx((each.v2 + each.sketch + each.a + each.r) / 4)  # type: ignore[operator]


def test_misses_are_told_with_their_shares_the_nearest_first() -> None:
    found = selection(max_params=10e6, max_macs=1e9)
    for miss in found.misses:
        each = miss.candidate
        excess = {"params": each.params / 10e6 - 1, "macs": each.macs / 1e9 - 1}
        assert miss.excess == pytest.approx({key: share for key, share in excess.items() if share > 0})
    assert all(first.worst <= second.worst for first, second in pairwise(found.misses))
    best = found.rows[0].top1
    assert all(miss.candidate.top1 > best for miss in found.near_misses)  # type: ignore[operator]


def test_advice_names_a_network_that_is_nearly_as_good_and_much_cheaper() -> None:
    told = 0
    for millions in (5, 10, 20, 40, 80):
        found = selection(max_params=millions * 1e6)
        best = found.rows[0]
        close = [each for each in found.rows if best.top1 - each.top1 <= 1]  # type: ignore[operator]
        cheapest = min(close, key=lambda each: each.params)
        assert f"Take {best.label}:" in found.advice
        assert (f"{cheapest.label} gives up" in found.advice) is (cheapest.params <= 0.8 * best.params)
        told += "gives up" in found.advice
    assert told


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_params": -1}, r"`max_params` \(=-1\) must be a number above 0"),
        ({"max_macs": math.nan}, r"`max_macs` \(=nan\)"),
        ({"max_latency_ms": 5}, "a time depends on the device; name one: .*rtx4090"),
        ({"rank": "speed"}, "a time depends on the device"),
        ({"device": "rtx4091"}, "unknown device 'rtx4091': did you mean rtx4090"),
        ({"rank": "acuracy"}, "unknown figure 'acuracy': did you mean accuracy"),
        ({"rank": "accuracy=2,params"}, "weighs some figures and not others"),
        ({"rank": "accuracy,accuracy"}, "names a figure twice"),
        ({"rank": "accuracy=-1,params=2"}, "a weight in `rank` must be a number above 0, got '-1'"),
        ({"batch": 1000}, r"`batch` \(=1000\) must be a whole number from 1 to 256"),
        ({"precision": "fp8"}, "in amp and fp32, not in 'fp8'"),
        ({"pretrained": "in23k"}, "unknown pre-training 'in23k': did you mean in22k"),
        ({"families": "convnxt*"}, r"unknown family 'convnxt\*'"),
        ({"input_size": 225}, "no weights were tested with images of 225 px"),
        ({"input_size": (3, 224, 192)}, "square images"),
        ({"like": "resnet51"}, "unknown proven network 'resnet51': did you mean"),
        ({"limit": 0}, "`limit`"),
        ({"max_train_memory_bytes": "8 bananas"}, "is no memory size"),
    ],
)
def test_what_cannot_be_asked_is_said(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ca.ConvatlasError, match=message):
        ca.pick(**limits)


def test_limits_that_nothing_keeps_name_the_nearest_and_what_it_misses_by() -> None:
    least = min(each.costs.params for each in proven() if each.top1["imagenet"] is not None)
    with pytest.raises(
        NothingFitsError, match=r"nothing keeps params at most .*; the nearest: \S+ at 224 px misses params by 25 %"
    ):
        ca.pick(max_params=least / 1.25)
