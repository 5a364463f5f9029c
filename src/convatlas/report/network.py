"""Everything that the page and the charts ask of one graph, worked out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..analysis.cost import Cost, LayerCost, cost
from ..analysis.latency import Latency
from ..analysis.memory import TRAINING_BATCH, Settings, TrainingMemory, training_memory
from ..analysis.receptive_field import ReceptiveField, receptive_field
from ..analysis.summary import Summary, summarise
from ..analysis.verdict import Verdict
from ..errors import ConvatlasError
from ..graph import Graph
from ..graph.words import way_in_words
from .numbers import crossed
from .numbers import times as written


@dataclass(frozen=True)
class Network:
    """A graph with its records. ``title`` tells it from the other networks of the page.

    ``training`` are its graphs in training mode, one a batch; None leaves training out of the page. The step is done as
    ``settings`` say; that of ``shown_batch`` is drawn. ``verdict`` is whether it fits, where that was asked. ``time`` is how
    long it takes on a device, predicted from ``graph``; a sentence is why nobody knows; None leaves time out of the page.
    """

    graph: Graph
    title: str
    index: int = 0
    training: tuple[Graph, ...] | None = None
    settings: Settings = field(default_factory=Settings)
    shown_batch: int = TRAINING_BATCH
    verdict: Verdict | None = None
    time: Latency | str | None = None

    @cached_property
    def latency(self) -> Latency | None:
        """How long it takes, predicted; None where nobody knows or asked."""
        return None if isinstance(self.time, str) else self.time

    @cached_property
    def milliseconds(self) -> list[float]:
        """The predicted time of each node; empty where nobody knows it."""
        return [] if self.latency is None else self.latency.by_node(self.graph)

    @cached_property
    def cost(self) -> Cost:
        """What a forward pass costs."""
        return cost(self.graph)

    @cached_property
    def layers(self) -> list[LayerCost]:
        """A record for each node, and the unused parameters after them."""
        return self.cost.layers

    @cached_property
    def summary(self) -> Summary:
        """It in short."""
        return summarise(self.graph, self.cost)

    @cached_property
    def fields(self) -> dict[int, ReceptiveField]:
        """The receptive field of each node that has one."""
        try:
            return {field.node: field for field in receptive_field(self.graph)}
        except ValueError:  # no image, so no receptive field
            return {}

    @cached_property
    def steps(self) -> list[TrainingMemory]:
        """Memory of one training step at each batch.

        Raises:
            ConvatlasError: the network has nothing to train on.

        """
        return [training_memory(graph, self.settings) for graph in self.training or ()]

    @cached_property
    def shown_step(self) -> TrainingMemory | None:
        """The step that stands for the network beside others: that of ``shown_batch``, or the nearest; None if unknown."""
        try:
            return self.nearest(self.steps) if self.steps else None
        except ConvatlasError:  # nothing to train on
            return None

    def nearest(self, steps: Sequence[TrainingMemory]) -> TrainingMemory:
        """The step whose batch is nearest to the one that is shown."""
        return min(steps, key=lambda step: abs(batch_of(step) - self.shown_batch))

    @property
    def at_least(self) -> str:
        """What stands before sums of operations: ops that nobody counted would add to them."""
        return "≥ " if self.summary.uncounted else ""

    @property
    def image(self) -> tuple[int, ...]:
        """Spatial size of the input, as (height, width)."""
        return self.summary.input_shape[2:] if self.summary.batch_axis else self.summary.input_shape[1:]

    @property
    def conditions(self) -> str:
        """What every figure depends on."""
        several, sample = "s" if len(self.summary.inputs) > 1 else "", crossed(self.summary.sample)
        how = way_in_words(self.graph.way, self.graph.why)
        said = f"input{several} {sample}, {self.summary.setting} mode{', forward pass' if self.summary.training else ''}"
        return f"{said}, {how}" if how else said


def batch_of(step: TrainingMemory) -> int:
    """The batch of a training step."""
    return step.graph.values[step.graph.inputs[0]].shape[0]


def networks(
    graphs: Sequence[Graph],
    training_graphs: Sequence[Sequence[Graph]] | None = None,
    settings: Settings | None = None,
    shown_batch: int = TRAINING_BATCH,
    verdicts: Sequence[Verdict | None] = (),
    times: Sequence[Latency | str | None] = (),
) -> list[Network]:
    """The graphs with titles of which no two are the same, and those of training that go with each.

    Raises:
        ConvatlasError: there is no graph, or one of them has no input, or the graphs of training are of more or fewer networks.

    """
    if not graphs:
        raise ConvatlasError("a report needs at least one network, got none")
    for graph in graphs:
        if not graph.inputs:
            raise ConvatlasError(f"{graph.name or 'a graph'} has no input, so there is nothing to report about it")
    if training_graphs is not None and len(training_graphs) != len(graphs):
        raise ConvatlasError(
            f"graphs of {len(graphs)} networks, but graphs in training mode of {len(training_graphs)}; give as many"
        )
    names = [graph.name or "network" for graph in graphs]
    shapes = [written(graph.values[graph.inputs[0]].shape) for graph in graphs]
    titles = [name if names.count(name) == 1 else f"{name} at {shape}" for name, shape in zip(names, shapes, strict=True)]
    seen: Counter[str] = Counter()
    found = []
    for index, (graph, title) in enumerate(zip(graphs, titles, strict=True)):
        seen[title] += 1
        training = None if training_graphs is None else tuple(training_graphs[index])
        unique = title if seen[title] == 1 else f"{title} ({seen[title]})"
        answer = verdicts[index] if verdicts else None
        time = times[index] if times else None
        found.append(Network(graph, unique, index, training, settings or Settings(), shown_batch, answer, time))
    return found
