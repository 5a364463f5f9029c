"""From what was typed as MODEL, --input and --batch to graphs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConvatlasError
from ..models import Loaded, is_graph_file, is_scripted_file, load, read_graph, unknown_network
from ..models.shapes import NO_BATCH, TypedInput, inputs_of, parse_inputs, shown
from .progress import working
from .records import mode_of

if TYPE_CHECKING:
    from ..analysis.summary import Summary
    from ..graph import Graph
    from ..inputs import Inputs
    from .memory_options import Subject


@dataclass(frozen=True)
class Asked:
    """A network, and what was typed about its input."""

    loaded: Loaded
    typed: list[TypedInput]
    batch: int | None
    exact: bool = False

    def inputs(self, usual_batch: int = 1) -> Inputs:
        """What forward gets: what was typed, or a batch of the network's own size."""
        from ..models.parts import sample_axes
        from ..models.tracing import own_size

        size = self.loaded.input_size if self.typed else own_size(self.loaded)
        return inputs_of(self.typed, self.batch, size, sample_axes(self.loaded), usual_batch)

    def traced(self, inputs: Inputs, training: bool) -> Graph:
        """The graph at some inputs. What the network's own code prints must not get into a table or into JSON."""
        with working(f"tracing {self.loaded.name}"), contextlib.redirect_stdout(sys.stderr):
            from ..models.tracing import traced

            try:
                graph = traced(self.loaded, inputs, training, "exact" if self.exact else "auto")
            except ConvatlasError as error:  # which of several networks it is about
                name = self.loaded.name
                raise ConvatlasError(str(error) if name in str(error) else f"{name}: {error}") from error
        graph.batch_axis = self.batch != NO_BATCH
        return graph


def summary_and_step(
    model: str, inputs: list[str] | None, batch: int | None, training: bool, exact: bool = False
) -> tuple[Summary, Callable[[], Subject]]:
    """A network in short, out of the catalogue where that has it, else traced; and how to come to its training step."""
    from ..catalogue import list_models, lookup

    if model in list_models() and not training and not exact:
        entry = lookup(model)
        given = inputs_of(parse_inputs(inputs or []), batch, entry.input_size, len(entry.input_size))
        if given.args == (entry.cost.input_shape,):
            from .memory_options import subject_of

            return entry.cost, lambda: subject_of(model, inputs, batch, True)
    from ..analysis.summary import summarise

    graph, subject = graph_and_step(model, inputs, batch, training, exact)
    return summarise(graph), lambda: subject


def graph_of(model: str, inputs: list[str] | None, batch: int | None, training: bool, exact: bool = False) -> Graph:
    """The graph of a network.

    Raises:
        ConvatlasError: there is no such network, it does not load, or it cannot be traced at that input.

    """
    if is_graph_file(model):
        return _graph_file(model, inputs, batch, training, exact)
    found = asked(model, inputs, batch, exact)
    return found.traced(found.inputs(), training)


def graph_and_step(
    model: str, inputs: list[str] | None, batch: int | None, training: bool, exact: bool = False
) -> tuple[Graph, Subject]:
    """The graph of a network, and what its training step is simulated from; it is loaded once."""
    from .memory_options import one_graph, subject_from

    if is_graph_file(model):
        graph = _graph_file(model, inputs, batch, training, exact)
        return graph, one_graph(model, graph, True)
    found = asked(model, inputs, batch, exact)
    return found.traced(found.inputs(), training), subject_from(found, True)


def asked(model: str, inputs: Sequence[str] | None, batch: int | None, exact: bool = False) -> Asked:
    """The network itself, and what was typed about its input.

    Raises:
        ConvatlasError: there is no such network, or it does not load, or does not read such an input.

    """
    typed = parse_inputs(inputs or [])  # what is wrong with it is told before anything is loaded
    if ":" not in model and not is_scripted_file(model):
        _check_zoo_input(model, typed, batch)
    with working(f"loading {model}"), contextlib.redirect_stdout(sys.stderr):
        return Asked(load(model), typed, batch, exact)


def _check_zoo_input(model: str, typed: list[TypedInput], batch: int | None) -> None:
    """Told before torch is imported."""
    from ..catalogue import list_models, lookup

    known = list_models()
    if model not in known:
        if model.partition(".")[0] not in known:
            raise unknown_network(model, known)
        return
    own = lookup(model).input_size
    given = inputs_of(typed, batch, own, len(own))
    shape = given.specs()[0].shape
    if len(typed) > 1:
        raise ConvatlasError(f"{model} reads one input, an image as {shown(own)}, and {len(typed)} are given")
    if len(shape) != len(own) + 1 or shape[1] != own[0]:
        said = f"`--input` (={typed[0].text})" if typed else "`--batch none`"
        raise ConvatlasError(
            f"{said} does not fit {model}, which reads images of {own[0]} channels; "
            f"write {shown(own)}, or {','.join(map(str, (1, *own)))} with the batch axis"
        )


def _graph_file(path: str, inputs: list[str] | None, batch: int | None, training: bool, exact: bool) -> Graph:
    if exact:
        raise ConvatlasError(f"`--exact` is about tracing, and {path} was traced already; leave it out")
    graph = read_graph(path)
    own = [spec.shape for spec in graph.specs(graph.inputs)]
    if not inputs and batch is None:
        wanted = own
    else:
        size = own[0][1:] if graph.batch_axis else own[0]
        given = inputs_of(parse_inputs(inputs or []), batch, size, len(size))
        wanted = [spec.shape for spec in given.specs()]
        wanted += own[1:] if not inputs else []
    if wanted != own or training != graph.training:
        way_out = "leave --input and --batch out" if wanted != own else "leave --train out" if training else "add --train"
        raise ConvatlasError(
            f"{path} was traced at {' and '.join(map(shown, own))} for {mode_of(graph.training)}, and a graph's file cannot be "
            f"traced anew; {way_out}, or name the network itself"
        )
    return graph
