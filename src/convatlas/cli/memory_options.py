"""What `memory` is asked for, from words to settings of a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import ConvatlasError
from ..inputs import Inputs
from ..models import is_graph_file
from ..models.shapes import NO_BATCH
from .progress import working

if TYPE_CHECKING:
    from ..analysis.memory import Settings
    from ..analysis.verdict import Verdict
    from ..graph import Graph
    from .models import Asked


@dataclass(frozen=True)
class Subject:
    """What a step is simulated from: a network at any batch, or a graph's file at its own.

    Attributes:
        name: what was typed.
        inputs: what forward gets at the batch that was asked for.
        graph_at: batch -> graph.
        module: the network; None where there is only a file.
        smaller: a lower resolution in words, and its graphs; None where there is none to suggest.

    """

    name: str
    inputs: Inputs
    graph_at: Callable[[int], Graph]
    module: Any
    smaller: tuple[str, Callable[[int], Graph]] | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first input, batch axis included."""
        return self.inputs.specs()[0].shape

    @property
    def graph(self) -> Graph:
        """At the batch of ``shape``."""
        return self.graph_at(self.shape[0])

    def verdict(self, memory_bytes: int, settings: Settings) -> Verdict:
        """Whether a step at the batch of ``shape`` fits.

        Raises:
            ConvatlasError: it cannot be trained so.

        """
        from ..analysis.verdict import verdict, verdict_at_one_batch

        if self.module is None:
            return verdict_at_one_batch(self.graph, memory_bytes, settings)
        with working("looking for the largest batch"):
            return verdict(self.graph_at, self.shape[0], memory_bytes, settings, self.smaller)


def subject_of(model: str, inputs: list[str] | None, batch: int | None, training: bool, exact: bool = False) -> Subject:
    """Load a network.

    Raises:
        ConvatlasError: there is no such network, it does not load, or it does not read such an input.

    """
    from .models import asked, graph_of

    if is_graph_file(model):
        return one_graph(model, graph_of(model, inputs, batch, training, exact), training)
    return subject_from(asked(model, inputs, batch, exact), training)


def one_graph(model: str, graph: Graph, training: bool) -> Subject:
    """A graph's file, which knows one batch and one mode."""
    shape = graph.values[graph.inputs[0]].shape

    def fixed(wanted: int) -> Graph:
        if wanted != shape[0]:
            raise ConvatlasError(
                f"{model} holds a graph of batch {shape[0]}, which says nothing of others; name the network itself"
            )
        if training and not graph.training:
            raise ConvatlasError(f"{model} was traced for evaluation, which says nothing of training; name the network itself")
        return graph

    return Subject(model, Inputs(*graph.specs(graph.inputs)), fixed, None, None)


def subject_from(asked: Asked, training: bool) -> Subject:
    """A network that is loaded already; where no batch is said the usual one of training."""
    from ..analysis.memory import TRAINING_BATCH
    from ..analysis.verdict import at_smaller_input

    given = asked.inputs(TRAINING_BATCH)
    if asked.batch == NO_BATCH:
        return Subject(asked.loaded.name, given, _without_batches, asked.loaded.module, None)

    def graphs(inputs_at: Callable[[int], Inputs]) -> Callable[[int], Graph]:
        return lru_cache(maxsize=32)(lambda wanted: asked.traced(inputs_at(wanted), training))

    shape = given.specs()[0].shape
    one_image = given == Inputs(shape)
    smaller = at_smaller_input(shape[1:], lambda size: graphs(Inputs(size).with_batch)) if one_image else None
    return Subject(asked.loaded.name, given, graphs(given.at_batch), asked.loaded.module, smaller)


def _without_batches(_: int) -> Graph:
    raise ConvatlasError("a training step is of a batch, and `--batch none` says that the input has no batch axis; leave it out")
