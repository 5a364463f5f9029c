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

FORMS = (
    "a zoo name, torchvision:NAME, timm:NAME, package.module:callable, file.py:callable, a part of one (resnet50.layer1), "
    "a TorchScript file (net.pt), or a graph's .json file"
)
_SCRIPTED = (".pt", ".pth", ".ts", ".torchscript", ".jit")
EXPORTED = (".onnx", ".pt2", ".xml")
IMAGE_SIZE = (3, 224, 224)  # where a network does not say its own


@dataclass(frozen=True)
class Loaded:
    """A network, or a part of one, and the word that it was asked for by.

    Attributes:
        name: the word.
        module: the network.
        input_size: of one sample that it is made for, as (C, H, W); None where neither it nor its library says.

    """

    name: str
    module: nn.Module
    input_size: tuple[int, ...] | None


def load(name: str) -> Loaded:
    """The network that a word stands for, without weights where its code allows that.

    Args:
        name: a zoo name, torchvision:NAME, timm:NAME, package.module:callable or file.py:callable; or the dotted path of a part
            behind one of these, as resnet50.layer1; or a TorchScript file, whose program is then run.

    Raises:
        ConvatlasError: there is no such network, or it does not load; with the reason, or the nearest names.

    """
    from .parts import part_of

    if is_exported_file(name):
        raise unknown_network(name, ())
    if is_scripted_file(name):
        from .scripted import from_torchscript

        scripted = from_torchscript(name)
        return Loaded(name, scripted, said_size(scripted))
    library, colon, rest = name.partition(":")
    if not colon:
        whole, path = _of_the_zoo(name)
    elif library in ("torchvision", "timm"):
        from .libraries import from_timm, from_torchvision

        module, size, path = (from_torchvision if library == "torchvision" else from_timm)(rest)
        whole = Loaded(_without(name, path), module, size)
    else:
        from .usercode import from_code

        module, path = from_code(name)
        whole = Loaded(_without(name, path), module, said_size(module))
    return part_of(whole, path) if path else whole


def _of_the_zoo(word: str) -> tuple[Loaded, str]:
    from ..zoo import REGISTRY, create
    from .building import built

    name, _, path = word.partition(".")
    if name not in REGISTRY:
        raise unknown_network(word, REGISTRY)
    return Loaded(name, built(lambda: create(name)), REGISTRY[name].input_size), path


def said_size(module: nn.Module) -> tuple[int, ...] | None:
    """The size of one sample that a module's attribute ``input_size`` tells: numbers, unlike a recurrent layer's one number."""
    size = getattr(module, "input_size", None)
    if isinstance(size, list | tuple) and all(isinstance(length, int) for length in size):
        return tuple(size)
    return None


def _without(word: str, path: str) -> str:
    return word.removesuffix(f".{path}") if path else word


def unknown_network(name: str, known: Iterable[str]) -> ConvatlasError:
    """The error for a word without a colon that is no network of the zoo."""
    if name.endswith(".py"):
        return ConvatlasError(f"{name} is a file; name the class or function in it, as {name}:Net")
    if is_exported_file(name):
        return ConvatlasError(f"{name} is a network's exported form, which `predict` runs; name the network that it was made of")
    return unknown_name("network", name.partition(".")[0], known, f"a MODEL is {FORMS}")


def is_scripted_file(name: str) -> bool:
    """Whether a word stands for a file that may hold a network of TorchScript."""
    return name.endswith(_SCRIPTED) or (Path(name).is_file() and not name.endswith((".py", ".json", *EXPORTED)))


def is_exported_file(name: str) -> bool:
    """Whether a word stands for a network that was exported to a file."""
    return name.lower().endswith(EXPORTED)


def is_graph_file(name: str) -> bool:
    """Whether a word stands for a graph's file rather than for a network."""
    return name.endswith(".json")


def is_run_folder(name: str) -> bool:
    """Whether a word is the folder of a training."""
    return (Path(name) / "run.json").is_file()


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
