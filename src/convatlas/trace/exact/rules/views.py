"""Views."""

from __future__ import annotations

from ....graph.ops import Alias, Expand, Permute, Reinterpret, Slice, Split, View, Windows
from ..calls import Call
from .base import Made, Rule


def view(name: str = "view") -> Rule:
    """The same elements in another shape."""
    return lambda call: View(call.out.shape, name)


def permute(call: Call) -> Made:
    """Axes in another order."""
    return Permute(call.axes("dims"))


def transpose(call: Call) -> Made:
    """Two axes exchanged."""
    axes = list(range(call.rank))
    if axes:
        first, second = (call[name] % call.rank for name in ("dim0", "dim1"))
        axes[first], axes[second] = axes[second], axes[first]
    return Permute(tuple(axes))


def reversed_axes(call: Call) -> Made:
    """All axes in reverse."""
    return Permute(tuple(reversed(range(call.rank))))


def expand(call: Call) -> Made:
    """Axes of size 1 repeated."""
    return Expand(call.out.shape)


def _part(call: Call, axis: int, start: int, step: int, keep_axis: bool) -> Made:
    offset, steps = [0] * call.rank, [1] * call.rank
    offset[axis], steps[axis] = start, step
    axes = tuple([each for each in range(call.rank) if keep_axis or each != axis])
    return Slice(call.out.shape, tuple(offset), tuple(steps), axes)


def select(call: Call) -> Made:
    """One position along an axis."""
    axis = call.axis()
    return _part(call, axis, call["index"] % call.x.shape[axis], 1, keep_axis=False)


def slice_(call: Call) -> Made:
    """Positions along an axis."""
    axis = call.axis()
    start, _, _ = slice(call["start"], call["end"], call["step"]).indices(call.x.shape[axis])
    return _part(call, axis, start, call["step"], keep_axis=True)


def split(call: Call) -> Made:
    """Parts along an axis, wherever it is cut."""
    axis = call.axis()
    return Split(tuple([part.shape[axis] for part in call.outputs]), axis)


def unbind(call: Call) -> Made:
    """Each position along an axis."""
    axis = call.axis()
    return Split((1,) * len(call.outputs), axis, False)


def windows(call: Call) -> Made:
    """Windows along an axis, their places in a new one."""
    return Windows(call.axis("dimension"), call["size"], call["step"])


def other_view(call: Call) -> Made:
    """Some elements, in an order that no other op tells."""
    return Slice(call.out.shape, (0,) * call.rank, (1,) * call.rank)


def strided(call: Call) -> Made:
    """A view by strides: of axes of size 1, as pooling gives its result, or of whatever it may be."""
    return View(call.out.shape, "view") if call["size"] == list(call.x.shape) else other_view(call)


def reinterpret(call: Call) -> Made:
    """The same bytes as another dtype."""
    return Reinterpret(call.function, call.out.shape, call.out.dtype)


def detached(call: Call) -> Made:
    """The same tensor, through which no gradient flows."""
    return Alias()
