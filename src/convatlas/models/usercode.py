"""The user's own network: `package.module:callable` or `file.py:callable`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..errors import ConvatlasError
from ..names import unknown_name
from .building import built

PREFIX = "convatlas_user_"  # of modules that files become: a file called types.py is not to replace Python's own


def from_code(model: str) -> tuple[nn.Module, str]:
    """The module that a place in the user's code is, or makes when it is called; and the path behind it that is no attribute.

    Raises:
        ConvatlasError: the code does not import, has no such attribute, fails, or makes no nn.Module; with the reason.

    """
    place, found, names = _found(model)
    path = ".".join(names)
    if names and not _makes_networks(found):
        public = [known for known in vars(found) if not known.startswith("_")] if hasattr(found, "__dict__") else []
        networks = [name for name in public if _is_network(getattr(found, name), found)]
        raise unknown_name(f"attribute of {place}", names[0], public, f"it has {', '.join(networks)}" if networks else "")
    model = model.removesuffix(f".{path}") if path else model
    if isinstance(found, nn.Module):
        return found, path
    if not callable(found):
        kind = f"of type {type(found).__name__}, neither an nn.Module nor a callable that makes one"
        raise ConvatlasError(f"{model} (={found!r:.60}) is {kind}")
    try:
        made = built(found)
    except (Exception, SystemExit) as error:
        raise ConvatlasError(f"{model}() fails: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise ConvatlasError(f"{model}() returned {made!r:.60} of type {type(made).__name__}, not an nn.Module")
    return made, path


def attribute_of(word: str) -> Any:
    """What stands at a place in the user's code, as it is.

    Raises:
        ConvatlasError: the code does not import, or has no such attribute.

    """
    place, found, names = _found(word)
    if names:
        raise unknown_name(f"attribute of {place}", names[0], [name for name in vars(found) if not name.startswith("_")])
    return found


def _found(word: str) -> tuple[str, Any, list[str]]:
    """The module's place, the last attribute that there is, and the names behind it."""
    place, _, attribute = word.rpartition(":")
    if not place or not attribute:
        raise ConvatlasError(f"{word!r} is no place in code; write package.module:callable or file.py:callable")
    found: Any = _imported(place)
    names = attribute.split(".")
    while names and hasattr(found, names[0]):
        found = getattr(found, names.pop(0))
    return place, found, names


def networks_in(path: Path) -> list[str]:
    """The names of networks in a Python file: modules, and classes of them that are defined there and need no arguments.

    Raises:
        ConvatlasError: the file does not import; with the reason.

    """
    place = _imported(str(path))
    return [
        name for name, thing in vars(place).items() if not name.startswith("_") and _is_network(thing, place) and _is_whole(thing)
    ]


def _is_whole(thing: object) -> bool:
    """Whether it is a network already, or one is made by calling it with nothing."""
    if isinstance(thing, nn.Module):
        return True
    parameters = inspect.signature(thing).parameters.values()  # type: ignore[arg-type]
    return all(each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters)


def _is_network(thing: object, place: object) -> bool:
    """Whether something in a module is a network, or a class of them that is defined there."""
    is_own_class = isinstance(thing, type) and issubclass(thing, nn.Module) and thing.__module__ == getattr(place, "__name__", "")
    return is_own_class or isinstance(thing, nn.Module)


def _makes_networks(found: object) -> bool:
    """Whether a further name may be a part of the network that it is or makes."""
    return isinstance(found, nn.Module) or (callable(found) and not isinstance(found, ModuleType))


def _imported(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py" and not path.is_file():
        raise ConvatlasError(f"{place}: there is no such file")
    # what a script finds beside itself, and `python -m` in the current folder
    sys.path.insert(0, str(path.parent.resolve() if path.suffix == ".py" else Path.cwd()))
    try:
        return _module_of(path) if path.suffix == ".py" else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise ConvatlasError(f"{place} does not import: {type(error).__name__}: {reason}{line}") from error


def _module_of(path: Path) -> ModuleType:
    name = f"{PREFIX}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    spec.loader.exec_module(module)
    return module
