"""timm's published results, read: one row for each weight set and image size, with its accuracy on six data sets."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

from ..errors import ConvatlasError
from .proven import TESTS

SOURCE = "huggingface/pytorch-image-models, results/ (Apache-2.0): one centre crop"
_FILES = {  # data set -> timm's file
    "imagenet": "results-imagenet.csv",
    "real": "results-imagenet-real.csv",
    "v2": "results-imagenetv2-matched-frequency.csv",
    "sketch": "results-sketch.csv",
    "a": "results-imagenet-a.csv",
    "r": "results-imagenet-r.csv",
}


class Result(NamedTuple):
    """A weight set's accuracy at one image size.

    Attributes:
        architecture, weights: as in timm: "resnet50" and "a1_in1k".
        size: of the images in pixels.
        parameters: as published, in millions.
        top1: in percent, by `TESTS`; None where it was not published at these conditions.
        top5: on ImageNet, in percent.

    """

    architecture: str
    weights: str
    size: int
    parameters: float
    crop: float
    interpolation: str
    top1: tuple[float | None, ...]
    top5: float


def read_results(folder: Path) -> list[Result]:
    """What timm's files in a folder say, in the order of ImageNet's.

    Raises:
        ConvatlasError: a file cannot be read, or lacks a column.

    """
    by_test = {test: {_key(line): line for line in _lines(folder / name)} for test, name in _FILES.items()}
    results = []
    for key, line in by_test["imagenet"].items():
        architecture, _, weights = line["model"].partition(".")
        top1 = tuple(float(found["top1"]) if (found := by_test[test].get(key)) else None for test in TESTS)
        parameters = float(line["param_count"].replace(",", ""))
        size, crop, top5 = int(line["img_size"]), float(line["crop_pct"]), float(line["top5"])
        results.append(Result(architecture, weights, size, parameters, crop, line["interpolation"], top1, top5))
    return results


_SEEN = {  # word in the name of a weight set -> the data set beside ImageNet-1k that it tells of
    "in12k": "in12k", "in21k": "in22k", "in22k": "in22k",
    "ssld": "in22k",  # Baidu's distillation takes four million images of ImageNet-22k
    "jft": "jft300m", "ig1b": "ig1b", "seer": "ig1b", "swag": "ig3.6b", "yfcc100m": "yfcc100m",
    "laion2b": "laion2b", "laiona": "laiona", "openai": "wit400m", "webli": "webli",
}  # fmt: skip
_IMAGENETS = ("in12k", "in22k")


def pretraining(architecture: str, weights: str) -> str:
    """The data set that a weight set saw beside ImageNet-1k, the largest of several; "in1k" if none.

    ImageNet-21k and -22k are two names of one.
    """
    seen = [_SEEN[word] for word in re.split("_", f"{architecture}_{weights}") if word in _SEEN]
    beyond = [name for name in seen if name not in _IMAGENETS]
    return (beyond or sorted(seen, reverse=True) or ["in1k"])[0]


def _key(line: dict[str, str]) -> tuple[str, ...]:
    return tuple(line[name] for name in ("model", "img_size", "crop_pct", "interpolation"))


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConvatlasError(f"{path}: no CSV that can be read: {error}") from None
    wanted = ("model", "img_size", "top1", "top5", "param_count", "crop_pct", "interpolation")
    if missing := [name for name in wanted if name not in (reader.fieldnames or ())]:
        raise ConvatlasError(f"{path}: the columns {', '.join(missing)} are missing")
    return lines
