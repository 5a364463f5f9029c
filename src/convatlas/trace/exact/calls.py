"""A call of an ATen op, as the table's rules see it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch

from ...graph import TensorSpec
from .names import Names, spec_of

_RETAINED: dict[Any, tuple[list[str], dict[str, Any]]] = {}


class Call:
    """One call: the overload, its arguments by the names of its schema, and the tensors that it returned."""

    def __init__(self, overload: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, names: Names) -> None:
        self.overload, self.result, self.known = overload, result, names
        signature = _RETAINED.get(overload)
        if signature is None:
            arguments = overload._schema.arguments
            signature = _RETAINED[overload] = (
                [argument.name for argument in arguments],
                {argument.name: argument.default_value for argument in arguments},
            )
        order, defaults = signature
        self.arguments = {**defaults, **dict(zip(order, args, strict=False)), **kwargs}

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    @property
    def function(self) -> str:
        """The op's name, without its namespace and without the underscore of one that works in place."""
        return str(self.overload._schema.name).partition("::")[2].rstrip("_")

    @cached_property
    def inputs(self) -> list[torch.Tensor]:
        """All tensors among the arguments, in order."""
        return list(tensors(self.arguments.values()))

    @cached_property
    def outputs(self) -> list[torch.Tensor]:
        """All tensors of the result, in order."""
        return list(tensors((self.result,)))

    @property
    def written(self) -> list[torch.Tensor]:
        """The tensors among the arguments that it writes into."""
        return list(tensors(written_of(self.overload, self.arguments)))

    @property
    def x(self) -> TensorSpec:
        """The spec of the first input."""
        return spec_of(self.inputs[0])

    @property
    def out(self) -> TensorSpec:
        """The spec of the first output."""
        return spec_of(self.outputs[0])

    @property
    def rank(self) -> int:
        """Axes of the first input."""
        return self.inputs[0].dim()

    def axis(self, name: str = "dim") -> int:
        """An axis of the first input, counted from the front."""
        axis: int = self.arguments[name]
        return axis % self.rank if self.rank else 0

    def axes(self, name: str = "dim") -> tuple[int, ...]:
        """Axes of the first input; where none is given, all."""
        given = self.arguments.get(name)
        if isinstance(given, int):
            given = (given,)
        return tuple(axis % self.rank for axis in given) if given and self.rank else tuple(range(self.rank))

    def given(self, *names: str) -> list[torch.Tensor]:
        """Those of the named arguments that are tensors."""
        return list(tensors(self.arguments[name] for name in names))


def written_of(overload: Any, arguments: dict[str, Any]) -> list[Any]:
    """Those of an overload's arguments that it writes into."""
    schema = overload._schema.arguments
    return [arguments.get(each.name) for each in schema if each.alias_info is not None and each.alias_info.is_write]


def tensors(tree: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested sequences."""
    for item in tree:
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, list | tuple):
            yield from tensors(item)
