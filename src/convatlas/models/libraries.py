"""Networks of torchvision and timm by name, built on the meta device: no weights are read or made."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

from ..errors import ConvatlasError
from ..names import unknown_name
from .building import built
from .loading import IMAGE_SIZE

if TYPE_CHECKING:
    from torch import nn

_CLIP_FRAMES = 16  # of torchvision's networks for video, whose weights do not say otherwise


def from_torchvision(word: str) -> tuple[nn.Module, tuple[int, ...], str]:
    """A network of torchvision, the sample (C, H, W) or (C, T, H, W) that it is made for, and the path behind its name.

    Raises:
        ConvatlasError: torchvision is not installed, or has no such network.

    """
    models = imported("torchvision", "torchvision.models")
    name, _, path = word.partition(".")
    if name not in (known := models.list_models()):
        raise unknown_name("torchvision network", name, known, "torchvision.models.list_models() tells all")
    builder = models.get_model_builder(name)
    takes = inspect.signature(builder).parameters
    module = built(lambda: models.get_model(name, **{key: None for key in ("weights", "weights_backbone") if key in takes}))
    preset = getattr(models.get_model_weights(name), "DEFAULT", None)
    return module, _size_in_torchvision(module, preset, in_time=".video." in builder.__module__), path


def _size_in_torchvision(module: nn.Module, preset: Any, in_time: bool) -> tuple[int, ...]:
    """As its weights were evaluated: the crop, and how many frames of a clip; a detector's is what it resizes an image to."""
    resize: Any = getattr(module, "transform", None)
    if resize is not None and hasattr(resize, "min_size"):
        return IMAGE_SIZE[0], *(resize.fixed_size or (resize.min_size[-1], resize.min_size[-1]))
    crop = getattr(preset and preset.transforms, "keywords", {}).get("crop_size", IMAGE_SIZE[1:])
    sides = (crop, crop) if isinstance(crop, int) else tuple(crop)
    if not in_time:
        return IMAGE_SIZE[0], *sides
    frames = re.search(r"clip_len=(\d+)", str(preset and preset.meta.get("_docs")))
    return IMAGE_SIZE[0], int(frames[1]) if frames else _CLIP_FRAMES, *sides


def from_timm(word: str) -> tuple[nn.Module, tuple[int, ...], str]:
    """A network of timm, the input (C, H, W) that it is made for, and the path behind its name (and the name of its weights).

    Raises:
        ConvatlasError: timm is not installed, or has no such network.

    """
    timm = imported("timm", "timm")
    name, _, rest = word.partition(".")
    if not timm.is_model(name):
        raise unknown_name("timm network", name, timm.list_models(), "timm.list_models() tells all")
    weights, _, path = rest.partition(".")
    if timm.is_model_pretrained(name) and f"{name}.{weights}" in timm.list_models(f"{name}.*", pretrained=True):
        name = f"{name}.{weights}"
    else:
        path = rest
    module = built(lambda: timm.create_model(name, pretrained=False))
    return module, tuple(module.pretrained_cfg.get("input_size", IMAGE_SIZE)), path


def imported(package: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != package:
            raise ConvatlasError(f"{package} does not import: {error}") from error
        raise ConvatlasError(f"{package} is not installed here; install it with `pip install {package}`") from error
