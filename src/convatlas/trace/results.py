"""The tensors of what a forward pass returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Set, ValuesView
from types import ModuleType
from typing import Any

import torch
from torch import nn

_CODE = (type, ModuleType, nn.Module)


def result_tensors(result: Any) -> list[torch.Tensor]:
    """All tensors in what a forward pass returned, in order.

    They are found in sequences, sets, mappings, iterators (which run to their end), dataclasses, and in the attributes of other
    objects that are no code, such as distributions. An object's tensor counts once, whatever names it has there.
    """
    return list(_tensors(result, set()))


def _tensors(tree: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _tensors(value, seen)
    elif isinstance(tree, list | tuple | Set | ValuesView | Iterator):
        for item in tree:
            yield from _tensors(item, seen)
    elif not isinstance(tree, _CODE) and not callable(tree) and id(tree) not in seen:
        seen.add(id(tree))
        found: dict[int, torch.Tensor] = {}
        for value in _attributes(tree):
            found |= {id(tensor): tensor for tensor in _tensors(value, seen)}
        yield from found.values()


def _attributes(thing: Any) -> list[Any]:
    if dataclasses.is_dataclass(thing):  # one with slots too
        return [getattr(thing, field.name, None) for field in dataclasses.fields(thing)]
    return list(getattr(thing, "__dict__", {}).values())
