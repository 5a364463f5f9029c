"""Stages: the one rule for which part of a network an op belongs to, by the size of the maps that it works on.

**A stage begins with the block that leads to its map size, and ends before the block that leads to another.**

- A block is what branches and joins again (residual, concat, gate), whole, and every module of a class that does so elsewhere;
  otherwise it is a single op. Blocks are found from the network into its modules: a module's steps are cut where one tensor
  passes, and what lies between two cuts is a block. Where tensors pass by whole networks (a U-Net's, a detector's pyramid), told
  by three maps of different size on one way, or three modules of several convolutions in series, the steps are looked into one
  by one.
- A block belongs whole to the stage of its output. So all of ResNet-50's ``layer2.0`` is of the 28x28 stage, its first 1x1
  convolution on 56x56 maps too, and the 56x56 stage is 256 channels wide. A pooling belongs to the stage that it leads to. What a
  block does inside (a gate's 1x1 maps, a pyramid's pooled ones) makes no stage.
- Where the module that changes the size begins with ops that look at one position each (norms, activations, 1x1 convolutions),
  they prepare the change and belong to it: DenseNet's transitions, inverted residuals without a shortcut, the layer norm before
  ConvNeXt's 2x2 convolutions, Swin's patch merging. Two 3x3 convolutions before a pooling, as VGG's, do not.
- A network that never changes the size of its map after the first layer has one stage: a vision transformer's tokens are of the grid
  that they were cut from ("14x14"), the class token included.
- What follows the last map, or the last of the tokens, is the "head". A network without maps has "tokens" and a "head".
- A stage is named by its map: "56x56", "8x56x56" in three dimensions, "16000" in one; "56x56 up" where the map has grown to that.
  What comes back to a size in the same direction (HRNet's parallel branches) is of the same stage again. An auxiliary head makes
  no stage of its own.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from .maps import Size, has_positions, is_pointwise, map_sizes, with_positions
from .wiring import Segment, Wiring, within

if TYPE_CHECKING:
    from ..graph import Graph

HEAD = "head"
TOKENS = "tokens"
_MANY = 3  # so many composite steps in series, or sizes on one way, are no block but a network of their own


class Stages:
    """The stage of each node of a graph, found when it is first asked for: that takes longer than to count the network."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    @cached_property
    def names(self) -> list[str]:
        """By the nodes' places."""
        return stage_names(self._graph)


class _Start(NamedTuple):
    place: int  # the stage's first node
    size: Size


def stage_names(graph: Graph) -> list[str]:
    """The stage of each node; see this module's text for what a stage is."""
    if not graph.nodes:
        return []
    finder = _Finder(graph)
    starts = finder.starts()
    names = [TOKENS] * len(graph.nodes)
    for number, (start, following) in enumerate(pairwise([*starts, _Start(len(names), ())])):
        grown = number > 0 and prod(start.size) > prod(starts[number - 1].size)
        name = "x".join(map(str, start.size)) + (" up" if grown else "")
        names[start.place : following.place] = [name] * (following.place - start.place)
    end = max(finder.trunk.intersection(with_positions(graph)), default=-1) + 1
    return [*names[:end], *[HEAD] * (len(names) - end)]


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.wiring = Wiring(graph)
        self.sizes = map_sizes(graph)
        self.trunk = self.leading_to_maps()
        self.kinds: dict[str, bool] = {}  # class -> whether its modules are blocks

    def starts(self) -> list[_Start]:
        """Where each stage begins, in order."""
        starts: list[_Start] = []
        for first, end in self.blocks("", 0, len(self.graph.nodes)):
            size = self.size((first, end))
            aside = self.trunk.isdisjoint(range(first, end))
            if size is None or aside or (starts and starts[-1].size == size):
                continue
            place = self.beginning(first) if starts else 0
            while starts and starts[-1].place >= place:
                starts.pop()
            if not starts or starts[-1].size != size:
                starts.append(_Start(place, size))
        return starts

    def leading_to_maps(self) -> set[int]:
        """The nodes that the first result depends on, or one that is a map: no auxiliary head, which ends in a vector."""
        nodes, values = self.graph.nodes, self.graph.values
        results = self.graph.outputs
        kept = {value for value in results if value == results[0] or has_positions(values[value].shape)}
        found: set[int] = set()
        for place in reversed(range(len(nodes))):
            if not found.isdisjoint(self.wiring.readers[place]) or not kept.isdisjoint(nodes[place].outputs):
                found.add(place)
        return found

    def size(self, block: tuple[int, int]) -> Size | None:
        """Of the map that a block makes."""
        return next((size for size in reversed(self.sizes[slice(*block)]) if size), None)

    def blocks(self, path: str, first: int, end: int) -> list[tuple[int, int]]:
        """The blocks of a module in order, each by its first node and the one behind its last; what keeps its size is one."""
        if len({size for size in self.sizes[first:end] if size}) < 2:
            return [(first, end)]
        if path and self.is_block(self.graph.modules.get(path, "")):
            return [(first, end)]
        found: list[tuple[int, int]] = []
        for piece in self.wiring.pieces(self.wiring.segments(path, first, end), end):
            if len(piece) > 1 and not self.is_network(piece):
                found.append((piece[0].first, piece[-1].end))
                continue
            for step in piece:
                found += [(step.first, step.end)] if step.own else self.blocks(step.path, step.first, step.end)
        return found

    def is_block(self, kind: str) -> bool:
        """Whether some module of that class is one block; then those of its kind that do not branch are blocks as well."""
        if kind not in self.kinds:
            modules = [path for path, of in self.graph.modules.items() if path and of == kind]
            self.kinds[kind] = any(self.branches(path) for path in modules)
        return self.kinds[kind]

    def branches(self, path: str) -> bool:
        """Whether a module as a whole branches and joins again."""
        inside = [place for place, node in enumerate(self.graph.nodes) if within(node.module, path)]
        if not inside:
            return False
        first, end = inside[0], inside[-1] + 1
        pieces = self.wiring.pieces(self.wiring.segments(path, first, end), end)
        return self.wiring.branches_once(pieces) and not any(map(self.is_network, pieces))

    def is_network(self, piece: list[Segment]) -> bool:
        """Whether steps past which tensors go are no block: many of them in series, or a way through them has many sizes."""
        steps = [0] * len(piece)  # the most composite steps on a way up to this one
        seen: dict[int, set[Size]] = {}  # the sizes on the way to a node that has most of them
        home: dict[int, int] = {}
        for number, step in enumerate(piece):
            before = 0
            for place in range(step.first, step.end):
                home[place] = number
                sources = self.wiring.sources[place]
                before = max([before, *(steps[home[source]] for source in sources if home.get(source, number) != number)])
                ways = [seen.get(source, self.outside(source)) for source in sources]
                seen[place] = max(ways, key=len, default=set()) | self.outside(place)
            steps[number] = before + (self.wiring.products(step) > 1)
        return max(steps) >= _MANY or max(map(len, seen.values())) >= _MANY

    def outside(self, place: int) -> set[Size]:
        size = self.sizes[place] if place >= 0 else None
        return {size} if size else set()

    def beginning(self, first: int) -> int:
        """The first node of the outermost module that begins with ops on one position each, up to the block at ``first``."""
        nodes = self.graph.nodes
        earliest = first
        while earliest and is_pointwise(self.graph, nodes[earliest - 1]):
            earliest -= 1
        parts = nodes[first].module.split(".")
        for length in range(len(parts) + 1):
            path = ".".join(parts[:length])
            start = first
            while start and start >= earliest and within(nodes[start - 1].module, path):
                start -= 1
            if start >= earliest:
                return start
        return first
