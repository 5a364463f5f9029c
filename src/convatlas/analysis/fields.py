"""What the positions of a whole tensor see of the image: through views that cut and join axes, products that mix them, branches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
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


def image(shape: tuple[int, ...], spatial: Sequence[int], channels: int | None) -> State:
    """The image itself, with its ``spatial`` axes: each pixel sees itself."""
    fields = []
    for axis in spatial:
        own = Steps((NOWHERE,), 1, shape[axis])
        fields.append(Field((0, 1), tuple([(own if place == axis else None,) for place in range(len(shape))])))
    return State(tuple([(size,) for size in shape]), tuple(fields), False, channels)


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
    return _simplified(State(parts, fields, state.sees_all or all_gone(state.fields, fields), _channels(state, reads)))


def _simplified(state: State) -> State:
    """Neighbouring parts of an axis as one, where the inner one tells nothing of another axis of the image than the outer one."""
    if all(len(sizes) == 1 for sizes in state.parts):
        return state
    groups = []
    for axis, sizes in enumerate(state.parts):
        moving = [{number for number, field in enumerate(state.fields) if field.steps[axis][place]} for place in range(len(sizes))]
        starts = [0]
        for place in range(1, len(sizes)):
            if len(moving[starts[-1]]) > 1 or not moving[place] <= moving[starts[-1]]:
                starts.append(place)
        groups.append([slice(start, end) for start, end in pairwise([*starts, len(sizes)])])
    parts = tuple([tuple([prod(sizes[each]) for each in group]) for sizes, group in zip(state.parts, groups, strict=True)])
    if parts == state.parts:
        return state
    fields = []
    for field in state.fields:
        axes = zip(field.steps, state.parts, groups, strict=True)
        fields.append(Field(field.base, tuple([tuple([joined(s[each], n[each]) for each in group]) for s, n, group in axes])))
    return State(parts, tuple(fields), state.sees_all, state.channels)


def _channels(state: State, reads: Reads) -> int | None:
    """The axis that begins with the whole of the channels, or stands in their place and runs along nothing else."""
    own = state.channels
    if own is None:
        return None
    whole = Along(own, prod(state.parts[own]))
    for axis, parts in enumerate(reads):
        if parts and parts[0] == whole:
            return axis
    stays = own < len(reads) and all(isinstance(part, Along) and part.axis in (own, -1) for part in reads[own])
    return own if stays else None


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
        if not read:  # each position may see all of it
            base = added(base, steps.whole)
            continue
        seen = (read_along(steps, read[0]),) if len(read) == 1 else spread(steps, tuple(read))
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


def all_gone(before: Sequence[Field], after: Sequence[Field]) -> bool:
    """Whether positions told something, and none does any longer."""
    shrunk = any(new.positions <= 1 < old.positions for old, new in zip(before, after, strict=True))
    return shrunk and all(field.positions <= 1 for field in after)
