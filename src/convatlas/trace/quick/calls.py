"""What a call of a torch function is made of: its arguments, its own body, and questions to real tensors."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..errors import data_dependent
from .proxy import Proxy

# what may be asked of a real tensor in the middle of a trace: its values exist already
OF_REAL_TENSORS = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__len__", "__repr__", "__format__", "__hash__",
    "size", "dim", "numel", "nelement", "stride", "is_contiguous", "is_floating_point", "is_complex", "element_size",
    "get_device", "ndimension", "data_ptr", "storage_offset", "has_names", "__deepcopy__", "is_signed", "numpy",
    "untyped_storage",
})  # fmt: skip
# what a forward may do to a real tensor, and a trace must not
CHANGES_OF_REAL_TENSORS = frozenset({"requires_grad_", "register_hook", "retain_grad", "backward"})


def read(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Ask a real tensor something."""
    with torch._C.DisableTorchFunction():
        try:
            return func(*args, **kwargs)
        except RuntimeError as error:
            if isinstance(args[0], torch.Tensor) and args[0].is_meta:
                name = getattr(func, "__name__", "a value").strip("_")
                raise data_dependent(f".{name}() of a tensor on meta") from error
            raise


def leaves(tree: Any) -> Iterator[Any]:
    """What nested sequences and mappings hold."""
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from leaves(item)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()))
    else:
        yield tree


def mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    """Nested sequences and mappings with everything in them changed."""
    if type(tree) is Proxy:
        return change(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(change, item) for item in tree))
    if isinstance(tree, torch.Size):
        return tree
    if isinstance(tree, list | tuple):
        items = [mapped(change, item) for item in tree]
        try:
            return type(tree)(items)
        except TypeError:  # torch's structured results take no plain list
            return tuple(items)
    if isinstance(tree, dict):
        return {key: mapped(change, item) for key, item in tree.items()}
    return change(tree)


_UNGUARDED: dict[Callable[..., Any], Callable[..., Any]] = {}


def without_overrides(func: types.FunctionType) -> Callable[..., Any]:
    """A Python function of torch that runs its own body instead of asking for an override, so its parts are seen."""
    if func not in _UNGUARDED:
        names = {name: (lambda *_: False) for name in func.__globals__ if name.startswith("has_torch_function")}
        copy = types.FunctionType(func.__code__, {**func.__globals__, **names}, func.__name__, func.__defaults__, func.__closure__)
        copy.__kwdefaults__ = func.__kwdefaults__
        _UNGUARDED[func] = copy
    return _UNGUARDED[func]
