"""``python -m convatlas.weights`` makes the table of published weights anew, from torchvision's metadata."""

from __future__ import annotations

import json
import re
from typing import Any

from torchvision.models import get_model_weights, list_models

from ..files import atomic_write
from ..names import natural_key
from ..zoo import REGISTRY
from . import FILE


def describe(name: str) -> dict[str, Any]:
    """The entry of one network: torchvision's first weights, whose recipe is closest to the paper's."""
    import torchvision

    enum = list(get_model_weights(name))
    weights = next(member for member in enum if member.name.startswith("IMAGENET1K_V"))
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", weights.url)
    assert digits is not None, weights.url
    transform = weights.transforms()
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    return {
        "url": weights.url,
        "sha256": digits[1],
        "megabytes": round(weights.meta["_file_size"] * 2**20 / 1e6, 1),
        "top1": metrics["acc@1"],
        "top5": metrics["acc@5"],
        "source": f"torchvision {torchvision.__version__.partition('+')[0]} {weights}",
        "preprocessing": {
            "resize": transform.resize_size[0],
            "crop": transform.crop_size[0],
            "mean": list(transform.mean),
            "std": list(transform.std),
            "interpolation": transform.interpolation.value,
        },
    }


def has_weights(name: str) -> bool:
    """Whether torchvision publishes ImageNet weights for a network of that name."""
    return any(member.name.startswith("IMAGENET1K_V") for member in get_model_weights(name))


shared = sorted((set(list_models()) & set(REGISTRY)), key=natural_key)
table = {name: describe(name) for name in shared if has_weights(name)}
with atomic_write(FILE) as file:
    file.write((json.dumps(table, indent=1) + "\n").encode())
print(f"{len(table)} networks: {FILE}")
