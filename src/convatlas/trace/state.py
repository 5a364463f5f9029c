"""The caller's module and the random states, kept as they were found."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property, lru_cache
from itertools import chain, compress, islice
from operator import is_, itemgetter
from threading import get_ident
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from .network import Modules, Tensors, contents_of
from .quick.patches import Exchange, exchanged
from .random_states import RandomStates

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, set, deque})
_MISSING = object()
_OF_EVERY_MODULE = vars(nn.Module())
_hooks_of = itemgetter(*[name for name in _OF_EVERY_MODULE if "_hooks" in name])
_SUBMODULES = itemgetter("_modules")


class SubmodulesChangedError(Exception):
    """A forward pass exchanged submodules that were shown as attributes, so it may have met the former ones."""


class _Notes:
    """What the containers (caches, hooks) held before in modules that run code of their own, which may change them."""

    def __init__(self, contents: list[dict[str, Any]]) -> None:
        self.empty: list[Any] = []
        self.filled: list[dict[Any, Any]] = []
        self.others: list[Any] = []  # containers that are no dict
        try:
            hooks = list(chain.from_iterable(map(_hooks_of, contents)))
        except KeyError:  # a wrapper that has not all that a module has
            hooks = [value for own in contents for name, value in own.items() if "_hooks" in name]
        further: list[Any] = hooks.copy() if any(hooks) else []
        if not further:
            self.empty += hooks
        for own in contents:
            count = len(own) - len(_OF_EVERY_MODULE)
            if count:  # what a module has of its own comes last, after the submodules, as a rule
                further += islice(reversed(own.values()), max(count, 0) + 1)
                if further.pop() is not own["_modules"]:
                    further += own.values()
        for value in further:
            if type(value) in _CONTAINERS:
                self._take(value, depth=3)
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


def _put_back_tensors(held: Tensors) -> None:
    """Let modules have the parameters (or buffers) that they had; looked at in one go, since nearly always they have them."""
    now = contents_of(held.homes)
    if len(now) == len(held.contents) and all(map(is_, now, held.contents)):
        return
    pairs = zip(held.names.names, held.contents, strict=True)
    for home, count in zip(held.homes, held.names.counts, strict=True):
        _put_back_dict(home, dict(islice(pairs, count)))


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


_set_contents = vars(nn.Module)["__dict__"].__set__


def _give(modules: list[nn.Module], contents: list[dict[str, Any]]) -> None:
    """Let modules have these attributes; past `nn.Module.__setattr__`, which looks at each value."""
    deque(map(_set_contents, modules, contents), maxlen=0)


def _copied(own: dict[str, Any]) -> dict[str, Any]:
    """A copy of a module's attributes, and of those in which torch keeps what it registers in a module."""
    copy = own.copy()
    copy["_parameters"] = own["_parameters"].copy()
    copy["_buffers"] = own["_buffers"].copy()
    copy["_modules"] = own["_modules"].copy()
    if (names := own.get("_non_persistent_buffers_set")) is not None:
        copy["_non_persistent_buffers_set"] = names.copy()
    return copy


class _Lent:
    """Copies of their attributes that modules have for the time of a trace, so whatever is set or removed leaves with them.

    Modules that run code of their own have theirs from the start. The others are layers, which nearly no forward pass changes:
    they get theirs when one of the methods that change a module is called. Hooks stay where they are; of those that are
    removed it is noted what was there before.
    """

    def __init__(self, modules: Modules, own_code: list[bool], calls: dict[int, tuple[str, Any]]) -> None:
        self.all, self.own_code, self.calls, self.thread = modules, own_code, calls, get_ident()
        self.modules = list(compress(modules.by_id.values(), own_code))
        self.former = list(compress(modules.contents, own_code))
        self.copies = list(map(_copied, self.former))
        self.next_hook = RemovableHandle.next_id
        self.hooks: list[tuple[dict[int, Any], dict[int, Any]]] = []

    def give(self) -> None:
        _give(self.modules, self.copies)

    def take_back(self) -> None:
        _give(self.modules, self.former)
        for hooks, before in reversed(self.hooks):
            _put_back_dict(hooks, before)
        if RemovableHandle.next_id > self.next_hook:
            self._remove_new_hooks()

    def _remove_new_hooks(self) -> None:
        for own in self.all.contents:
            for name, hooks in own.items():
                if "_hooks" in name:
                    for key in [key for key in hooks if key >= self.next_hook]:
                        del hooks[key]

    @cached_property
    def waiting(self) -> dict[int, dict[str, Any]]:
        """Module's id -> its attributes, for those that have no copy yet."""
        every = zip(self.all.by_id, self.all.contents, self.own_code, strict=True)
        return {key: own for key, own, own_code in every if not own_code}

    def about_to_change(self, changed: nn.Module | RemovableHandle, name: Any = None) -> None:
        """Let a module have its copy, if it is of the network and has none yet; note the hooks of which one is removed.

        A layer that is given a forward loses its rule.
        """
        if get_ident() != self.thread:
            return
        if isinstance(changed, RemovableHandle):
            homes = [reference() for reference in (changed.hooks_dict_ref, *changed.extra_dict_ref)]
            self.hooks += [(hooks, hooks.copy()) for hooks in homes if hooks]
            return
        key = id(changed)
        if (own := self.waiting.pop(key, None)) is not None:
            self.modules.append(changed)
            self.former.append(own)
            _set_contents(changed, _copied(own))
        if name == "forward" and key in self.calls:
            self.calls[key] = self.calls[key][0], None

    def exchanged_submodules(self) -> bool:
        """Whether a module with code of its own now has other submodules."""
        before = list(map(_SUBMODULES, self.former[: len(self.copies)]))
        try:
            return list(map(_SUBMODULES, self.copies)) != before  # asks modules only where they are not the same
        except Exception:  # what a class of the caller's raises in comparing its modules
            return True


