"""``python -m convatlas.catalogue.weights`` makes the table of published weights anew.

It joins torchvision's and timm's metadata, which state the first digits of a file's SHA-256 in its name, with
data/weights_pinned.json: whole hashes and exact sizes, by file name, where public projects state them; and with
data/timm_results.json: what timm's files reach, from its published results.
"""

from __future__ import annotations

import json
import re
from typing import Any

import timm
import torchvision
from timm.models import get_pretrained_cfg
from torchvision.models import get_model_weights, list_models

from ..files import atomic_write
from ..names import natural_key
from ..weights import FILE, PINNED_FILE, RESULTS_FILE
from ..weights.timm_names import TIMM
from ..zoo import REGISTRY

RESULTS: dict[str, list[dict[str, Any]]] = json.loads(RESULTS_FILE.read_text(encoding="utf-8"))["results"]
PINNED: dict[str, dict[str, Any]] = json.loads(PINNED_FILE.read_text(encoding="utf-8"))


def of_torchvision(name: str) -> dict[str, Any] | None:
    """Torchvision's first weights of a network, whose recipe is closest to the paper's; or None."""
    if name not in list_models():
        return None
    weights = next((member for member in get_model_weights(name) if member.name.startswith("IMAGENET1K_V")), None)
    if weights is None:
        return None
    transform = weights.transforms()
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    return {
        "url": weights.url,
        **pinned(weights.url),
        "megabytes": round(weights.meta["_file_size"] * 2**20 / 1e6, 1),
        "top1": metrics["acc@1"],
        "top5": metrics["acc@5"],
        "source": f"torchvision {version(torchvision)} {weights}",
        "preprocessing": {
            "resize": transform.resize_size[0],
            "crop": transform.crop_size[0],
            "mean": list(transform.mean),
            "std": list(transform.std),
            "interpolation": transform.interpolation.value,
        },
    }


def of_timm(name: str) -> dict[str, Any] | None:
    """Timm's weights of a network: those trained on ImageNet-1k alone, free to use, at an address that states a hash."""
    if name not in TIMM:
        return None
    found: Any = get_pretrained_cfg(TIMM[name][0])
    if found is None or not found.url or stated_digits(found.url) is None:
        return None
    if not found.tag.endswith("in1k") or "_ft_" in found.tag or found.license.startswith("cc-by-nc"):
        return None
    size = (found.test_input_size or found.input_size)[-1]
    share = (found.test_crop_pct or found.crop_pct) if found.test_input_size else found.crop_pct
    conditions = {"size": size, "crop": share, "interpolation": found.interpolation}
    results = RESULTS.get(f"{found.architecture}.{found.tag}", [])
    reached = next((result for result in results if conditions.items() <= result.items()), {})
    return {
        "url": found.url,
        **pinned(found.url),
        "megabytes": None,
        "top1": reached.get("top1"),
        "top5": reached.get("top5"),
        "source": f"timm {version(timm)} {found.architecture}.{found.tag}",
        "preprocessing": {
            "resize": int(size / share),
            "crop": size,
            "mean": list(found.mean),
            "std": list(found.std),
            "interpolation": found.interpolation,
        },
    }


def pinned(url: str) -> dict[str, Any]:
    """The SHA-256 of a file, or the digits of it that its name states, and its exact size, or None."""
    known = PINNED.get(url.rpartition("/")[2], {})
    return {"sha256": known.get("sha256", stated_digits(url)), "num_bytes": known.get("num_bytes")}


def stated_digits(url: str) -> str | None:
    """The first digits of a file's SHA-256, which its name ends in."""
    found = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    return found and found[1]


def version(package: Any) -> str:
    """A package's version without its build."""
    return str(package.__version__).partition("+")[0]


table = {name: found for name in sorted(REGISTRY, key=natural_key) if (found := of_torchvision(name) or of_timm(name))}
with atomic_write(FILE) as file:
    file.write((json.dumps(table, indent=1) + "\n").encode())
print(f"{len(table)} networks: {FILE}")
