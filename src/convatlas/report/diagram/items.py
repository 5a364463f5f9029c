"""What a diagram consists of: ops, blocks, and series of them that repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
