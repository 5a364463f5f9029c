"""The proven networks: published weight sets with their accuracy, and what their networks cost; read from a file, without torch.

It is generated (``python -m convatlas.catalogue.trace_proven``) from timm's published results, this zoo, and a trace of each network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .curve import Curve, curve_from

FILE = Path(__file__).parent.parent / "data" / "proven.json"
TIMM = "timm:"
TESTS = ("imagenet", "real", "v2", "sketch", "a", "r")  # data sets that top-1 is known on, at the classes of ImageNet-1k
ROW = ("name", "weights", "size", "family", "pretrained", "source", "top5", "top1")


class Timing(NamedTuple):
    """What a device's times are predicted by in one precision.

    Attributes:
        profile: its name.
        ordinary, unfamiliar: 5 and 95 % quantiles of log(predicted / measured), by how familiar a network is.
        notes: what makes all of these predictions less sure.
        memory_device: where the device's training steps are simulated: "cuda" or "cpu".

    """

    profile: str
    ordinary: tuple[float, float]
    unfamiliar: tuple[float, float]
    notes: tuple[str, ...]
    memory_device: str


class NetworkCosts(NamedTuple):
    """What one network costs at one image size; a curve is read when it is asked for."""

    params: int
    macs: int
    activation_bytes: int
    uncounted: tuple[str, ...]
    curves: Mapping[str, Any]

    def milliseconds(self, device: str, precision: str) -> Curve:
        """Of one batch on a device that has a profile."""
        return curve_from(self.curves["milliseconds"][device][precision])

    def train_memory_bytes(self, device: str, precision: str) -> Curve:
        """Peak of a training step, on "cuda" or "cpu"."""
        return curve_from(self.curves["train_memory_bytes"][device][precision])


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A weight set at one image size.

    Attributes:
        name: the network's, as the commands take it: "resnet50" in the zoo, "timm:resnet50" in timm.
        weights: the name of the weight set: "imagenet" in the zoo, timm's tag; None where only a paper's figure is known.
        size: of the images it was tested with, in pixels.
        family: the first word of its name.
        pretrained: the data set that it saw beside ImageNet-1k, or "in1k".
        source: who states the accuracy.
        top5: on ImageNet, in percent.
        top1: in percent by `TESTS`; None where it is not known.
        costs: of the network at that size.

    """

    name: str
    weights: str | None
    size: int
    family: str
    pretrained: str
    source: str
    top5: float | None
    top1: Mapping[str, float | None]
    costs: NetworkCosts


@cache
def proven() -> tuple[Proven, ...]:
    """All weight sets, the zoo's first, then timm's by their accuracy on ImageNet."""
    data = _read()
    costs = {
        (name, int(size)): NetworkCosts(made["params"], made["macs"], made["activation_bytes"], tuple(made["uncounted"]), made)
        for name, sizes in data["costs"].items()
        for size, made in sizes.items()
    }
    rows = [dict(zip(ROW, row, strict=True)) for row in data["weights"]]
    return tuple(
        Proven(**{**row, "top1": dict(zip(TESTS, row["top1"], strict=True))}, costs=costs[row["name"], row["size"]]) for row in rows
    )


@cache
def timings() -> Mapping[str, Mapping[str, Timing]]:
    """Device -> precision -> what its times are predicted by."""
    return {
        device: {precision: _timing(made) for precision, made in by_precision.items()}
        for device, by_precision in _read()["timings"].items()
    }


def _timing(made: list[Any]) -> Timing:
    profile, ordinary, unfamiliar, notes, memory_device = made
    return Timing(profile, tuple(ordinary), tuple(unfamiliar), tuple(notes), memory_device)


def conventions() -> str:
    """What the figures hold for."""
    return str(_read()["conventions"])


@cache
def _read() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return data
