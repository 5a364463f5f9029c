"""The tensors of what a forward pass returns, and the loss of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Set, ValuesView
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_CODE = (type, ModuleType, nn.Module)


def result_tensors(result: Any) -> list[torch.Tensor]:
    """All tensors in what a forward pass returned, in order.

    They are found in sequences, sets, mappings, iterators (which run to their end), dataclasses, and in the attributes of other
    objects that are no code, such as distributions. An object's tensor counts once, whatever names it has there.
    """
    return list(_tensors(result, set()))


def training_loss(result: Any, target: Callable[[int, torch.Tensor], torch.Tensor]) -> torch.Tensor | None:
    """The loss that a training step is taken to have: cross-entropy for logits (N, classes), the mean of anything else; summed.

    Args:
        result: what a forward pass returned.
        target: gives the classes to predict for an output, known by its place among the tensors.

    Returns:
        The loss; None where no output is floating.

    """
    total: torch.Tensor | None = None
    for place, output in enumerate(result_tensors(result)):
        if output.is_floating_point():
            term = F.cross_entropy(output, target(place, output)) if output.dim() == 2 else output.mean()
            total = term if total is None else total + term
    return total


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
