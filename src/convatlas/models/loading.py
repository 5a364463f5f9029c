"""Which kind of word it is, and the network that it stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConvatlasError
from ..names import unknown_name

if TYPE_CHECKING:
    from torch import nn

    from ..graph import Graph

FORMS = "a zoo name, torchvision:NAME, timm:NAME, package.module:callable, file.py:callable, or a graph's .json file"
USUAL_INPUT = (3, 224, 224)


@dataclass(frozen=True)
class Loaded:
    """A network, the word that it was asked for by, and the input (C, H, W) that it is made for."""

    name: str
    module: nn.Module
    input_size: tuple[int, ...]


def load(name: str) -> Loaded:
    """The network that a word stands for, without weights where its code allows that.

    Args:
        name: a zoo name, torchvision:NAME, timm:NAME, package.module:callable or file.py:callable.

    Raises:
        ConvatlasError: there is no such network, or it does not load; with the reason, or the nearest names.

    """
    library, colon, rest = name.partition(":")
    if not colon:
        import torch

        from ..zoo import REGISTRY, create

        if name not in REGISTRY:
            raise unknown_network(name, REGISTRY)
        with torch.device("meta"):
            return Loaded(name, create(name), REGISTRY[name].input_size)
    if library in ("torchvision", "timm"):
        from .libraries import from_timm, from_torchvision

        return Loaded(name, *(from_torchvision if library == "torchvision" else from_timm)(rest))
    from .usercode import from_code

    module = from_code(name)
    return Loaded(name, module, tuple(getattr(module, "input_size", USUAL_INPUT)))


def unknown_network(name: str, known: Iterable[str]) -> ConvatlasError:
    """The error for a word without a colon that is no network of the zoo."""
    if name.endswith(".py") or Path(name).is_file():
        return ConvatlasError(f"{name} is a file; name the class or function in it, as {name}:Net")
    return unknown_name("network", name, known, f"a MODEL is {FORMS}")


def is_graph_file(name: str) -> bool:
    """Whether a word stands for a graph's file rather than for a network."""
    return name.endswith(".json")


def read_graph(path: str) -> Graph:
    """The graph in a file that holds what `Graph.to_json` wrote.

    Raises:
        ConvatlasError: the file cannot be read, or holds no graph.

    """
    from ..graph import Graph

    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConvatlasError(f"{path}: not a graph file: it is no text") from None
    except OSError as error:
        raise ConvatlasError(f"{path}: {error.strerror}") from error
    try:
        graph = Graph.from_json(text)
    except ValueError as error:
        raise ConvatlasError(f"{path}: {error}") from error
    graph.name = graph.name or Path(path).stem
    return graph
