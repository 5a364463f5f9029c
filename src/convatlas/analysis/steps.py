"""What the positions along one axis of a tensor see of one axis of the image, exactly, also where neighbours see differently much.

Behind upsampling the positions of a map do not all see equally many pixels, but they take turns: `Steps` tell one turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import gcd, lcm, prod
from typing import NamedTuple

from ..graph.ops import Along, Overlap
from ..graph.ops.reading import NOTHING_THERE, OTHER_END

Span = tuple[int, int] | None  # first pixel, and the one behind the last; None: sees nothing


class Steps(NamedTuple):
    """What each of ``size`` positions sees: ``spans`` of one turn, ``shift`` pixels on with every further turn.

    A ``shift`` of None: there is a span for each position, and nothing outside. Positions outside of others see the padding.
    """

    spans: tuple[Span, ...]
    shift: int | None
    size: int

    def at(self, position: int) -> Span:
        """What a position sees."""
        if self.shift is None:
            return self.spans[position] if 0 <= position < self.size else None
        turns, place = divmod(position, len(self.spans))
        span = self.spans[place]
        return None if span is None else (span[0] + turns * self.shift, span[1] + turns * self.shift)

    @property
    def stride(self) -> float:
        """Pixels from one position to the next; below 1 where positions are finer than the image, below 0 where it is flipped.

        The least that there is, where the positions do not go on from turn to turn: rows that lie one behind the other.
        """
        turn, shift = len(self.spans), self.shift
        if shift:
            return shift // turn if shift % turn == 0 else shift / turn
        firsts = [span[0] for span in self.spans if span is not None]
        return min([after - before for before, after in pairwise(firsts) if after != before], key=abs, default=0)

    @property
    def whole(self) -> Span:
        """What all positions see together."""
        turn = len(self.spans)
        ends = range(self.size) if self.size <= 2 * turn else (*range(turn), *range(self.size - turn, self.size))
        return union(map(self.at, ends))


NOWHERE: Span = (0, 0)  # what is added to a span and leaves it as it is


def union(spans: Iterable[Span]) -> Span:
    """The least span around several."""
    seen = [span for span in spans if span is not None]
    return (min([first for first, _ in seen]), max([end for _, end in seen])) if seen else None


def added(first: Span, second: Span) -> Span:
    """A span moved and widened by another."""
    return None if first is None or second is None else (first[0] + second[0], first[1] + second[1])


@lru_cache(maxsize=4096)
def simplest(steps: Steps) -> Steps:
    """The same with the shortest turn."""
    spans, shift, size = steps
    if shift is None:
        shift = _shift_of(spans)
        if shift is None:
            return steps
        return Steps(spans[:1], shift, size)
    turn = len(spans)
    for shorter in range(1, turn // 2 + 1):
        if turn % shorter or shift * shorter % turn:
            continue
        tried = Steps(spans[:shorter], shift * shorter // turn, size)
        if all(tried.at(position) == span for position, span in enumerate(spans)):
            return tried
    return steps


def _shift_of(spans: tuple[Span, ...]) -> int | None:
    """The shift from each span to the next, if it is one for all."""
    first = spans[0]
    if first is None or len(spans) < 2 or spans[1] is None:
        return None
    shift = spans[1][0] - first[0]
    same = all(span == (first[0] + place * shift, first[1] + place * shift) for place, span in enumerate(spans))
    return shift if same else None


def is_constant(steps: Steps) -> bool:
    """Whether all positions see the same."""
    return len(steps.spans) == 1 and steps.shift == 0


@lru_cache(maxsize=4096)
def read_along(steps: Steps, along: Along) -> Steps:
    """What the positions of an output see that run along an axis whose positions see ``steps``."""
    if along.beyond == NOTHING_THERE:
        steps = Steps(tuple(map(steps.at, range(steps.size))), None, steps.size)
    if steps.shift is None:
        size = steps.size if along.beyond == OTHER_END else None
        read = [[place % size if size else place for place in _read(along, position)] for position in range(along.size)]
        return simplest(Steps(tuple([union(map(steps.at, places)) for places in read]), None, along.size))
    before, after = along.step, len(along.seen)
    turn = len(steps.spans)
    turns = turn // gcd(turn, before)  # so many of the op's own turns make one of the result
    spans = tuple([union(map(steps.at, _read(along, position))) for position in range(after * turns)])
    return simplest(Steps(spans, steps.shift * before * turns // turn, along.size))


def _read(along: Along, position: int) -> Sequence[int]:
    turns, place = divmod(position, len(along.seen))
    return [turns * along.step + each for each in along.seen[place]]


@lru_cache(maxsize=4096)
def joined(parts: tuple[Steps | None, ...], sizes: tuple[int, ...]) -> Steps | None:
    """The parts of an axis, from outer to inner, as one; None says nothing of where."""
    if not any(parts):
        return None
    result, count = parts[0], sizes[0]
    for inner, size in zip(parts[1:], sizes[1:], strict=True):
        count *= size
        outer = result or Steps((NOWHERE,), 0, count // size)
        inner = inner or Steps((NOWHERE,), 0, size)
        turn = len(outer.spans)
        spans = tuple([added(outer.at(place), inner.at(within)) for place in range(turn) for within in range(size)])
        result = simplest(Steps(spans, outer.shift, count))
    return result


@lru_cache(maxsize=4096)
def separated(steps: Steps, sizes: tuple[int, ...]) -> tuple[Steps, ...] | None:
    """An axis as parts of these sizes, from outer to inner, whose spans add up to its own; None where there are no such parts."""
    size = prod(sizes[1:])
    if len(sizes) == 1:
        return (steps,)
    start = steps.at(0)
    if start is None:
        return None
    starts = [steps.at(place * size) for place in range(sizes[0])]
    moves = tuple([None if span is None else (span[0] - start[0], span[1] - start[1]) for span in starts])
    outer = simplest(Steps(moves, None, sizes[0])) if sizes[0] > 1 else Steps((NOWHERE,), 0, 1)
    inner = simplest(Steps(tuple(map(steps.at, range(size))), None, size)) if size > 1 else Steps((start,), 0, 1)
    for position in range(prod(sizes)):
        if steps.at(position) != added(outer.at(position // size), inner.at(position % size)):
            return None
    rest = separated(inner, sizes[1:])
    return None if rest is None else (outer, *rest)


def spread(steps: Steps, parts: tuple[Along, ...]) -> tuple[Steps, ...]:
    """What parts see that all run along one axis and whose places there add up.

    Where it is no such sum, the longest part has at least what it sees, and the others say nothing.
    """
    if len(steps.spans) == 1 and steps.shift is not None and steps.spans[0] is not None:
        moves = [Steps((NOWHERE,), steps.shift, steps.size) for _ in parts[1:]]
        return tuple([read_along(each, part) for each, part in zip([steps, *moves], parts, strict=True)])
    exact = sorted(parts, key=lambda part: -part.step)
    sizes = tuple([part.size for part in exact])
    if all(part == Along(part.axis, part.size, prod(sizes[place + 1 :])) for place, part in enumerate(exact)):
        found = separated(steps, sizes) if prod(sizes) == steps.size else None
        if found is not None:
            return tuple([found[exact.index(part)] for part in parts])
    longest = max(parts, key=lambda part: part.size)
    others = [{place for position in range(part.size) for place in _read(part, position)} for part in parts if part is not longest]
    moves_of_others = [sum(places) for places in product(*others)]
    seen = tuple([tuple(sorted({place + move for place in places for move in moves_of_others})) for places in longest.seen])
    widened = read_along(steps, longest._replace(seen=seen))
    return tuple([widened if part is longest else Steps((NOWHERE,), 0, part.size) for part in parts])


def overlapped(windows: Steps | None, taps: Steps | None, overlap: Overlap) -> Steps | None:
    """What the positions of an axis see to which windows are added."""
    if windows is None and taps is None:
        return None
    windows = windows or Steps((NOWHERE,), 0, overlap.windows.size)
    taps = taps or Steps((NOWHERE,), 0, overlap.taps.size)
    periodic = windows.shift is not None and taps.shift is not None
    count = overlap.stride * len(windows.spans) if periodic else overlap.size
    seen: list[list[Span]] = []
    for position in range(count):
        places = [divmod(position + overlap.padding - overlap.dilation * tap, overlap.stride) for tap in range(taps.size)]
        seen.append([added(windows.at(window), taps.at(tap)) for tap, (window, between) in enumerate(places) if not between])
    return simplest(Steps(tuple(map(union, seen)), windows.shift if periodic else None, overlap.size))


def together(parts: Sequence[Steps]) -> Steps:
    """The union of what branches see, position by position."""
    first = parts[0]
    if all(part == first for part in parts):
        return first
    turn = lcm(*[len(part.spans) for part in parts])
    shifts = {None if part.shift is None else part.shift * turn // len(part.spans) for part in parts}
    shift = shifts.pop() if len(shifts) == 1 else None
    if shift is None:  # such as branches that were resized by rounded factors: look at each position
        turn = first.size
    return simplest(Steps(tuple([union([part.at(place) for part in parts]) for place in range(turn)]), shift, first.size))
