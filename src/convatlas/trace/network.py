"""What a network is made of, by column: its modules, parameters and buffers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, compress
from operator import itemgetter
from typing import Any, NamedTuple, Self

import torch
from torch import nn

from ..graph.graph import DottedNames

DTYPES: dict[torch.dtype, str] = {
    value: str(value).removeprefix("torch.") for value in vars(torch).values() if isinstance(value, torch.dtype)
}
TORCH_DTYPES: dict[str, torch.dtype] = {name: value for value, name in DTYPES.items()}


class Tensors(NamedTuple):
    """All parameters of a network, or all buffers."""

    tensors: list[torch.Tensor]
    names: DottedNames

    @classmethod
    def of(cls, paths: list[str], contents: list[dict[str, Any]], kept_as: str) -> Self:
        """The tensors that modules with these paths and contents keep so. None in the place of one is left out."""
        every = list(map(itemgetter(kept_as), contents))
        homes = list(filter(None, every))
        held = list(chain.from_iterable(map(dict.values, homes)))
        present = [tensor is not None for tensor in held]
        names = DottedNames(list(compress(paths, every)), list(map(len, homes)), list(chain.from_iterable(homes)), present)
        return cls(held if all(present) else list(compress(held, present)), names)


class Modules(NamedTuple):
    """All modules of a network by column, the network itself first: each once, depth first, with its first dotted path."""

    by_id: dict[int, nn.Module]
    paths: list[str]
    contents: list[dict[str, Any]]  # their attributes
    kinds: list[type[nn.Module]]
    parameters: Tensors
    buffers: Tensors
    shared: bool  # whether one of them lies in several places

    @classmethod
    def of(cls, root: nn.Module) -> Self:
        """The modules of a network. A scripted module is one, with all that lies in it."""
        found: dict[int, nn.Module] = {id(root): root}
        paths, contents = [""], [_attributes(root)]
        shared = _collect(contents[0], "", found, paths, contents)
        kinds = list(map(type, found.values()))
        parameters, buffers = (Tensors.of(paths, contents, kept_as) for kept_as in ("_parameters", "_buffers"))
        return cls(found, paths, contents, kinds, parameters, buffers, shared)

    @property
    def root(self) -> nn.Module:
        """The network itself."""
        return next(iter(self.by_id.values()))


def path_of_call(module: nn.Module, first: str, caller: str, children: Mapping[str, nn.Module | None]) -> str:
    """The path of a module that is called by the one at the path ``caller``: where it lies in that one, else its ``first``."""
    name = next((name for name, child in children.items() if child is module), None)
    return first if name is None else f"{caller}.{name}" if caller else name


def is_scripted(kind: type) -> bool:
    """Whether modules of this class are TorchScript's, which have no Python code."""
    return torch.jit.ScriptModule in kind.__mro__


def _attributes(module: nn.Module) -> dict[str, Any]:
    """A module's attributes; of a scripted one, whose tensors lie in C++, a list of these."""
    own = module.__dict__
    if type(own.get("_modules")) is dict or not is_scripted(type(module)):
        return own
    return {"_parameters": dict(module.named_parameters()), "_buffers": dict(module.named_buffers()), "_modules": {}}


def _collect(
    own: dict[str, Any], prefix: str, found: dict[int, nn.Module], paths: list[str], contents: list[dict[str, Any]]
) -> bool:
    """Add what lies in a module of these contents; returns whether some of it was there already."""
    shared = False
    for name, child in own["_modules"].items():
        if child is None:
            continue
        if (key := id(child)) in found:
            shared = True
            continue
        inner = _attributes(child)
        found[key] = child
        path = prefix + name
        paths.append(path)
        contents.append(inner)
        if inner["_modules"] and _collect(inner, f"{path}.", found, paths, contents):
            shared = True
    return shared
