"""What the positions along one axis of a map see of the image, exactly, also where neighbours see differently much.

Behind upsampling the positions of a map do not all see equally many pixels, but they take turns: a `Field` tells one turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm
from typing import NamedTuple

from ..graph.ops import Op, Passage, Specs

Span = tuple[int, int] | None  # first pixel, and the one behind the last; None: sees nothing


class Field(NamedTuple):
    """What each position along one axis of a map sees: ``spans`` of one turn, ``shift`` pixels on with every further turn.

    ``axis`` is where the positions lie in the tensor's shape; None once each of them sees the whole axis.
    """

    spans: tuple[Span, ...]
    shift: int
    positions: int
    axis: int | None

    @property
    def size(self) -> int:
        """Pixels that a position sees; the most, where they differ."""
        return max([span[1] - span[0] for span in self.spans if span is not None], default=0)

    @property
    def stride(self) -> float:
        """Pixels from one position to the next; below 1 where the map is finer than the image."""
        turn = len(self.spans)
        return self.shift // turn if self.shift % turn == 0 else self.shift / turn

    @property
    def offset(self) -> int:
        """First pixel that the first position sees."""
        return next((span[0] for span in self.spans if span is not None), 0)


def whole_image(positions: int, axis: int) -> Field:
    """The image itself: each pixel sees itself."""
    return Field(((0, 1),), 1, positions, axis)


def _at(field: Field, position: int) -> Span:
    turns, place = divmod(position, len(field.spans))
    span = field.spans[place]
    return None if span is None else (span[0] + turns * field.shift, span[1] + turns * field.shift)


def _union(spans: Sequence[Span]) -> Span:
    seen = [span for span in spans if span is not None]
    return (min(first for first, _ in seen), max(end for _, end in seen)) if seen else None


def seen_through(field: Field, op: Op, place: int, inputs: Specs, outputs: Specs) -> Field:
    """The field behind an op with a window; ``place`` is the axis among the spatial ones."""
    assert field.axis is not None
    before, after = op.rate(place, inputs, outputs)
    turns = len(field.spans) // gcd(len(field.spans), before)  # so many of the op's own turns make one of the result
    spans = [_union([_at(field, each) for each in op.sees(place, position, inputs, outputs)]) for position in range(after * turns)]
    axis = field.axis - len(inputs[0].shape) + len(outputs[0].shape)
    return Field(tuple(spans), field.shift * before * turns // len(field.spans), outputs[0].shape[axis], axis)


def passed_on(field: Field, passage: Passage | None, shape: tuple[int, ...]) -> Field:
    """The field behind an op that takes positions along, or mixes all of them (no passage)."""
    turn = len(field.spans)
    if passage is None:
        everything = _union([_at(field, position) for position in range(max(field.positions, 1))])
        return Field((everything,), max(field.shift * field.positions // turn, 1), 1, None)
    turns = turn // gcd(turn, passage.step)
    spans = [_at(field, passage.offset + passage.step * position) for position in range(turns)]
    return Field(tuple(spans), field.shift * passage.step * turns // turn, shape[passage.axis], passage.axis)


def merged(fields: Sequence[Field]) -> Field:
    """The union of what branches see, position by position."""
    first = fields[0]
    if all(field == first for field in fields):
        return first
    turn = lcm(*(len(field.spans) for field in fields))
    if len({field.shift * turn // len(field.spans) for field in fields}) > 1:
        turn = first.positions  # branches that were resized by rounded factors drift apart: look at each position
    spans = [_union([_at(field, position) for field in fields]) for position in range(turn)]
    return Field(tuple(spans), first.shift * turn // len(first.spans), first.positions, first.axis)
