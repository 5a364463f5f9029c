"""The caller's module and random state, kept as they were found."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn

Named = tuple[nn.Module, str]
_CONTAINERS = (dict, list, set, deque)
_MISSING = object()


def named_modules(root: nn.Module) -> list[Named]:
    """Every module once, depth first, with its first dotted path."""
    found: list[Named] = []
    seen: set[int] = set()

    def visit(module: nn.Module, path: str, prefix: str) -> None:
        seen.add(id(module))
        found.append((module, path))
        for name, child in module.__dict__["_modules"].items():
            if child is not None and id(child) not in seen:
                inner = prefix + name
                visit(child, inner, f"{inner}.")

    visit(root, "", "")
    return found


class _Notes:
    """What modules and the containers in them held before."""

    def __init__(self) -> None:
        self.filled: list[tuple[Any, Any]] = []  # a container and a copy of it
        self.empty: list[Any] = []  # containers that were empty

    def take(self, container: Any) -> None:
        if container:
            self.filled.append((container, container.copy()))
        else:
            self.empty.append(container)

    def take_module(self, module: nn.Module, runs_own_code: bool) -> None:
        """Note a module's attributes; if it runs code of its own, also what the containers among them hold."""
        contents = module.__dict__
        self.filled.append((contents, contents.copy()))
        if runs_own_code:
            for value in contents.values():
                if isinstance(value, _CONTAINERS):
                    self.take_nested(value, depth=3)
        else:
            for tensors in (contents["_parameters"], contents["_buffers"]):
                if tensors:
                    self.filled.append((tensors, tensors.copy()))

    def take_nested(self, container: Any, depth: int) -> None:
        """Note what a container holds, and what containers in it hold."""
        self.take(container)
        if depth:
            for value in container.values() if isinstance(container, dict) else container:
                if isinstance(value, _CONTAINERS):
                    self.take_nested(value, depth - 1)

    def put_back(self) -> None:
        for container in self.empty:
            if container:
                container.clear()
        for container, before in self.filled:
            if isinstance(container, dict):
                _put_back_dict(container, before)
            elif len(container) != len(before) or not all(map(is_, container, before)):
                container.clear()
                (container.update if isinstance(container, set) else container.extend)(before)


def _put_back_dict(contents: dict[Any, Any], before: dict[Any, Any]) -> None:
    if len(contents) == len(before) and all(map(is_, contents.values(), before.values())):
        return
    # key by key: another thread that runs this very module never finds it empty
    for key in [key for key in contents if key not in before]:
        del contents[key]
    for key, value in before.items():
        if contents.get(key, _MISSING) is not value:
            contents[key] = value
    if list(contents) != list(before):
        contents.clear()
        contents.update(before)


class _RandomStates:
    """The states of Python's, numpy's and torch's random generators; a forward pass may draw from them or seed them."""

    def __init__(self) -> None:
        self.python = random.getstate()
        self.torch = torch.default_generator.get_state()
        self.numpy_random = sys.modules.get("numpy.random")  # its generator exists once it is imported
        self.numpy = self.numpy_random.get_state(legacy=False) if self.numpy_random else None

    def put_back(self) -> None:
        random.setstate(self.python)
        torch.default_generator.set_state(self.torch)
        if self.numpy_random:
            self.numpy_random.set_state(self.numpy)


@contextmanager
def left_as_found(modules: Sequence[Named], training: bool, rules: Mapping[type, Any]) -> Iterator[None]:
    """While inside, the network is in training or evaluation mode; afterwards everything is as it was before.

    Put back are the attributes, parameters, buffers, submodules and hooks that were set or removed inside, the contents of
    containers that modules hold (caches), whether parameters need a gradient, and the random states. What tensors hold
    needs no putting back: nothing is computed.

    Args:
        modules: all modules, the network itself first.
        training: the mode.
        rules: the rule of each type of module. One without a rule runs code of its own, which may change what it holds.
    """
    notes = _Notes()
    for module, _ in modules:
        notes.take_module(module, rules[type(module)] is None)
    random_states = _RandomStates()
    own_mode = any(type(module).train is not nn.Module.train for module, _ in modules)
    flags = [(p, p.requires_grad) for p in modules[0][0].parameters()] if own_mode else []
    modes = [(module, module.training, module._compiled_call_impl) for module, _ in modules]
    try:
        if own_mode:
            modules[0][0].train(training)  # a module may have its own idea of what that means
        else:
            for module, _ in modules:
                module.__dict__["training"] = training
        for module, _, compiled in modes:
            if compiled is not None:
                module.__dict__["_compiled_call_impl"] = None  # its Python code is to be followed
        yield
    finally:
        random_states.put_back()
        notes.put_back()
        for module, mode, compiled in modes:
            module.__dict__["training"] = mode
            if compiled is not None:
                module.__dict__["_compiled_call_impl"] = compiled
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
