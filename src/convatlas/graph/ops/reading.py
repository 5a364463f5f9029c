"""Which positions of an input each position of an output reads, axis by axis: what a receptive field follows.

An output's axis may run along one axis of an input (an element-wise op), along a part of one (a view that cuts an axis into blocks
and places within a block), along several (a view that joins them), or along none (channels that a product makes).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from math import prod
from typing import NamedTuple

from ..strides import Shape

AT_ITSELF = ((0,),)
PADDING = "padding"  # as if the input went on
NOTHING_THERE = "nothing"
OTHER_END = "other end"


class Along(NamedTuple):
    """An output's axis, or a part of it of ``size`` positions, runs along an axis of the input.

    Its position i reads the input at ``step`` x (i // turn) + each of ``seen[i % turn]``, where turn is ``len(seen)``: a
    convolution of stride 2 steps by 2 and sees its taps; resampling by 2 steps by 1 every 2 positions. Where several parts run
    along one axis of the input, what they read adds up. Axis -1: this part runs along none.
    """

    axis: int
    size: int
    step: int = 1
    seen: tuple[tuple[int, ...], ...] = AT_ITSELF
    beyond: str = PADDING  # what positions beyond the input see


class Overlap(NamedTuple):
    """An output's axis of ``size`` positions to which windows are added: at ``stride`` x window + ``dilation`` x tap - ``padding``."""

    windows: Along
    taps: Along
    size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


Reads = tuple[tuple[Along | Overlap, ...], ...]  # for each axis of the output, its parts from outer to inner


@lru_cache(maxsize=4096)
def straight(before: Shape, after: Shape, mixed: tuple[int, ...] = (), offset: int = 0) -> Reads:
    """Each axis runs along the one that is ``offset`` places before it, where both are as long, but for the ``mixed`` ones.

    Those, counted in the input, are read whole by every position.
    """
    return tuple([
        (Along(axis - offset, size),) if 0 <= axis - offset < len(before) and before[axis - offset] == size and axis - offset not in mixed
        else ()
        for axis, size in enumerate(after)
    ])  # fmt: skip


def broadcast_reads(before: Shape, after: Shape, mixed: tuple[int, ...] = ()) -> Reads:
    """Each axis runs along its own, counted from the last, as in element-wise ops; but for the ``mixed`` ones of the input."""
    return straight(before, after, mixed, len(after) - len(before))


@lru_cache(maxsize=4096)
def picked(before: Shape, axes: tuple[int, ...]) -> Reads:
    """Each axis of the output runs along the axis of the input that it names; -1 names none."""
    return tuple([() if axis < 0 else (Along(axis, before[axis]),) for axis in axes])


def without(before: Shape, gone: Collection[int]) -> Reads:
    """All axes but those that are ``gone`` from the output."""
    return picked(before, tuple([axis for axis in range(len(before)) if axis not in gone]))


@lru_cache(maxsize=4096)
def regrouped(before: Shape, after: Shape) -> Reads:
    """The same elements in another shape: axes cut into parts, and joined from them.

    Axes that are cut across their parts, as (6, 4) seen as (4, 6), are read whole.
    """
    if 0 in before:
        return ((),) * len(after)
    parts: list[list[Along]] = [[] for _ in after]
    source, target = len(before) - 1, len(after) - 1
    rest, wanted, inner = (before[source] if before else 1), (after[target] if after else 1), 1
    while source >= 0 and target >= 0:
        if rest % wanted == 0 or wanted % rest == 0:
            size = min(rest, wanted)
            if size > 1 or rest == wanted:
                parts[target].append(Along(source, size, inner))
            inner, rest, wanted = inner * size, rest // size, wanted // size
        else:
            lost = {source}
            while rest != wanted and source >= 0 and target >= 0:
                if rest < wanted:
                    source -= 1
                    rest *= before[source] if source >= 0 else 1
                    lost.add(source)
                else:
                    target -= 1
                    wanted *= after[target] if target >= 0 else 1
            parts = [[part for part in each if part.axis not in lost] for each in parts]
            rest = wanted = 1
        if wanted == 1:
            target -= 1
            wanted = after[target] if target >= 0 else 1
        if rest == 1:
            source, inner = source - 1, 1
            rest = before[source] if source >= 0 else 1
    found = []
    for size, each in zip(after, parts, strict=True):
        known = prod([part.size for part in each])
        outer = [Along(-1, size // known)] if each and known != size else []
        found.append((*outer, *reversed(each)))
    return tuple(found)


def nowhere(after: Shape) -> Reads:
    """No axis runs along one of the input: each position sees all of it."""
    return ((),) * len(after)


def cut(axis: int, sizes: Shape) -> tuple[Along, ...]:
    """An axis of the input in parts of these sizes, from outer to inner."""
    return tuple([Along(axis, size, prod(sizes[place + 1 :])) for place, size in enumerate(sizes)])
