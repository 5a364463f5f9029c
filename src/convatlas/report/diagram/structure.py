"""A network as stages of blocks: its data flow, cut where a single tensor passes, named by the module tree.

Modules whose parts follow one another (`Sequential`, a stage, the network itself) are opened; a module that branches
(residual, concat, gate) is one block. Equal neighbours are put together with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ...analysis.cost import stage_names
from ...graph import Graph
from ..labels import label, tail_label
from .items import Block, Item, Repeat, Stage, Unit, repeats
from .wiring import Wiring

_MOST_UNITS = 60  # a block of more is shown as a list of its parts, not as one drawing
_ALIKE_IN_A_ROW = 3  # as is one that is mostly a series of equal parts


class _Segment(NamedTuple):
    """Nodes of one child of a module, or a single node of the module itself."""

    path: str
    first: int
    end: int
    own: bool  # called by the module itself


def structure(graph: Graph) -> list[Stage]:
    """The stages of a network from input to output."""
    if not graph.nodes:
        return []
    finder = _Finder(graph)
    items = finder.items("", 0, len(graph.nodes))
    if finder.block_classes:  # a module that does not branch is a block too if others of its class are
        items = finder.items("", 0, len(graph.nodes))
    names = stage_names(graph)
    stages = groupby(items, key=lambda item: names[item.nodes[-1]])
    return [Stage(name, tuple(repeats(list(group)))) for name, group in stages]


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.wiring = Wiring(graph)
        self.block_classes: set[str] = set()

    def items(self, path: str, first: int, end: int) -> list[Item]:
        """What a module consists of, its chains opened."""
        segments = self._segments(path, first, end)
        if path and self.graph.modules.get(path) in self.block_classes:
            return [self._block(path, first, end, segments)]
        cuts = self.wiring.cuts([segment.first for segment in segments], end)
        groups: list[list[_Segment]] = []
        for segment in segments:
            if segment.first in cuts or not groups:
                groups.append([])
            groups[-1].append(segment)
        if path and self._is_block(groups):
            if self._products(segments):
                self.block_classes.add(self.graph.modules[path])
            return [self._block(path, first, end, segments)]
        found: list[Item] = []
        for group in groups:
            if len(group) > 1:
                found += self._branching(path, group)
            elif not group[0].own:
                found += self.items(group[0].path, group[0].first, group[0].end)
            elif found and isinstance(found[-1], Unit) and self._joins(found[-1], group[0].first):
                found[-1] = self._unit((*found[-1].nodes, group[0].first))
            else:
                found.append(self._unit([group[0].first]))
        return self._joined(found)

    def _joined(self, items: list[Item]) -> list[Item]:
        """Norms and activations that modules of their own make are put behind the op that they read."""
        joined: list[Item] = []
        for item in items:
            last = joined[-1] if joined else None
            if isinstance(item, Unit) and isinstance(last, Unit) and self._joins(last, item.nodes[0]):
                joined[-1] = self._unit((*last.nodes, *item.nodes))
            else:
                joined.append(item)
        return joined

    def _joins(self, unit: Unit, place: int) -> bool:
        return len(self.wiring.units(unit.nodes[0], place + 1)) == 1

    def _branching(self, path: str, group: list[_Segment]) -> list[Item]:
        """A piece of a module: one block, or its parts in order if those are networks in their own right."""
        first, end = group[0].first, group[-1].end
        if sum(self._is_composite(segment) for segment in group) >= _ALIKE_IN_A_ROW:
            return self._parts(group)
        return [self._block(path, first, end, group)]

    def _block(self, path: str, first: int, end: int, segments: list[_Segment]) -> Block:
        units = [self._unit(nodes) for nodes in self.wiring.units(first, end)]
        home = {node: number for number, unit in enumerate(units) for node in unit.nodes}
        outside: dict[int, int] = {}
        sources = tuple(
            tuple(home[source] if source in home else outside.setdefault(source, -1 - len(outside)) for source in found)
            for found in (self.wiring.sources[unit.nodes[0]] for unit in units)
        )
        composite = [segment for segment in segments if self._is_composite(segment)]
        parts: tuple[Item, ...] = ()
        if len(composite) >= _ALIKE_IN_A_ROW:
            listed = repeats(self._parts(segments))
            if len(units) > _MOST_UNITS or any(isinstance(item, Repeat) and item.times >= _ALIKE_IN_A_ROW for item in listed):
                parts = tuple(listed)
        kind = self.graph.modules.get(path, "") if len(segments) == len(self._segments(path, first, end)) else ""
        return Block(path, kind or "block", range(first, end), tuple(units), sources, parts)

    def _parts(self, segments: list[_Segment]) -> list[Item]:
        parts: list[Item] = []
        for segment in segments:
            found: list[Item] = (
                [self._unit([segment.first])] if segment.own else self.items(segment.path, segment.first, segment.end)
            )
            if self._is_composite(segment) and all(isinstance(item, Unit) for item in found):
                inner = self._segments(segment.path, segment.first, segment.end)
                found = [self._block(segment.path, segment.first, segment.end, inner)]
            parts += found
        return self._joined(parts)

    def _segments(self, path: str, first: int, end: int) -> list[_Segment]:
        """A module's nodes, child by child in order of execution."""
        depth = path.count(".") + 2 if path else 1
        segments: list[_Segment] = []
        for place in range(first, end):
            module = self.graph.nodes[place].module
            own = module == path or self.graph.nodes[place].module not in self.graph.modules
            child = path if own else ".".join(module.split(".")[:depth])
            if segments and not own and segments[-1].path == child and not segments[-1].own:
                segments[-1] = segments[-1]._replace(end=place + 1)
            else:
                segments.append(_Segment(child, place, place + 1, own or child == path))
        return segments

    def _is_block(self, groups: list[list[_Segment]]) -> bool:
        """Whether a module branches once, with no more than small change around it."""
        branching = [group for group in groups if len(group) > 1]
        around = [group[0] for group in groups if len(group) == 1]
        return (
            len(branching) == 1
            and not any(map(self._is_composite, around))
            and self._products(around) <= self._products(branching[0])
        )

    def _products(self, segments: Sequence[_Segment]) -> int:
        """How many convolutions and matrix products they hold."""
        nodes = self.graph.nodes
        return sum(nodes[place].op.multiplies for segment in segments for place in range(segment.first, segment.end))

    def _is_composite(self, segment: _Segment) -> bool:
        return self._products([segment]) > 1

    def _unit(self, nodes: Sequence[int]) -> Unit:
        graph = self.graph
        tails = ["" if self.wiring.is_aside(place) else tail_label(graph, graph.nodes[place]) for place in nodes]
        # an op that only moves numbers gives its place to what follows it
        head = next((place for place, tail in enumerate(tails) if tail), 0)
        text = label(graph, graph.nodes[nodes[head]])
        tail = " · ".join(word for word in tails[head + 1 :] if word)
        return Unit(text, tail, tuple(nodes), graph.nodes[nodes[0]].module)
