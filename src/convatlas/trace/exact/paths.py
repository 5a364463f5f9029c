"""Which module is at work: its calls are followed in this thread, and all else is as torch has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from torch import nn

from ..network import Modules
from ..register import registered_for_module
from .own import one_call
from .recorder import Recorder


class Paths:
    """The path of the module that is at work, and of the one in which an error was raised."""

    def __init__(self, modules: Modules, recorder: Recorder) -> None:
        self.recorder = recorder
        self.first = dict(zip(modules.by_id, modules.paths, strict=True))
        self.children = {key: own["_modules"] for key, own in zip(modules.by_id, modules.contents, strict=True)}
        self.working: list[tuple[int, str]] = []  # modules by their ids
        self.failure: tuple[BaseException, str] | None = None

    def path(self, module: nn.Module) -> str | None:
        """The path of a module that is called now; None for one that is not of the network."""
        first = self.first.get(id(module))
        if first is None or not self.working:
            return first
        caller, path = self.working[-1]
        for name, child in self.children[caller].items():
            if child is module:
                return f"{path}.{name}" if path else name
        return first


@contextmanager
def followed(paths: Paths) -> Iterator[None]:
    """While inside, this thread's calls of modules are followed."""
    thread, native, recorder = get_ident(), nn.Module.__call__, paths.recorder

    def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if get_ident() != thread or (path := paths.path(module)) is None:
            return native(module, *args, **kwargs)
        outer = recorder.module
        recorder.module = path
        paths.working.append((id(module), path))
        try:
            if (own := registered_for_module(module)) is not None:
                return one_call(
                    recorder, own, lambda module, *args, **kwargs: native(module, *args, **kwargs), (module, *args), kwargs
                )
            inner = paths.children[id(module)].get("_orig_mod")  # a compiled module stands for the one that it was made of
            return native(module, *args, **kwargs) if inner is None else inner(*args, **kwargs)
        except BaseException as error:
            if paths.failure is None or paths.failure[0] is not error:
                paths.failure = (error, path)
            raise
        finally:
            paths.working.pop()
            recorder.module = outer

    nn.Module.__call__ = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__call__ = native  # type: ignore[method-assign]
