"""Networks of torchvision and timm by name, built on the meta device: no weights are read or made."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from ..errors import ConvatlasError
from ..names import unknown_name
from .building import built
from .loading import USUAL_INPUT

if TYPE_CHECKING:
    from torch import nn


def from_torchvision(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A network of torchvision, and the input (C, H, W) that it is made for.

    Raises:
        ConvatlasError: torchvision is not installed, or has no such network.

    """
    models = _imported("torchvision", "torchvision.models")
    if name not in (known := models.list_models()):
        raise unknown_name("torchvision network", name, known, "torchvision.models.list_models() tells all")
    takes = inspect.signature(models.get_model_builder(name)).parameters
    module = built(lambda: models.get_model(name, **{key: None for key in ("weights", "weights_backbone") if key in takes}))
    preset = getattr(models.get_model_weights(name), "DEFAULT", None)
    crop = getattr(preset and preset.transforms, "keywords", {}).get("crop_size", USUAL_INPUT[1])
    return module, (3, crop, crop)


def from_timm(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A network of timm, and the input (C, H, W) that it is made for.

    Raises:
        ConvatlasError: timm is not installed, or has no such network.

    """
    timm = _imported("timm", "timm")
    if not timm.is_model(name):
        raise unknown_name("timm network", name, timm.list_models(), "timm.list_models() tells all")
    module = built(lambda: timm.create_model(name, pretrained=False))
    return module, tuple(module.pretrained_cfg.get("input_size", USUAL_INPUT))


def _imported(package: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != package:
            raise ConvatlasError(f"{package} does not import: {error}") from error
        raise ConvatlasError(f"{package} is not installed here; install it with `pip install {package}`") from error
