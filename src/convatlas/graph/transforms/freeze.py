"""Parameters that take no gradient, as in fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...names import unknown_name
from ..graph import Graph


def frozen(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph with the parameters of some modules (dotted paths, "*" for all) frozen.

    Raises:
        ConvatlasError: a name matches no parameter; the nearest modules are given.

    """
    if not names:
        return graph
    for name in names:
        if not any(_within(parameter.name, name) for parameter in graph.parameters):
            raise unknown_name("module to freeze", name, [path for path in graph.modules if path])
    trainable = [p.trainable and not any(_within(p.name, name) for name in names) for p in graph.parameters]
    return replace(graph, parameters=replace(graph.parameters, trainable=trainable))


def _within(parameter: str, module: str) -> bool:
    return module == "*" or parameter == module or parameter.startswith(f"{module}.")
