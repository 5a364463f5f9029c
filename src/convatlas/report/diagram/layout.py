"""Where the boxes of a data flow go: ranks from top to bottom, lanes from left to right, and a lane for every edge."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Edge(NamedTuple):
    """From one box to another, down a lane."""

    source: int
    target: int
    lane: int


class Layout(NamedTuple):
    """``ranks`` and ``lanes`` of each box, and the edges."""

    ranks: list[int]
    lanes: list[int]
    edges: list[Edge]


def arrange(sources: Sequence[Sequence[int]]) -> Layout:
    """Lay out boxes that are given in topological order by what each one reads.

    A box and the deepest of its readers share a lane as far as they can, so that the main path runs straight down at the
    left; other paths, and edges that pass boxes by, take the nearest lane that is free on their way.
    """
    count = len(sources)
    ranks: list[int] = []
    for found in sources:
        ranks.append(1 + max((ranks[source] for source in found), default=-1))
    chains = _chains(sources)
    heads = {chain[0]: chain for chain in chains}
    tails = {chain[-1]: chain for chain in chains}
    follows = {(above, below) for chain in chains for above, below in pairwise(chain)}
    readers: list[list[int]] = [[] for _ in range(count)]
    for box, found in enumerate(sources):
        for source in found:
            readers[source].append(box)

    taken: set[tuple[int, int]] = set()
    lanes = [0] * count
    for chain in chains:
        top = min((ranks[source] for source in sources[chain[0]]), default=ranks[chain[0]] - 1) + 1
        bottom = max((ranks[reader] for reader in readers[chain[-1]]), default=ranks[chain[-1]] + 1)
        lane = _free_lane(taken, top, max(bottom, ranks[chain[-1]] + 1))
        for box in chain:
            lanes[box] = lane

    edges = []
    pairs = [(source, box) for box in range(count) for source in sources[box]]
    for source, box in sorted(pairs, key=lambda pair: (ranks[pair[1]] - ranks[pair[0]], pair)):
        if (source, box) in follows or box in heads or ranks[box] == ranks[source] + 1:
            lane = lanes[box]
        elif source in tails:
            lane = lanes[source]
        else:
            lane = _free_lane(taken, ranks[source] + 1, ranks[box])
        edges.append(Edge(source, box, lane))
    return Layout(ranks, lanes, edges)


def _free_lane(taken: set[tuple[int, int]], top: int, bottom: int) -> int:
    """The leftmost lane that is free from rank ``top`` to before ``bottom``; it is taken from now on."""
    lane = 0
    while any((rank, lane) in taken for rank in range(top, bottom)):
        lane += 1
    taken.update((rank, lane) for rank in range(top, bottom))
    return lane


def _chains(sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """Every box in one chain: each box goes on with the reader that has the longest way to go."""
    count = len(sources)
    depth = [0] * count  # boxes on the longest way down
    for box in reversed(range(count)):
        for source in sources[box]:
            depth[source] = max(depth[source], depth[box] + 1)
    heir = [-1] * count
    for box in range(count):
        for source in sources[box]:
            if heir[source] < 0 or depth[box] > depth[heir[source]]:
                heir[source] = box
    chains: list[list[int]] = []
    of_box: dict[int, list[int]] = {}
    for box in range(count):
        donors = [of_box[source] for source in sources[box] if heir[source] == box and of_box[source][-1] == source]
        chain = min(donors, key=lambda found: found[0]) if donors else []
        if not donors:
            chains.append(chain)
        chain.append(box)
        of_box[box] = chain
    return chains
