"""Which module is at work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any

from torch import nn

from ..network import Modules, path_of_call
from ..register import registered_for_module
from .own import one_call
from .recorder import Recorder

_RAISED_IN = "_convatlas_module"  # attribute of an error: path of the module that it was raised in


def raised_in(error: BaseException) -> str:
    """Path of the innermost module through whose call an error came."""
    path: str = vars(error).pop(_RAISED_IN, "")
    return path


class Paths:
    """The path of the module that is at work."""

    def __init__(self, modules: Modules, recorder: Recorder) -> None:
        self.modules, self.recorder, self.graph = modules, recorder, recorder.names.sheet.graph
        self.first = dict(zip(modules.by_id, modules.paths, strict=True))
        self.children = {key: own["_modules"] for key, own in zip(modules.by_id, modules.contents, strict=True)}
        self.working: list[tuple[int, str]] = []  # modules by their ids

    def calls(self) -> list[Callable[..., Any]]:
        """What carries out the calls of each module: torch, while the path is known."""
        return [partial(self._call, get_ident(), module) for module in self.modules.by_id.values()]

    def _call(self, thread: int, module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
        native: Any = module._call_impl
        if get_ident() != thread:
            return native(*args, **kwargs)
        recorder, key = self.recorder, id(module)
        outer, recorder.module = recorder.module, self.path(module)
        self.working.append((key, recorder.module))
        self.graph.modules.setdefault(recorder.module, type(module).__name__)
        try:
            if (own := registered_for_module(module)) is not None:
                return one_call(recorder, own, lambda _, *args, **kwargs: native(*args, **kwargs), (module, *args), kwargs)
            inner = self.children[key].get("_orig_mod")  # a compiled module stands for the one that it was made of
            return native(*args, **kwargs) if inner is None else inner(*args, **kwargs)
        except BaseException as error:
            vars(error).setdefault(_RAISED_IN, recorder.module)  # to hold the error here would hold tensors, if code catches it
            raise
        finally:
            self.working.pop()
            recorder.module = outer

    def path(self, module: nn.Module) -> str:
        """The path of a module that is called now: in the one that calls it, if it lies there, else its first."""
        first = self.first[id(module)]
        if not self.working:
            return first
        caller, path = self.working[-1]
        return path_of_call(module, first, path, self.children[caller])
