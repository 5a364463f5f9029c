"""Everything that the page and the charts ask of one graph, worked out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..analysis.cost import Cost, LayerCost, cost
from ..analysis.receptive_field import ReceptiveField, receptive_field
from ..analysis.summary import Summary, summarise
from ..graph import Graph
from .numbers import times


@dataclass(frozen=True)
class Network:
    """A graph with its records. ``title`` tells it from the other networks of the page."""

    graph: Graph
    title: str
    index: int = 0

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

    @property
    def at_least(self) -> str:
        """What stands before sums of operations: ops that nobody counted would add to them."""
        return "≥ " if self.summary.uncounted else ""

    @property
    def image(self) -> tuple[int, ...]:
        """Spatial size of the input, as (height, width)."""
        return self.summary.input_shape[2:]

    @property
    def conditions(self) -> str:
        """What every figure depends on."""
        shape = self.summary.input_shape
        mode = "training mode, forward pass" if self.summary.training else "evaluation mode"
        return f"input {times(shape[1:])}, batch {shape[0]}, {self.summary.dtype}, {mode}"


def networks(graphs: Sequence[Graph]) -> list[Network]:
    """The graphs with titles of which no two are the same.

    Raises:
        ValueError: there is no graph, or one of them has no input.

    """
    if not graphs:
        raise ValueError("a report needs at least one network, got none")
    for graph in graphs:
        if not graph.inputs:
            raise ValueError(f"{graph.name or 'a graph'} has no input, so there is nothing to report about it")
    names = [graph.name or "network" for graph in graphs]
    shapes = [times(graph.values[graph.inputs[0]].shape) for graph in graphs]
    titles = [name if names.count(name) == 1 else f"{name} at {shape}" for name, shape in zip(names, shapes, strict=True)]
    seen: Counter[str] = Counter()
    found = []
    for index, (graph, title) in enumerate(zip(graphs, titles, strict=True)):
        seen[title] += 1
        found.append(Network(graph, title if seen[title] == 1 else f"{title} ({seen[title]})", index))
    return found
