"""What modules hold that torch does not know to be part of the network: plain tensors, and modules in lists and other attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .network import Modules

_REGISTERED = frozenset(vars(nn.Module()))  # what torch keeps in every module
_DEPTH = 3  # of containers in containers


def constants_of(modules: Modules) -> dict[int, torch.Tensor]:
    """The tensors that modules hold besides parameters and buffers, in attributes, lists and modules in them, by id."""
    found: dict[int, torch.Tensor] = {}
    for value in _held(modules):
        if isinstance(value, torch.Tensor):
            found[id(value)] = value
        else:
            for module in value.modules():
                own = vars(module)
                tensors = (*own.values(), *own["_parameters"].values(), *own["_buffers"].values())
                found |= {id(tensor): tensor for tensor in tensors if isinstance(tensor, torch.Tensor)}
    return found


def strangers_of(modules: Modules) -> list[nn.Module]:
    """The modules that it calls and that are no part of it as torch sees it."""
    found = {id(module): module for value in _held(modules) if isinstance(value, nn.Module) for module in value.modules()}
    return [module for key, module in found.items() if key not in modules.by_id]


def _held(modules: Modules) -> Iterator[torch.Tensor | nn.Module]:
    for own in modules.contents:
        for name, value in own.items():
            if name not in _REGISTERED:
                yield from _within(value, _DEPTH)


def _within(value: Any, depth: int) -> Iterator[torch.Tensor | nn.Module]:
    if isinstance(value, torch.Tensor | nn.Module):
        yield value
    elif depth and isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _within(item, depth - 1)
