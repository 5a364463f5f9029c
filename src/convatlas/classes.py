"""Names of classes. No torch here."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_IMAGENET = Path(__file__).parent / "data" / "imagenet_classes.json"


@cache
def class_names(count: int) -> tuple[str, ...]:
    """ImageNet's names for 1000 classes; numbers for any other count."""
    names: tuple[str, ...] = tuple(json.loads(_IMAGENET.read_text(encoding="utf-8")))
    return names if count == len(names) else tuple(f"class {index}" for index in range(count))
