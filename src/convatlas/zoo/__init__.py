"""The zoo: one paper, one file. `create` makes a network, `entry` tells what is published about it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import torch

from .network import Network
from .registry import REGISTRY, Entry, Paper, build, entry

__all__ = ["REGISTRY", "Entry", "Network", "Paper", "create", "entry"]

for _module in pkgutil.iter_modules(__path__):  # importing a family's file registers its networks
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")


def create(name: str, **options: Any) -> Network:
    """Make a network of the zoo, initialised as in its paper, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated and no random number is drawn. `models.pretrained` gives it weights.

    Args:
        name: of the network; see `convatlas.list_models`.
        options: the builder's: ``num_classes``, ``in_channels``, ``dropout``, and what the family has beside them.

    Raises:
        ConvatlasError: an unknown name (the nearest ones are given), an unknown option, or an impossible value.
    """
    new = torch.empty(0)
    if new.is_meta or type(new) is not torch.Tensor:  # on meta, or under FakeTensorMode: there are no values to set
        return build(name, **options)
    with torch.device("meta"):  # layers fill themselves when they are made, which costs nothing there
        network = build(name, **options)
    network.to_empty(device=new.device).init_weights()
    return network
