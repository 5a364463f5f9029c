"""Who reads what: the data flow between a graph's nodes, parameters left out, and the steps that a module consists of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..graph import Graph
from ..graph.ops import (
    Activation,
    Alias,
    BatchNorm,
    Binary,
    Cast,
    ChannelShuffle,
    Copy,
    Dropout,
    Expand,
    Flip,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    Pad,
    Permute,
    Prelu,
    Repeat,
    RMSNorm,
    Roll,
    Softmax,
    StochasticDepth,
    View,
)

_TAILS = (
    Activation, Alias, BatchNorm, Binary, Cast, ChannelShuffle, Copy, Dropout, Expand, Flip, GroupNorm, InstanceNorm, LayerNorm,
    LocalResponseNorm, Pad, Permute, Prelu, Repeat, RMSNorm, Roll, Softmax, StochasticDepth, View,
)  # fmt: skip


class Segment(NamedTuple):
    """One step of a module: the nodes of a call of a child, or a single node that the module itself calls."""

    path: str
    first: int
    end: int
    own: bool  # called by the module itself


class Wiring:
    """For each node, by its place: which nodes it reads (`sources`) and which read it (`readers`).

    An input of the network stands among the sources as a negative number.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        producer = {value: -1 - place for place, value in enumerate(graph.inputs)}
        for place, node in enumerate(graph.nodes):
            producer.update(dict.fromkeys(node.outputs, place))
        self.sources = [list(dict.fromkeys(producer[value] for value in node.inputs if value in producer)) for node in graph.nodes]
        self.readers: list[list[int]] = [[] for _ in graph.nodes]
        for place, sources in enumerate(self.sources):
            for source in sources:
                if source >= 0:
                    self.readers[source].append(place)
        self.results = {producer[value] for value in graph.outputs if value in producer}

    def segments(self, path: str, first: int, end: int) -> list[Segment]:
        """The steps of the module ``path``, whose nodes these are, child by child in order of execution."""
        depth = path.count(".") + 2 if path else 1
        segments: list[Segment] = []
        for place in range(first, end):
            module = self.graph.nodes[place].module
            own = module == path or module not in self.graph.modules
            child = path if own else ".".join(module.split(".")[:depth])
            if segments and not own and segments[-1].path == child and not segments[-1].own:
                segments[-1] = segments[-1]._replace(end=place + 1)
            else:
                segments.append(Segment(child, place, place + 1, own or child == path))
        return segments

    def pieces(self, segments: Sequence[Segment], end: int) -> list[list[Segment]]:
        """The steps in groups, cut where one tensor at most goes from what is before to what follows."""
        cuts = self.cuts([segment.first for segment in segments], end)
        groups: list[list[Segment]] = []
        for segment in segments:
            if segment.first in cuts or not groups:
                groups.append([])
            groups[-1].append(segment)
        return groups

    def products(self, segment: Segment) -> int:
        """How many convolutions and matrix products a step holds."""
        return sum(self.graph.nodes[place].op.multiplies for place in range(segment.first, segment.end))

    def branches_once(self, pieces: Sequence[Sequence[Segment]]) -> bool:
        """Whether these pieces of a module are one that branches, with no more than small change around it."""
        branching = [piece for piece in pieces if len(piece) > 1]
        around = [piece[0] for piece in pieces if len(piece) == 1]
        return (
            len(branching) == 1
            and not any(self.products(step) > 1 for step in around)
            and sum(map(self.products, around)) <= sum(map(self.products, branching[0]))
        )

    def outside(self, first: int, end: int) -> dict[int, int]:
        """What the nodes from ``first`` to before ``end`` read of what is not among them -> the last one that reads it."""
        return {source: place for place in range(first, end) for source in self.sources[place] if source < first}

    def cuts(self, starts: Sequence[int], end: int) -> set[int]:
        """Those of ``starts`` (places of nodes, in order) where one tensor at most goes from what is before to what follows."""
        last_use = self.outside(starts[0], end)
        found, seen = set(), starts[0]
        for start in starts:
            last_use |= {place: self.last_use(place) for place in range(seen, start)}
            seen = start
            last_use = {source: last for source, last in last_use.items() if last >= start}
            if len(last_use) <= 1:
                found.add(start)
        return found

    def last_use(self, place: int) -> int:
        """The last node that reads a node's output; behind all nodes if it leaves the network."""
        return len(self.sources) if place in self.results else max(self.readers[place], default=place)

    def is_aside(self, place: int) -> bool:
        """Whether a node keeps books (a count of batches) beside the data flow: it reads none of it, and nobody reads it."""
        return not self.sources[place] and not self.readers[place] and place not in self.results

    def units(self, first: int, end: int) -> list[list[int]]:
        """The nodes from ``first`` to before ``end``: each op together with the norms and activations that alone read it."""
        units: list[list[int]] = []
        home: dict[int, list[int]] = {}
        for place in range(first, end):
            sources = self.sources[place]
            if units and self.is_aside(place):
                units[-1].append(place)
                continue
            joins = len(sources) == 1 and sources[0] in home and isinstance(self.graph.nodes[place].op, _TAILS)
            if joins and self.readers[sources[0]] == [place] and sources[0] not in self.results:
                unit = home[sources[0]]
            else:
                unit = []
                units.append(unit)
            unit.append(place)
            home[place] = unit
        return units


def within(module: str, path: str) -> bool:
    """Whether a module is the one at that path or lies in it."""
    return not path or module == path or module.startswith(f"{path}.")
