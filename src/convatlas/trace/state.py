"""The caller's module and random state, kept as they were found."""

from __future__ import annotations

import ctypes
import random
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, compress
from operator import is_, itemgetter, not_
from typing import Any, NamedTuple, Self

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from .errors import TraceError

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, set, deque})
_MISSING = object()
_values = dict.values
_MT19937_BYTES = 625 * 4  # the state of numpy's generator: 624 words and a position


class SubmodulesChangedError(Exception):
    """A forward pass exchanged submodules that were shown as attributes, so it may have met the former ones."""


class Tensors(NamedTuple):
    """All parameters of a network, or all buffers."""

    kept_as: str  # the attribute of a module that holds its own
    homes: list[dict[str, torch.Tensor | None]]  # that attribute of each module
    present: list[torch.Tensor]  # what lies in them and is not None, in order

    @classmethod
    def of(cls, contents: list[dict[str, Any]], kept_as: str) -> Self:
        """The tensors that modules with these contents keep so."""
        homes = list(map(itemgetter(kept_as), contents))
        found = chain.from_iterable(map(_values, filter(None, homes)))
        return cls(kept_as, homes, [tensor for tensor in found if tensor is not None])


class Modules(NamedTuple):
    """All modules of a network by column, the network itself first: each once, depth first, with its first dotted path."""

    modules: list[nn.Module]
    paths: list[str]
    contents: list[dict[str, Any]]  # their attributes
    kinds: list[type[nn.Module]]
    parameters: Tensors
    buffers: Tensors

    @classmethod
    def of(cls, root: nn.Module) -> Self:
        """The modules of a network.

        Raises:
            TraceError: one of them is scripted.

        """
        found: dict[int, nn.Module] = {id(root): root}
        paths, contents = [""], [root.__dict__]
        _collect(contents[0], "", found, paths, contents)
        modules = list(found.values())
        kinds = list(map(type, modules))
        if any(issubclass(kind, torch.jit.ScriptModule) for kind in set(kinds)):
            raise TraceError("a scripted module has no Python code to follow; trace the module that it was made of")
        return cls(modules, paths, contents, kinds, Tensors.of(contents, "_parameters"), Tensors.of(contents, "_buffers"))


def _collect(
    own: dict[str, Any], prefix: str, found: dict[int, nn.Module], paths: list[str], contents: list[dict[str, Any]]
) -> None:
    """Add what lies in a module of these contents."""
    for name, child in own["_modules"].items():
        if child is None or (key := id(child)) in found:
            continue
        inner = child.__dict__
        found[key] = child
        path = prefix + name
        paths.append(path)
        contents.append(inner)
        if inner["_modules"]:
            _collect(inner, f"{path}.", found, paths, contents)


class _Notes:
    """What the containers in modules held before."""

    def __init__(self, modules: Modules, own_code: list[bool]) -> None:
        self.next_hook = RemovableHandle.next_id
        self.contents = modules.contents
        self.others: list[Any] = []  # containers that are no dict
        self.submodules_changed = False
        # a module without a rule runs code of its own, which may change what it holds
        held = [value for own in compress(modules.contents, own_code) for value in own.values() if type(value) in _CONTAINERS]
        self.empty = [container for container in held if not container]
        self.filled: list[dict[Any, Any]] = []
        for container in held:
            if container:
                self._take(container, depth=3)
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
        if not _same_values(self.filled, self.filled_before):
            self.submodules_changed = self._submodules_differ()
            for contents, former in zip(self.filled, self.filled_before, strict=True):
                _put_back_dict(contents, former)
        for container, former in zip(self.others, self.others_before, strict=True):
            if len(container) != len(former) or not all(map(is_, container, former)):
                container.clear()
                (container.update if isinstance(container, set) else container.extend)(former)
        if any(self.empty):
            for container in self.empty:
                container.clear()
        if RemovableHandle.next_id > self.next_hook:
            self._remove_new_hooks()

    def _submodules_differ(self) -> bool:
        owned = {id(own["_modules"]) for own in self.contents}
        pairs = zip(self.filled, self.filled_before, strict=True)
        return any(id(contents) in owned and not _same(contents, before) for contents, before in pairs)

    def _remove_new_hooks(self) -> None:
        for own in self.contents:
            for name, hooks in own.items():
                if name.endswith("_hooks"):
                    for key in [key for key in hooks if key >= self.next_hook]:
                        del hooks[key]


def _same_values(dicts: list[dict[Any, Any]], before: list[dict[Any, Any]]) -> bool:
    """Whether all dicts hold what they held, looked at in one go, since nearly always nothing has changed."""
    now, then = list(chain.from_iterable(map(_values, dicts))), list(chain.from_iterable(map(_values, before)))
    try:
        return now == then  # asks objects for equality only where they are not the same
    except (RuntimeError, TypeError, ValueError):
        return False


def _same(contents: dict[Any, Any], before: dict[Any, Any]) -> bool:
    return len(contents) == len(before) and all(map(is_, contents.values(), before.values()))


