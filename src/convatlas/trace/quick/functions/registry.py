"""Which rule serves which torch function, and what every rule needs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from numbers import Number
from typing import TYPE_CHECKING, Any

import torch

from ....graph.ops import Op

if TYPE_CHECKING:
    from ..tracer import Tracer

Rule = Callable[..., Any]
FUNCTION_RULES: dict[Any, Rule] = {}
_HOMES = (torch, torch.nn.functional, torch.Tensor, torch.special, torch.linalg, torch._C._nn)


def register(rule: Rule, *names: str) -> None:
    """Use ``rule`` for every torch function of one of these names."""
    for name in names:
        for home in _HOMES:
            if hasattr(home, name):
                FUNCTION_RULES[getattr(home, name)] = rule


def rule_for(*names: str) -> Callable[[Rule], Rule]:
    """Decorator: the rule for the torch functions of these names."""

    def decorate(rule: Rule) -> Rule:
        register(rule, *names)
        return rule

    return decorate


def in_place(rule: Rule, *names: str) -> None:
    """Register a view's in-place twins: their first argument itself stands for the view from then on."""

    def rule_(t: Tracer, x: Any, *args: Any, **kwargs: Any) -> Any:
        result = rule(t, t.own(x), *args, **kwargs)
        x.value, result.value = result.value, x.value
        x.spec = result.spec
        return x

    register(rule_, *names)


@lru_cache(maxsize=4096)
def op_of(kind: type[Op], *fields: Any) -> Any:
    """The op with these fields. Networks repeat theirs, and to look one up takes a fifth of the time of making it."""
    return kind(*fields)


def is_number(value: Any) -> bool:
    """Whether a value is a Python number, and not a tensor."""
    return not isinstance(value, torch.Tensor) and isinstance(value, int | float | complex | Number)


def given(*tensors: Any) -> list[Any]:
    """Those of a call's optional tensors that are there."""
    return [tensor for tensor in tensors if tensor is not None]


def numbers(values: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes that may come one by one or as one sequence."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = tuple(values[0])
    return tuple(map(operator.index, values))


def axis_of(dim: int, rank: int) -> int:
    """The axis that ``dim`` means, counted from the front.

    Raises:
        IndexError: there is no such axis.

    """
    limit = max(rank, 1)
    if not -limit <= dim < limit:
        raise IndexError(f"there is no axis {dim} in a tensor of {rank} axes")
    return dim % limit


def axes_of(dim: Any, rank: int) -> tuple[int, ...]:
    """The axes that ``dim`` means: None and () are all of them."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return tuple(range(rank))
    return tuple([axis_of(d, rank) for d in ((dim,) if isinstance(dim, int) else dim)])
