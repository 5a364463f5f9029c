"""The zoo: one paper, one file. `create` makes a network, `entry` tells what is published about it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import torch

from .network import Network
from .registry import REGISTRY, Entry, Paper, build, entry

__all__ = ["REGISTRY", "Entry", "Network", "Paper", "create", "entry"]

for _module in pkgutil.iter_modules(__path__):  # importing a family's file registers its networks
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")


def create(name: str, *, weights: str | Path | None = None, **options: Any) -> Network:
    """Make a network of the zoo, initialised as in its paper, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated and no random number is drawn.

    Args:
        name: of the network; see `convatlas.list_models`.
        weights: "imagenet" for the published file, an https URL, or a file. Another ``num_classes`` starts the last layer
            anew, another ``in_channels`` adapts the first convolution; a warning says so.
        options: the builder's: ``num_classes``, ``in_channels``, ``dropout``, and what the family has beside them.

    Raises:
        ConvatlasError: an unknown name (the nearest ones are given), an unknown option, an impossible value, or weights that
            cannot be had or do not fit.
    """
    if weights == "imagenet" and "transform_input" in entry(name).options and options.get("in_channels", 3) == 3:
        options.setdefault("transform_input", True)  # the published weights were made for images normalised in another way
    new = torch.empty(0)
    if new.is_meta or type(new) is not torch.Tensor:  # on meta, or under FakeTensorMode: there are no values to set
        network = build(name, **options)
    else:
        with torch.device("meta"):  # layers fill themselves when they are made, which costs nothing there
            network = build(name, **options)
        network.to_empty(device=new.device).init_weights()
    if weights is not None:
        from ..weights.load import load_weights

        load_weights(network, name, weights)
    return network