def _changing(changed: Any, *args: Any, _about_to_change: Any, _native: Any, **kwargs: Any) -> Any:
    _about_to_change(changed, *args[:1])
    return _native(changed, *args, **kwargs)


_CHANGES = [
    Exchange(method, _changing)
    for method in (
        nn.Module.__setattr__, nn.Module.__delattr__, nn.Module.register_parameter, nn.Module.register_buffer,
        nn.Module.add_module, nn.Module._apply, nn.Sequential.insert, RemovableHandle.remove,
    )
]  # fmt: skip


@contextmanager
def left_as_found(modules: Modules, training: bool, calls: dict[int, tuple[str, Any]], shown: bool = True) -> Iterator[None]:
    """While inside, the network is in training or evaluation mode; afterwards everything is as it was before.

    While inside, modules have their attributes in copies, so whatever is set, registered or removed leaves with the copies. Put
    back are hooks, what is written into a layer's parameters and buffers past torch's methods, the contents of other containers that modules hold (caches), whether parameters need a gradient, and the
    random states. What tensors hold needs no putting back: nothing is computed. Only what is written into the ``__dict__`` of a
    layer itself, past ``setattr``, stays.

    Args:
        modules: all modules.
        training: the mode.
        calls: of each module by its id, the path and the rule or None. One without a rule runs code of its own, which may
            change what it holds. A layer that is given a forward while inside loses its rule.
        shown: let submodules be found as plain attributes, past `nn.Module.__getattr__`; it is Python, and a tenth of a trace.

    Raises:
        SubmodulesChangedError: what was shown was exchanged while inside; everything is as it was before.

    """
    root, own_code = modules.root, [rule is None for _, rule in calls.values()]
    kinds = set(compress(modules.kinds, own_code))
    notes = _Notes(list(compress(modules.contents, own_code)))
    random_states = RandomStates(kinds)
    own_mode = any(kind.train is not nn.Module.train for kind in set(modules.kinds))
    flags = [(parameter, parameter.requires_grad) for parameter in root.parameters()] if own_mode else []
    with nullcontext() if own_mode else _in_mode(modules.contents, training):
        lent = _Lent(modules, own_code, calls)
        if shown:
            names = {kind: _own_names(kind) for kind in kinds if kind.__getattr__ is nn.Module.__getattr__}  # type: ignore[arg-type]
            for own, kind in zip(lent.copies, map(type, lent.modules), strict=True):
                children = own["_modules"]
                if children and kind in names and names[kind].isdisjoint(children) and own.keys().isdisjoint(children):
                    own.update(children)
        try:
            with exchanged(_CHANGES, _about_to_change=lent.about_to_change):
                lent.give()
                if own_mode:
                    root.train(training)  # a module may have its own idea of what that means
                yield
        finally:
            lent.take_back()
            random_states.put_back()
            notes.put_back()
            _put_back_tensors(modules.parameters)
            _put_back_tensors(modules.buffers)
            for parameter, flag in flags:
                parameter.requires_grad_(flag)
            if shown and lent.exchanged_submodules():
                raise SubmodulesChangedError


@contextmanager
def _in_mode(contents: list[dict[str, Any]], training: bool) -> Iterator[None]:
    """While inside, modules of these contents are in training or evaluation mode, without a word to their methods."""
    others = [own for own in contents if own.get("training", training) is not training]  # a wrapper may have no mode
    modes = [own["training"] for own in others]
    try:
        for own in others:
            own["training"] = training
        yield
    finally:
        for own, mode in zip(others, modes, strict=True):
            own["training"] = mode


@lru_cache(maxsize=1024)
def _own_names(kind: type) -> frozenset[str]:
    """What a module of this class finds before it looks for a submodule of that name."""
    return frozenset(dir(kind))
