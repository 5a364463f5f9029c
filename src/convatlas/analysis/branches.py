"""Where branches meet: what the positions of a tensor see that is made of several."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .fields import Field, State, all_gone
from .steps import NOWHERE, Span, Steps, added, joined, together, union


def merged(states: Sequence[State]) -> State:
    """The union over branches of one shape; a branch that has lost an axis gates the others without widening them along it."""
    first = states[0]
    if all(state is first or state == first for state in states):
        return first
    states = _like_the_moving(states)
    differing = [len(set(several)) > 1 for several in zip(*(state.parts for state in states), strict=True)]
    aligned = [_whole_axes(state, differing) for state in states]
    fields = [_union(branches) for branches in zip(*(state.fields for state in aligned), strict=True)]
    if None in fields:  # what differs along two parts of an axis may differ along the axis alone
        aligned = [_whole_axes(state, [True] * len(differing)) for state in states]
        fields = [_union(branches) or _mixed(branches) for branches in zip(*(state.fields for state in aligned), strict=True)]
    found = tuple([field for field in fields if field is not None])
    sees_all = any(state.sees_all for state in states) or any(all_gone(state.fields, found) for state in aligned)
    return State(aligned[0].parts, found, sees_all, first.channels)


def _like_the_moving(states: Sequence[State]) -> Sequence[State]:
    """The states with axes along which nothing moves in the parts that they have where something does."""
    parts = list(states[0].parts)
    for state in states:
        for axis, sizes in enumerate(state.parts):
            if any(any(field.steps[axis]) for field in state.fields):
                parts[axis] = sizes

    def adapted(state: State) -> State:
        moves = [any(any(field.steps[axis]) for field in state.fields) for axis in range(len(parts))]
        own = tuple([sizes if moving else new for sizes, new, moving in zip(state.parts, parts, moves, strict=True)])
        fields = []
        for field in state.fields:
            steps = zip(field.steps, own, moves, strict=True)
            fields.append(field._replace(steps=tuple([each if moving else (None,) * len(sizes) for each, sizes, moving in steps])))
        return state._replace(parts=own, fields=tuple(fields))

    return [state if state.parts == tuple(parts) else adapted(state) for state in states]


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
