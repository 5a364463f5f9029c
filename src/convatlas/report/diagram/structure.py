"""A network as stages of blocks: its data flow, cut where a single tensor passes, named by the module tree.

Modules whose parts follow one another (`Sequential`, a stage, the network itself) are opened; a module that branches
(residual, concat, gate) is one block. Equal neighbours are put together with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from ...analysis.cost import stage_names
from ...graph import Graph
from ..labels import label, tail_label
from .wiring import Wiring

_MOST_UNITS = 60  # a block of more is shown as a list of its parts, not as one drawing
_ALIKE_IN_A_ROW = 3  # as is one that is mostly a series of equal parts
_LONGEST_PATTERN = 6  # a pair (depthwise, pointwise) may repeat, and so may a longer pattern


class Unit(NamedTuple):
    """One op with the norms and activations behind it. ``nodes`` are places in the graph."""

    text: str
    tail: str
    nodes: tuple[int, ...]
    path: str


@dataclass(frozen=True)
class Block:
    """A module (or a piece of one) whose data flow branches, or a part of such a module.

    Attributes:
        kind: the module's class, or what the piece is made of.
        units: its ops in order.
        sources: for each unit the units that it reads; -1, -2, ... are tensors from outside the block.
        parts: where its parts are blocks themselves, those, to be shown instead of the ops.

    """

    path: str
    kind: str
    nodes: range
    units: tuple[Unit, ...]
    sources: tuple[tuple[int, ...], ...]
    parts: tuple[Item, ...] = ()

    @property
    def traits(self) -> list[str]:
        """What makes it more than a chain."""
        joins = [unit.text.partition(",")[0] for unit, sources in zip(self.units, self.sources, strict=True) if len(sources) > 1]
        names = {"concat": "concat", "mul": "gate", "add": "residual" if joins.count("add") == 1 else "sums"}
        return [trait for join, trait in names.items() if join in joins]


class Repeat(NamedTuple):
    """A series of items that occurs several times in a row; the items are those of the last time.

    (The first layer of a dense block has nothing to concatenate yet; the last one shows what they do.)
    """

    times: int
    items: tuple[Item, ...]
    nodes_of: tuple[tuple[int, ...], ...]  # for each item its nodes, of all times

    @property
    def nodes(self) -> list[int]:
        """All nodes, in order."""
        return sorted(node for nodes in self.nodes_of for node in nodes)

    @property
    def path(self) -> str:
        """Of the first item."""
        return self.items[0].path


Item = Unit | Block | Repeat


class Stage(NamedTuple):
    """Successive items that work at one resolution ("56x56"), or the "head"."""

    name: str
    items: tuple[Item, ...]


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


def signature(item: Item) -> tuple[object, ...]:
    """Two items with the same one look the same."""
    if isinstance(item, Unit):
        return item.text, item.tail
    if isinstance(item, Block):
        parts = tuple(signature(part) for part in item.parts)
        if parts:
            return item.kind, parts
        # how much a concat has gathered does not tell blocks apart, nor does how many tensors come from outside
        texts = tuple(
            (unit.text.partition(",")[0] if unit.text.startswith("concat") else unit.text, unit.tail) for unit in item.units
        )
        inner = tuple(tuple(sorted({max(source, -1) for source in sources})) for sources in item.sources)
        return item.kind, texts, inner
    return item.times, tuple(map(signature, item.items))


def repeats(items: list[Item]) -> list[Item]:
    """Items in order, with every pattern that occurs several times in a row put together."""
    marks = [signature(item) for item in items]
    result: list[Item] = []
    place = 0
    while place < len(items):
        length, times = max(
            ((length, _times(marks, place, length)) for length in range(1, _LONGEST_PATTERN + 1)),
            key=lambda found: (found[0] * found[1] if found[1] > 1 else 1, -found[0]),
        )
        if times == 1 or _starts_later(items, marks, place, length, times):
            result.append(items[place])
            place += 1
            continue
        taken = items[place : place + length * times]
        nodes_of = tuple(tuple(node for item in taken[shift::length] for node in item.nodes) for shift in range(length))
        result.append(Repeat(times, tuple(taken[-length:]), nodes_of))
        place += len(taken)
    return result


def _times(marks: list[tuple[object, ...]], place: int, length: int) -> int:
    """How often the pattern of ``length`` items at ``place`` stands there in a row."""
    times = 1
    pattern = marks[place : place + length]
    while len(pattern) == length and marks[place + times * length : place + (times + 1) * length] == pattern:
        times += 1
    return times


def _starts_later(items: list[Item], marks: list[tuple[object, ...]], place: int, length: int, times: int) -> bool:
    """Whether the same series can be read from a later item on, with each pattern from fewer modules (dw pw, not pw dw)."""
    shared = _shared_path(items[place : place + length])
    return any(
        _times(marks, start, length) == times and _shared_path(items[start : start + length]) > shared
        for start in range(place + 1, place + length)
    )


def _shared_path(items: Sequence[Item]) -> int:
    """How many leading parts the module paths of items have in common."""
    paths = [item.path.split(".") for item in items]
    return sum(len(set(parts)) == 1 for parts in zip(*paths, strict=False))


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
        return len(self.wiring.units(unit.nodes[-1], place + 1)) == 1

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
        tails = [tail_label(graph, graph.nodes[place]) for place in nodes]
        # an op that only moves numbers gives its place to what follows it
        head = next((place for place, tail in enumerate(tails) if tail), 0)
        text = label(graph, graph.nodes[nodes[head]])
        tail = " · ".join(word for word in tails[head + 1 :] if word)
        return Unit(text, tail, tuple(nodes), graph.nodes[nodes[0]].module)
