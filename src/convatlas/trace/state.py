"""The caller's module, kept as it was found."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from operator import is_, itemgetter
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from .network import Modules, is_scripted

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, set, deque})
_MISSING = object()
_OF_EVERY_MODULE = list(vars(nn.Module()))
_REGISTERED = [name for name in _OF_EVERY_MODULE if "_hooks" in name or name == "_non_persistent_buffers_set"]
_registered_in = itemgetter(*_REGISTERED)
_set_contents = vars(nn.Module)["__dict__"].__set__  # past `nn.Module.__setattr__`, which looks at each value


@contextmanager
def left_as_found(modules: Modules, training: bool, calls: Sequence[Callable[..., Any]]) -> Iterator[None]:
    """While inside, the network is in training or evaluation mode; afterwards everything is as it was before.

    While inside, modules have their attributes in copies, so whatever is set, registered or removed leaves with the copies. Put
    back are hooks, the contents of other containers that modules hold (caches), and whether parameters need a gradient. What
    tensors hold needs no putting back where nothing is computed.

    Args:
        modules: all modules.
        training: the mode.
        calls: for each module, what carries out its calls while inside. Torch itself keeps such a function in a module whose
            call is compiled, so a call finds it without a word to the class that all modules share. Another thread may be
            running the very module, so it has to look which thread calls.
    """
    root = modules.root
    containers = _Containers(modules.contents)
    own_mode = any(kind.train is not nn.Module.train for kind in set(modules.kinds))
    flags = [(parameter, parameter.requires_grad) for parameter in root.parameters()] if own_mode else []
    scripted = set(filter(is_scripted, set(modules.kinds)))
    modes = [(module, module.training) for module in modules.by_id.values() if type(module) in scripted] if scripted else []
    try:
        for module, own, call in zip(modules.by_id.values(), modules.contents, calls, strict=True):
            if type(module) in scripted:  # what it has lies in C++
                module.__dict__["_compiled_call_impl"] = call
                module.train(training)
                continue
            copy = _copied(own)
            copy["_compiled_call_impl"] = call
            if "training" in copy:  # a wrapper may have no mode
                copy["training"] = copy["training"] if own_mode else training
            _set_contents(module, copy)
        if own_mode:
            root.train(training)  # a module may have its own idea of what that means
        yield
    finally:
        for module, own in zip(modules.by_id.values(), modules.contents, strict=True):
            if type(module) not in scripted:
                _set_contents(module, own)
        for module, mode in modes:
            del module.__dict__["_compiled_call_impl"]
            module.train(mode)
        containers.put_back()
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def attributes_in_copies(modules: Sequence[nn.Module]) -> Iterator[None]:
    """While inside, modules have their attributes in copies."""
    contents = [module.__dict__ for module in modules]
    try:
        for module, own in zip(modules, contents, strict=True):
            _set_contents(module, _copied(own))
        yield
    finally:
        for module, own in zip(modules, contents, strict=True):
            _set_contents(module, own)


def _copied(own: dict[str, Any]) -> dict[str, Any]:
    """A copy of a module's attributes, and of those in which torch keeps what it registers in a module."""
    copy = own.copy()
    copy["_parameters"] = own["_parameters"].copy()
    copy["_buffers"] = own["_buffers"].copy()
    copy["_modules"] = own["_modules"].copy()
    return copy


class _Containers:
    """What containers (hooks, caches) held before."""

    def __init__(self, contents: list[dict[str, Any]]) -> None:
        self.empty: list[Any] = []
        self.filled: list[dict[Any, Any]] = []
        self.others: list[Any] = []  # containers that are no dict
        try:
            registered = list(chain.from_iterable(map(_registered_in, contents)))
        except KeyError:  # a wrapper that has not all that a module has
            registered = [own[name] for own in contents for name in _REGISTERED if name in own]
        if any(registered):
            for container in registered:
                self._take(container, depth=0)
        else:
            self.empty += registered
        further: list[Any] = []
        for own in contents:  # what a module has of its own comes last, after the submodules, as a rule
            further += islice(reversed(own.values()), max(len(own) - len(_OF_EVERY_MODULE), 0) + 1)
            if further.pop() is not own["_modules"]:
                further += own.values()
        for value in further:
            if type(value) in _CONTAINERS:
                self._take(value, depth=3)
        if parametrize._cache_enabled:
            self._take(parametrize._cache, depth=0)
        self.filled_before = list(map(dict.copy, self.filled))
        self.others_before = [container.copy() for container in self.others]

    def _take(self, container: Any, depth: int) -> None:
        """Note a container, and the containers in it."""
        if not container:
            self.empty.append(container)
            return
        (self.filled if isinstance(container, dict) else self.others).append(container)
        if depth:
            for value in container.values() if isinstance(container, dict) else container:
                if type(value) in _CONTAINERS:
                    self._take(value, depth - 1)

    def put_back(self) -> None:
        for contents, before in zip(self.filled, self.filled_before, strict=True):
            _put_back_dict(contents, before)
        for container, former in zip(self.others, self.others_before, strict=True):
            if len(container) != len(former) or not all(map(is_, container, former)):
                container.clear()
                (container.update if isinstance(container, set) else container.extend)(former)
        if any(self.empty):
            for container in self.empty:
                container.clear()


def _put_back_dict(contents: dict[Any, Any], before: dict[Any, Any]) -> None:
    if len(contents) == len(before) and all(map(is_, contents.values(), before.values())) and list(contents) == list(before):
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
