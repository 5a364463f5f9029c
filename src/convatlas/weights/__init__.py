"""Published weight files: where they are, what they reach, and what an image goes through before them. No torch here.

The table is made from torchvision's and timm's own metadata (``python -m convatlas.catalogue.weights``). Of a file's SHA-256 the publishers
state the first eight digits, in the file's name; of its size torchvision a rounded figure, and timm's documentation an exact one
for some; what timm's files reach stands in its published results (Apache-2.0). Whole hashes and the other exact sizes are those that public projects pin; one is taken if it begins with the
publisher's digits and two files state it, or a table whose other rows are so confirmed, or one that downloads are held to
(torchvision's issue 7744, OpenVINO's Open Model Zoo, a Yocto recipe).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "data" / "weights.json"
PINNED_FILE = FILE.with_name("weights_pinned.json")
RESULTS_FILE = FILE.with_name("timm_results.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessing:
    """What an image goes through: its short side resized, the centre cropped, scaled to 0..1, normalised."""

    resize: int
    crop: int
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """A published weight file for ImageNet-1k.

    Attributes:
        url: of the file.
        sha256: its SHA-256, or as many of the first digits as are known.
        num_bytes: its exact size, or None.
        megabytes: its size as torchvision publishes it, in 10^6 bytes; None for timm's files.
        top1, top5: accuracy that the publisher states beside the file, in percent, on one centre crop; or None.
        source: who published it.
        preprocessing: what it was evaluated with.
    """

    url: str
    sha256: str
    num_bytes: int | None
    megabytes: float | None
    top1: float | None
    top5: float | None
    source: str
    preprocessing: Preprocessing


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return table


def published(name: str) -> Weights | None:
    """The published weights of a network of the zoo, or None."""
    found = _table().get(name)
    if found is None:
        return None
    preprocessing: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in found["preprocessing"].items()
    }
    return Weights(**{**found, "preprocessing": Preprocessing(**preprocessing)})


def preprocessing_for(name: str | None, size: int) -> Preprocessing:
    """What a network's images go through: as published, or the usual crop of 87.5 % where nothing is."""
    found = published(name) if name else None
    return found.preprocessing if found else Preprocessing(resize=round(size / 0.875), crop=size)
