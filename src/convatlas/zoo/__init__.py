"""The zoo: one paper, one file. `create` makes a network, `entry` tells what is published about it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .network import Network
from .registry import REGISTRY, Entry, Paper, build, entry

__all__ = ["REGISTRY", "Entry", "Network", "Paper", "create", "entry"]

for _module in pkgutil.iter_modules(__path__):  # importing a family's file registers its networks
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")

_LAYERS_THAT_INITIALISE: tuple[Any, ...] = (
    nn.Linear, nn.LayerNorm, nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase
)  # fmt: skip
_SETTINGS = frozenset({bool, int, float, str, tuple, type(None)})


@contextmanager
def _lean_construction() -> Iterator[None]:
    """Modules made inside skip what would cost most of the building time.

    Layers keep the memory they were given, since `init_weights` fills it afterwards; and settings that can be no parameter,
    buffer or module are stored without asking whether they are.
    """
    saved = [layer.reset_parameters for layer in _LAYERS_THAT_INITIALISE]
    set_attribute = nn.Module.__setattr__

    def set_quickly(module: nn.Module, name: str, value: Any) -> None:
        own = module.__dict__
        if type(value) in _SETTINGS and name not in own.get("_parameters", ()) and name not in own.get("_modules", ()):
            own[name] = value
        else:
            set_attribute(module, name, value)

    try:
        for layer in _LAYERS_THAT_INITIALISE:
            layer.reset_parameters = lambda self: None
        nn.Module.__setattr__ = set_quickly  # type: ignore[method-assign, assignment]
        yield
    finally:
        nn.Module.__setattr__ = set_attribute  # type: ignore[method-assign]
        for layer, original in zip(_LAYERS_THAT_INITIALISE, saved, strict=True):
            layer.reset_parameters = original


def create(name: str, **options: Any) -> Network:
    """Make a network of the zoo, initialised as in its paper, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated and no random number is drawn.

    Raises:
        ValueError: an unknown name (the nearest ones are given), an unknown option, or an impossible value.

    """
    with _lean_construction():
        network = build(name, **options)
    if next(network.parameters()).device.type != "meta":
        with torch.no_grad():
            network.init_weights()
    return network
