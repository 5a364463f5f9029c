"""A network as stages of blocks: its data flow, cut where a single tensor passes, named by the module tree.

Modules whose parts follow one another (`Sequential`, a stage, the network itself) are opened; a module that branches
(residual, concat, gate) is one block, if it lies in one stage. Equal neighbours are put together with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...analysis.stages import stage_names
from ...analysis.wiring import Segment, Wiring
from ...graph import Graph
from ..labels import label, tail_label
from .items import Block, Item, Repeat, Stage, Unit, repeats

_MOST_UNITS = 60  # a block of more is shown as a list of its parts, not as one drawing
_ALIKE_IN_A_ROW = 3  # as is one that is mostly a series of equal parts


def structure(graph: Graph) -> list[Stage]:
    """The stages of a network from input to output."""
    if not graph.nodes:
        return []
    finder = _Finder(graph)
    items = finder.items("", 0, len(graph.nodes))
    if finder.block_classes:  # a module that does not branch is a block too if others of its class are
        items = finder.items("", 0, len(graph.nodes))
    stages = groupby(items, key=lambda item: finder.stages[item.nodes[0]])
    return [Stage(name, tuple(repeats(list(group)))) for name, group in stages]


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.wiring = Wiring(graph)
        self.stages = stage_names(graph)
        self.block_classes: set[str] = set()

    def items(self, path: str, first: int, end: int) -> list[Item]:
        """What a module consists of, its chains opened."""
        segments = self.wiring.segments(path, first, end)
        in_one = self._in_one_stage(first, end)
        if path and in_one and self.graph.modules.get(path) in self.block_classes:
            return [self._block(path, first, end, segments)]
        groups = self.wiring.pieces(segments, end)
        if path and in_one and self.wiring.branches_once(groups):
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

    def _in_one_stage(self, first: int, end: int) -> bool:
        return len(set(self.stages[first:end])) < 2

    def _joins(self, unit: Unit, place: int) -> bool:
        return len(self.wiring.units(unit.nodes[0], place + 1)) == 1

    def _branching(self, path: str, group: list[Segment]) -> list[Item]:
        """A piece of a module: one block, or its parts in order if those are networks in their own right."""
        first, end = group[0].first, group[-1].end
        if not self._in_one_stage(first, end) or sum(map(self._is_composite, group)) >= _ALIKE_IN_A_ROW:
            return self._parts(group)
        return [self._block(path, first, end, group)]

    def _block(self, path: str, first: int, end: int, segments: list[Segment]) -> Block:
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
        kind = self.graph.modules.get(path, "") if len(segments) == len(self.wiring.segments(path, first, end)) else ""
        return Block(path, kind or "block", range(first, end), tuple(units), sources, parts)

    def _parts(self, segments: list[Segment]) -> list[Item]:
        parts: list[Item] = []
        for segment in segments:
            found: list[Item] = (
                [self._unit([segment.first])] if segment.own else self.items(segment.path, segment.first, segment.end)
            )
            plain = all(isinstance(item, Unit) for item in found)
            if plain and self._is_composite(segment) and self._in_one_stage(segment.first, segment.end):
                inner = self.wiring.segments(segment.path, segment.first, segment.end)
                found = [self._block(segment.path, segment.first, segment.end, inner)]
            parts += found
        return self._joined(parts)

    def _products(self, segments: Sequence[Segment]) -> int:
        """How many convolutions and matrix products they hold."""
        return sum(map(self.wiring.products, segments))

    def _is_composite(self, segment: Segment) -> bool:
        return self.wiring.products(segment) > 1

    def _unit(self, nodes: Sequence[int]) -> Unit:
        graph = self.graph
        tails = ["" if self.wiring.is_aside(place) else tail_label(graph, graph.nodes[place]) for place in nodes]
        # an op that only moves numbers gives its place to what follows it
        head = next((place for place, tail in enumerate(tails) if tail), 0)
        text = label(graph, graph.nodes[nodes[head]])
        tail = " · ".join(word for word in tails[head + 1 :] if word)
        return Unit(text, tail, tuple(nodes), graph.nodes[nodes[0]].module)
