"""A part of a network, by its dotted path; and how many axes a network's own input has."""

from __future__ import annotations

from torch import nn

from ..errors import ConvatlasError
from ..graph import Graph
from ..inputs import Inputs
from ..names import unknown_name
from ..trace import trace
from .loading import Loaded

_Convolution = nn.modules.conv._ConvNd


def part_of(whole: Loaded, path: str) -> Loaded:
    """A part of a network, with the size of what it gets when the network reads a sample of its own size.

    Raises:
        ConvatlasError: the network has no such part.

    """
    parts = dict(whole.module.named_modules())
    if path not in parts:
        raise unknown_name(f"part of {whole.name}", path, filter(None, parts), f"it has {', '.join(_children(whole.module))}")
    return Loaded(f"{whole.name}.{path}", parts[path], _size_for(whole, path, parts[path]))


def _children(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_children()]


def _size_for(whole: Loaded, path: str, part: nn.Module) -> tuple[int, ...] | None:
    if whole.input_size is None:
        return None
    try:
        graph = trace(whole.module, Inputs(whole.input_size).with_batch(1))
    except ConvatlasError:  # a detector's backbone reads the image itself
        first = first_convolution(part)
        return whole.input_size if first is not None and first.in_channels == whole.input_size[0] else None
    entering = _entering(graph, path)
    return graph.values[entering.pop()].shape[1:] if len(entering) == 1 else None


def _entering(graph: Graph, path: str) -> set[int]:
    """The values that calls within a module read and that come from outside of it."""
    inside = [node for node in graph.nodes if node.module == path or node.module.startswith(f"{path}.")]
    own = {value for node in inside for value in node.outputs}
    own.update(graph.parameters.values, graph.buffers.values, graph.constants)
    return {value for node in inside for value in node.inputs} - own


def first_convolution(module: nn.Module) -> _Convolution | None:
    """The first convolution by registration, which mostly reads the input; None where a table to look up comes before it."""
    found = (layer for layer in module.modules() if isinstance(layer, _Convolution | nn.Embedding | nn.EmbeddingBag))
    first = next(found, None)
    return first if isinstance(first, _Convolution) else None


def sample_axes(loaded: Loaded) -> int | None:
    """How many axes one sample of a network's input has: by its own size, else by its first convolution; None if neither says."""
    if loaded.input_size is not None:
        return len(loaded.input_size)
    first = first_convolution(loaded.module)
    return None if first is None else 1 + len(first.kernel_size)