def _put_back_dict(contents: dict[Any, Any], before: dict[Any, Any]) -> None:
    if _same(contents, before):
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
    """The states of Python's, numpy's and torch's random generators; a forward pass may draw from them or seed them.

    The kinds of modules are those that run code of their own.
    """

    def __init__(self, kinds: Iterable[type]) -> None:
        self.python = random.getstate()
        self.torch = torch.default_generator.get_state()
        self.numpy_random = sys.modules.get("numpy.random")  # its generator exists once it is imported
        if self.numpy_random:
            usual = type(self.numpy_random.get_bit_generator()) is self.numpy_random.MT19937
            self.numpy = self._numpy_memory() if usual else None
            # asking for the whole state, with the number that a normal draw leaves over, takes a hundred times longer
            homes = [vars(sys.modules[kind.__module__]) for kind in kinds if kind.__module__ in sys.modules]
            draws = not usual or any("np" in home or "numpy" in home for home in homes)
            self.numpy_whole = self.numpy_random.get_state(legacy=False) if draws else None

    def _numpy_memory(self) -> tuple[int, bytes]:
        """Where numpy's generator keeps its state, and the state."""
        assert self.numpy_random is not None
        address = self.numpy_random.get_bit_generator().ctypes.state_address
        return address, ctypes.string_at(address, _MT19937_BYTES)

    def put_back(self) -> None:
        random.setstate(self.python)
        torch.default_generator.set_state(self.torch)
        if self.numpy_random:
            if self.numpy_whole is not None:
                self.numpy_random.set_state(self.numpy_whole)
            elif self.numpy is not None and self._numpy_memory() != self.numpy:
                ctypes.memmove(*self.numpy, _MT19937_BYTES)


@contextmanager
def left_as_found(
    modules: Modules, training: bool, rules: Iterable[Any], calls: Iterable[Callable[..., Any]], shown: bool = True
) -> Iterator[None]:
    """While inside, the network is in training or evaluation mode; afterwards everything is as it was before.

    While inside, the modules have their attributes in copies of their dicts, and their parameters and buffers in copies of
    the dicts of these, so whatever is set or removed leaves with the copies. Put back are the submodules and hooks that were
    set or removed, the contents of other containers that modules hold (caches), whether parameters need a gradient, and the
    random states. What tensors hold needs no putting back: nothing is computed.

    Args:
        modules: all modules.
        training: the mode.
        rules: the rule of each module or None. One without a rule runs code of its own, which may change what it holds.
        calls: what is to carry out a call of each module, in place of `nn.Module._call_impl`.
        shown: let submodules be found as plain attributes, past `nn.Module.__getattr__`; it is Python, and a tenth of a trace.

    Raises:
        SubmodulesChangedError: what was shown was exchanged while inside; everything is as it was before.

    """
    root, own_code = modules.modules[0], list(map(not_, rules))
    kinds = set(compress(modules.kinds, own_code))
    notes = _Notes(modules, own_code)
    random_states = _RandomStates(kinds)
    own_mode = any(kind.train is not nn.Module.train for kind in set(modules.kinds))
    flags = [(parameter, parameter.requires_grad) for parameter in root.parameters()] if own_mode else []
    copies = list(map(dict.copy, modules.contents))
    if not own_mode:
        for own in [own for own in copies if own.get("training", training) is not training]:  # a wrapper may have no mode
            own["training"] = training
    for kept_as, homes, _ in (modules.parameters, modules.buffers):  # an empty one is noted, as other containers are
        for own, home in zip(compress(copies, homes), map(dict.copy, filter(None, homes)), strict=True):
            own[kept_as] = home
    if shown:
        names = {kind: _own_names(kind) for kind in kinds if kind.__getattr__ is nn.Module.__getattr__}  # type: ignore[arg-type]
        for own, kind in compress(zip(copies, modules.kinds, strict=True), own_code):
            children = own["_modules"]
            if children and kind in names and names[kind].isdisjoint(children) and own.keys().isdisjoint(children):
                own.update(children)
    for own, call in zip(copies, calls, strict=True):
        own["_compiled_call_impl"] = call  # where `nn.Module.__call__` looks first
    try:
        _give(modules, copies)
        if own_mode:
            root.train(training)  # a module may have its own idea of what that means
        yield
    finally:
        _give(modules, modules.contents)
        random_states.put_back()
        notes.put_back()
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
        if shown and notes.submodules_changed:
            raise SubmodulesChangedError


@lru_cache(maxsize=1024)
def _own_names(kind: type) -> frozenset[str]:
    """What a module of this class finds before it looks for a submodule of that name."""
    return frozenset(dir(kind))


_set_contents = vars(nn.Module)["__dict__"].__set__


def _give(modules: Modules, contents: list[dict[str, Any]]) -> None:
    """Let modules have these attributes; past `nn.Module.__setattr__`, which looks at each value."""
    deque(map(_set_contents, modules.modules, contents), maxlen=0)
