"""The networks of timm's published timings: which form was timed is told by the published number of parameters."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ConvatlasError
from .building import built
from .libraries import imported

if TYPE_CHECKING:
    from torch import nn

_TOLERANCE = 0.01  # of the number of parameters
_ROUNDING = 0.006e6  # it is published in millions with two digits
CLASSES = 1000


def timed_network(name: str, size: int, parameters: float | None) -> nn.Module:
    """The network that was timed under a name, on the meta device.

    Args:
        name: in timm.
        size: of the images, in pixels.
        parameters: how many it has as published, in millions; None if that is not known. Some names build another network today,
            and some were timed with their branches merged (timm's `reparameterize_model`).

    Raises:
        ConvatlasError: timm has no such network, does not build it, or builds one of another size.

    """
    timm = imported("timm", "timm")
    if not timm.is_model(name):
        raise ConvatlasError("timm has no network of that name")
    try:
        plain = _sized(timm, name, size)
    except Exception as error:  # whatever the library raises while it builds
        raise ConvatlasError(f"timm does not build it: {str(error).partition(chr(10))[0] or type(error).__name__}") from None
    if parameters is None:
        return plain.eval()
    wanted, forms = parameters * 1e6, [plain]
    if any(hasattr(module, word) for module in plain.modules() for word in ("fuse", "reparameterize", "switch_to_deploy")):
        merge = imported("timm", "timm.utils.model").reparameterize_model
        forms.append(built(lambda: merge(_sized(timm, name, size).eval())))
    nearest = min(forms, key=lambda form: abs(_count(form) - wanted))
    if abs(_count(nearest) - wanted) > max(_TOLERANCE * wanted, _ROUNDING):
        raise ConvatlasError(f"it has {_count(nearest) / 1e6:.2f} M parameters today, {parameters} M as published")
    return nearest.eval()


def half_norms(module: nn.Module) -> frozenset[str]:
    """Modules that normalise in half precision under autocast where timm's fast norms are on."""
    return frozenset(path for path, each in module.named_modules() if hasattr(each, "_fast_norm") or hasattr(each, "fast_norm"))


def _sized(timm: Any, name: str, size: int) -> nn.Module:
    module: nn.Module = built(lambda: timm.create_model(name, pretrained=False, num_classes=CLASSES))
    settings: Any = module.pretrained_cfg
    if size != settings.get("input_size", (3, 224, 224))[-1]:
        with suppress(TypeError):  # a transformer is built for one size
            module = built(lambda: timm.create_model(name, pretrained=False, num_classes=CLASSES, img_size=size))
    return module


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
