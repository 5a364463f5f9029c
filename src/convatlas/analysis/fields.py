"""What the positions of a whole tensor see of the image: through views that cut and join axes, products that mix them, branches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from ..graph.ops import Along, Overlap, Reads, straight
from .steps import (
    NOWHERE,
    Span,
    Steps,
    added,
    is_constant,
    joined,
    overlapped,
    read_along,
    spread,
    together,
    union,
)

Parts = tuple[tuple[int, ...], ...]  # for each axis of a tensor the sizes of its parts, from outer to inner


class Field(NamedTuple):
    """What each position sees along one axis of the image: ``base``, and what its place along each part of each axis adds.

    ``steps`` are None for a part along which all positions see the same.
    """

    base: Span
    steps: tuple[tuple[Steps | None, ...], ...]

    @property
    def moving(self) -> list[Steps]:
        """The steps of those parts that tell where."""
        return [steps for axis in self.steps for steps in axis if steps is not None]

    @property
    def positions(self) -> int:
        """How many positions see differently."""
        return prod([steps.size for steps in self.moving])

    @property
    def size(self) -> int:
        """Pixels that a position sees; the most, where they differ."""
        if self.base is None:
            return 0
        widths = [max([span[1] - span[0] for span in steps.spans if span is not None], default=None) for steps in self.moving]
        return 0 if None in widths else self.base[1] - self.base[0] + sum([width for width in widths if width is not None])

    @property
    def stride(self) -> float:
        """Pixels from one position to the next, along the part that moves least; all that is seen where none moves."""
        strides = [stride for steps in self.moving if (stride := steps.stride)]
        return min(strides, key=abs) if strides else max(self.size, 1)

    @property
    def offset(self) -> int:
        """First pixel that the first position sees."""
        starts = [self.base, *(next((span for span in steps.spans if span is not None), None) for steps in self.moving)]
        return sum([start[0] for start in starts if start is not None])

    @property
    def whole(self) -> Span:
        """What all positions see together."""
        result = self.base
        for steps in self.moving:
            result = added(result, steps.whole)
        return result


class State(NamedTuple):
    """What a tensor's positions see: one field for each axis of the image; ``sees_all``: the whole image has an influence.

    ``channels`` is the axis that does not count as one of positions, where it is known.
    """

    parts: Parts
    fields: tuple[Field, ...]
    sees_all: bool
    channels: int | None


def image(shape: tuple[int, ...], first: int) -> State:
    """The image itself, whose axes from ``first`` on are spatial: each pixel sees itself."""
    fields = []
    for axis in range(first, len(shape)):
        own = Steps((NOWHERE,), 1, shape[axis])
        fields.append(Field((0, 1), tuple([(own if place == axis else None,) for place in range(len(shape))])))
    return State(tuple([(size,) for size in shape]), tuple(fields), False, first - 1)


@lru_cache(maxsize=4096)
def through(state: State, reads: Reads, shape: tuple[int, ...]) -> State:
    """What the positions of an output of this shape see that reads a tensor so."""
    if len(shape) == len(state.parts) and reads == straight(shape, shape):
        return state
    reading: list[list[Along]] = [[] for _ in state.parts]
    for axis in reads:
        for part in axis:
            for along in (part.windows, part.taps) if isinstance(part, Overlap) else (part,):
                if along.axis >= 0:
                    reading[along.axis].append(along)
    # an axis along which one part of the output runs as it is stays in parts
    untouched = [
        len(found) == 1 and found[0] == Along(axis, prod(sizes))
        for axis, (sizes, found) in enumerate(zip(state.parts, reading, strict=True))
    ]
    fields = tuple([_read(field, state.parts, reading, untouched, reads) for field in state.fields])
    parts = tuple([
        tuple([size for part in axis for size in _sizes(part, state.parts, untouched)]) if axis else (length,)
        for axis, length in zip(reads, shape, strict=True)
    ])  # fmt: skip
    return State(parts, fields, state.sees_all or _all_gone(state.fields, fields), _channels(state, reads))


def _channels(state: State, reads: Reads) -> int | None:
    """The axis that runs along the channels, or stands in their place."""
    if state.channels is None:
        return None
    along = [axis for axis, parts in enumerate(reads) for part in parts if isinstance(part, Along) and part.axis == state.channels]
    return along[0] if along else state.channels if len(reads) == len(state.parts) else None


def in_all_channels(state: State) -> State:
    """What a position sees in all of its channels together."""
    if state.channels is None or not any(any(field.steps[state.channels]) for field in state.fields):
        return state
    shape = tuple(map(prod, state.parts))
    return through(state, straight(shape, shape, (state.channels,)), shape)


def _sizes(part: Along | Overlap, parts: Parts, untouched: Sequence[bool]) -> tuple[int, ...]:
    if isinstance(part, Along) and part.axis >= 0 and untouched[part.axis]:
        return parts[part.axis]
    return (part.size,)


def _read(field: Field, parts: Parts, reading: Sequence[Sequence[Along]], untouched: Sequence[bool], reads: Reads) -> Field:
    base = field.base
    found: dict[Along, tuple[Steps | None, ...]] = {}
    for own, sizes, read, whole in zip(field.steps, parts, reading, untouched, strict=True):
        if whole:
            found[read[0]] = own
            continue
        steps = joined(own, sizes)
        if steps is None:
            continue
        seen = (read_along(steps, read[0]),) if len(read) == 1 else spread(steps, tuple(read)) if read else None
        if seen is None:  # in a way that is no sum of parts: each position may see all of it
            base = added(base, steps.whole)
            continue
        for part, each in zip(read, seen, strict=True):
            if is_constant(each):  # the same for all positions
                base = added(base, each.spans[0])
            else:
                found[part] = (each,)

    def steps_of(part: Along | Overlap) -> tuple[Steps | None, ...]:
        if isinstance(part, Overlap):
            windows, taps = (found.get(each, (None,))[0] for each in (part.windows, part.taps))
            return (overlapped(windows, taps, part),)
        return found.get(part, (None,))

    return Field(base, tuple([tuple([each for part in axis for each in steps_of(part)]) if axis else (None,) for axis in reads]))


def merged(states: Sequence[State]) -> State:
    """The union over branches of one shape; a branch that has lost an axis gates the others without widening them along it."""
    first = states[0]
    if all(state is first or state == first for state in states):
        return first
    differing = [len(set(several)) > 1 for several in zip(*(state.parts for state in states), strict=True)]
    aligned = [_whole_axes(state, differing) for state in states]
    fields = [_union(branches) for branches in zip(*(state.fields for state in aligned), strict=True)]
    if None in fields:  # what differs along two parts of an axis may differ along the axis alone
        aligned = [_whole_axes(state, [True] * len(differing)) for state in states]
        fields = [_union(branches) or _mixed(branches) for branches in zip(*(state.fields for state in aligned), strict=True)]
    found = tuple([field for field in fields if field is not None])
    sees_all = any(state.sees_all for state in states) or any(_all_gone(state.fields, found) for state in aligned)
    return State(aligned[0].parts, found, sees_all, first.channels)


def _all_gone(before: Sequence[Field], after: Sequence[Field]) -> bool:
    """Whether positions told something, and none does any longer."""
    shrunk = any(new.positions <= 1 < old.positions for old, new in zip(before, after, strict=True))
    return shrunk and all(field.positions <= 1 for field in after)


def _whole_axes(state: State, chosen: Sequence[bool]) -> State:
    """The chosen axes in one part each."""
    if not any(chosen):
        return state
    parts = tuple([(prod(sizes),) if own else sizes for sizes, own in zip(state.parts, chosen, strict=True)])
    fields = []
    for field in state.fields:
        axes = zip(field.steps, state.parts, chosen, strict=True)
        fields.append(Field(field.base, tuple([(joined(steps, sizes),) if own else steps for steps, sizes, own in axes])))
    return State(parts, tuple(fields), state.sees_all, state.channels)


def _union(branches: Sequence[Field]) -> Field | None:
    """What branches see together; None where they differ along two parts, as a map and itself turned round."""
    live, rows, unlike = _compared(branches)
    if not unlike:
        return live[0]._replace(base=union([field.base for field in live]))
    if len(unlike) > 1:
        return None
    (place,) = unlike
    size = next(steps.size for row in rows if (steps := row[place]) is not None)
    found = together([_based(row[place] or Steps((NOWHERE,), 0, size), field.base) for row, field in zip(rows, live, strict=True)])
    row = iter([*rows[0][:place], found, *rows[0][place + 1 :]])
    return Field(NOWHERE, tuple([tuple([next(row) for _ in axis]) for axis in live[0].steps]))


def _mixed(branches: Sequence[Field]) -> Field:
    """At least what branches see together: of parts along which they differ, each position may see all."""
    live, rows, unlike = _compared(branches)
    spans = []
    for field, row in zip(live, rows, strict=True):
        span = field.base
        for steps in [row[place] for place in unlike]:
            span = added(span, steps.whole) if steps else span
        spans.append(span)
    rest = iter([None if place in unlike else steps for place, steps in enumerate(rows[0])])
    return Field(union(spans), tuple([tuple([next(rest) for _ in axis]) for axis in live[0].steps]))


def _compared(branches: Sequence[Field]) -> tuple[Sequence[Field], list[list[Steps | None]], list[int]]:
    """The branches that have not lost the axis, their steps in a row each, and the places where these differ."""
    live = [field for field in branches if field.moving] or branches
    rows = [[steps for axis in field.steps for steps in axis] for field in live]
    return live, rows, [place for place, several in enumerate(zip(*rows, strict=True)) if len(set(several)) > 1]


def _based(steps: Steps, base: Span) -> Steps:
    """The steps with a field's base in their spans."""
    return steps._replace(spans=tuple([added(span, base) for span in steps.spans]))
