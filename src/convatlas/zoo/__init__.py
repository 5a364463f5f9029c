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

_LAYERS_THAT_DRAW = (nn.Linear, nn.modules.conv._ConvNd)


@contextmanager
def _without_initialisation() -> Iterator[None]:
    """Layers made inside keep the memory they were given: initialising twice would cost most of the building time."""
    saved = [layer.reset_parameters for layer in _LAYERS_THAT_DRAW]
    try:
        for layer in _LAYERS_THAT_DRAW:
            layer.reset_parameters = lambda self: None  # type: ignore[method-assign, assignment]
        yield
    finally:
        for layer, original in zip(_LAYERS_THAT_DRAW, saved, strict=True):
            layer.reset_parameters = original  # type: ignore[method-assign]


def create(name: str, **options: Any) -> Network:
    """Make a network of the zoo, initialised as in its paper, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated and no random number is drawn.

    Raises:
        ValueError: an unknown name (the nearest ones are given), an unknown option, or an impossible value.
    """
    with _without_initialisation():
        network = build(name, **options)
    if next(network.parameters()).device.type != "meta":
        with torch.no_grad():
            network.init_weights()
    return network
