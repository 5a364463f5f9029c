"""From what was typed as MODEL, --input and --batch to graphs."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from ..errors import ConvatlasError
from ..models import Loaded, is_graph_file, load, read_graph, unknown_network
from ..models.shapes import shown, with_batch
from .progress import working
from .records import mode_of

if TYPE_CHECKING:
    from ..analysis.summary import Summary
    from ..graph import Graph
    from .memory_options import Subject


def summaries(models: list[str], inputs: str | None, batch: int | None, training: bool) -> list[Summary]:
    """Each network in short: out of the catalogue where that has it, else traced."""
    from ..catalogue import list_models, lookup

    known = set(list_models())
    found = []
    for model in models:
        if model in known and not training:
            entry = lookup(model)
            if with_batch(inputs, batch, entry.input_size) == entry.cost.input_shape:
                found.append(entry.cost)
                continue
        from ..analysis.summary import summarise

        found.append(summarise(graph_of(model, inputs, batch, training)))
    return found


def graph_of(model: str, inputs: str | None, batch: int | None, training: bool) -> Graph:
    """The graph of a network.

    Raises:
        ConvatlasError: there is no such network, it does not load, or it cannot be traced at that input.

    """
    if is_graph_file(model):
        return _graph_file(model, inputs, batch, training)
    loaded = network_of(model, inputs, batch)
    return traced(loaded, with_batch(inputs, batch, loaded.input_size), training)


def graph_and_step(model: str, inputs: str | None, batch: int | None, training: bool) -> tuple[Graph, Subject]:
    """The graph of a network, and what its training step is simulated from; it is loaded once."""
    from .memory_options import one_graph, subject_from

    if is_graph_file(model):
        graph = _graph_file(model, inputs, batch, training)
        return graph, one_graph(model, graph, True)
    loaded = network_of(model, inputs, batch)
    graph = traced(loaded, with_batch(inputs, batch, loaded.input_size), training)
    return graph, subject_from(loaded, inputs, batch, True)


def traced(loaded: Loaded, shape: tuple[int, ...], training: bool) -> Graph:
    """The graph of a network at an input; what its own code prints must not get into a table or into JSON."""
    with working(f"tracing {loaded.name}"), contextlib.redirect_stdout(sys.stderr):
        from ..trace import trace

        graph = trace(loaded.module, shape, training=training)
    graph.name = loaded.name
    return graph


def network_of(model: str, inputs: str | None, batch: int | None) -> Loaded:
    """The network itself, and the input (C, H, W) that it is made for.

    Raises:
        ConvatlasError: there is no such network, or it does not load, or does not read such an input.

    """
    if ":" not in model:
        _check_zoo_input(model, inputs, batch)
    elif inputs is not None:
        with_batch(inputs, batch, ())  # a shape that is none is told before anything is loaded
    # what the network's own code prints must not get into a table or into JSON
    with working(f"loading {model}"), contextlib.redirect_stdout(sys.stderr):
        return load(model)


def _check_zoo_input(model: str, inputs: str | None, batch: int | None) -> None:
    from ..catalogue import list_models, lookup

    if model not in (known := list_models()):  # told before torch is imported
        raise unknown_network(model, known)
    own = lookup(model).input_size
    shape = with_batch(inputs, batch, own)
    if len(shape) != len(own) + 1 or shape[1] != own[0]:
        raise ConvatlasError(
            f"`--input` (={inputs}) does not fit {model}, which reads images of {own[0]} channels; "
            f"write {shown(own)}, or {','.join(map(str, (1, *own)))} with the batch axis"
        )


def _graph_file(path: str, inputs: str | None, batch: int | None, training: bool) -> Graph:
    graph = read_graph(path)
    own = graph.values[graph.inputs[0]].shape
    wanted = own if inputs is None and batch is None else with_batch(inputs, batch, own[1:])
    if wanted != own or training != graph.training:
        raise ConvatlasError(
            f"{path} was traced at {shown(own)} for {mode_of(graph.training)}, and a graph's file cannot be traced anew; "
            f"leave --input, --batch and --train out, or name the network itself"
        )
    return graph
