"""A deep network that starts from a shallower one, as VGG-16 did from VGG-11: layers at the same place are taken over.

Simonyan and Zisserman (2014, arXiv:1409.1556), Section 3.1, took the first four convolutions and the fully connected layers; their
widths fit only by stage, so here it is every layer that the shallow network has at the same place of the same stage.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ConvatlasError
from ..zoo.layers.plain import PlainNetwork, split_at_pooling


def grow(deep: nn.Module, shallow: nn.Module) -> int:
    """Give ``deep`` in place the weights and statistics of ``shallow``'s layers; returns how many layers were taken over.

    Raises:
        ConvatlasError: no layer of the one fits the other.

    """
    known, taken = _layers(shallow), 0
    for place, layer in _layers(deep).items():
        own = layer.state_dict()
        theirs = known[place].state_dict() if place in known else {}
        if own and {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in theirs.items()}:
            with torch.no_grad():
                layer.load_state_dict(theirs)
            taken += 1
    if not taken:
        raise ConvatlasError(
            f"{type(deep).__name__} has no layer in common with {type(shallow).__name__}, so it cannot grow from it"
        )
    return taken


def _layers(network: nn.Module) -> dict[str, nn.Module]:
    """The leaf modules by where they stand: a plain chain's by stage, kind and number in it, others' by name."""
    leaves = {name: module for name, module in network.named_modules() if not any(True for _ in module.children())}
    if not isinstance(network, PlainNetwork):
        return leaves
    found = {name: layer for name, layer in leaves.items() if not name.startswith("features.")}
    for stage, layers in split_at_pooling(network.features).items():
        numbers: dict[str, int] = {}
        for layer in layers:
            kind = type(layer).__name__
            numbers[kind] = numbers.get(kind, 0) + 1
            found[f"{stage}.{kind}{numbers[kind]}"] = layer
    return found
