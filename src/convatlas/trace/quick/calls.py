"""What a call of a torch function is made of: its arguments, and its own body."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any


def leaves(tree: Any) -> Iterator[Any]:
    """What nested sequences and mappings hold."""
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from leaves(item)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()))
    else:
        yield tree


_UNGUARDED: dict[Callable[..., Any], Callable[..., Any]] = {}


def without_overrides(func: types.FunctionType) -> Callable[..., Any]:
    """A Python function of torch that runs its own body instead of asking for an override, so its parts are seen."""
    if func not in _UNGUARDED:
        names = {name: (lambda *_: False) for name in func.__globals__ if name.startswith("has_torch_function")}
        copy = types.FunctionType(func.__code__, {**func.__globals__, **names}, func.__name__, func.__defaults__, func.__closure__)
        copy.__kwdefaults__ = func.__kwdefaults__
        _UNGUARDED[func] = copy
    return _UNGUARDED[func]
