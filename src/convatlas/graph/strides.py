"""Strides: how torch lays a result out in memory, and which of its views need a copy. Pure functions of shapes."""

from __future__ import annotations

from functools import lru_cache

Shape = tuple[int, ...]
Strides = Shape | None  # in elements; None for a contiguous tensor


@lru_cache(maxsize=4096)
def dense_strides(shape: Shape) -> Shape:
    """Strides of a contiguous tensor."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def same_layout(shape: Shape, first: Shape, second: Shape) -> bool:
    """Whether two strides of one shape mean the same places in memory: those of axes of size 1 say nothing."""
    return all(n == 1 or a == b for n, a, b in zip(shape, first, second, strict=True))


@lru_cache(maxsize=4096)
def normal(shape: Shape, strides: Shape) -> Strides:
    """The strides, or None where they are a contiguous tensor's."""
    return None if 0 in shape or same_layout(shape, strides, dense_strides(shape)) else strides


def dense_like(shape: Shape, strides: Strides) -> Strides:
    """Strides of a dense copy: packed, with the axes in the order in which the original has them."""
    return element_wise(shape, ((shape, strides),))


@lru_cache(maxsize=4096)
def is_dense(shape: Shape, strides: Strides) -> bool:
    """Whether a tensor fills its memory without gaps or repetition, in whatever order of axes."""
    return strides is None or same_layout(shape, strides, dense_like(shape, strides) or dense_strides(shape))


@lru_cache(maxsize=4096)
def element_wise(shape: Shape, operands: tuple[tuple[Shape, Strides], ...]) -> Strides:
    """Strides of what torch's TensorIterator makes of operands (their shapes and strides): packed, with the axes in their order."""
    if not any(lies for _, lies in operands):
        return None
    rank = len(shape)
    broadcast = []  # strides over the result's axes, 0 where an operand is repeated
    for own, lies in operands:
        lead = rank - len(own)
        sizes = zip(own, dense_strides(own) if lies is None else lies, shape[lead:], strict=True)
        broadcast.append((0,) * lead + tuple([0 if n == 1 and n != full else stride for n, stride, full in sizes]))
    # torch's own order: from the innermost axis outwards by insertion; the first operand that is repeated along neither decides
    order = list(range(rank))[::-1]
    for place in range(1, rank):
        moving = place
        for other in range(place - 1, -1, -1):
            compared = _compared(shape, broadcast, order[other], order[moving])
            if compared > 0:
                order[other], order[moving], moving = order[moving], order[other], other
            elif compared < 0:
                break
    result, step = [0] * rank, 1
    for axis in order:
        result[axis] = step
        step *= max(shape[axis], 1)
    return normal(shape, tuple(result))


def _compared(shape: Shape, operands: list[Shape], inner: int, outer: int) -> int:
    """1 if ``inner`` has to lie outside of ``outer``, -1 if it may not, 0 if no operand tells."""
    for strides in operands:
        first, second = strides[inner], strides[outer]
        if first and second and first != second:
            return 1 if first > second else -1
        if first and second and shape[inner] > shape[outer]:
            return 1
    return 0


def channels_last_strides(shape: Shape) -> Shape:
    """Strides of (N, C, *size) whose channels lie innermost in memory."""
    channels, size = shape[1], shape[2:]
    inner = dense_strides((*size, channels))
    per_image = channels
    for n in size:
        per_image *= n
    return (per_image, 1, *inner[:-1])


def is_channels_last(shape: Shape, strides: Strides) -> bool:
    """Whether (N, C, H, W) or (N, C, D, H, W) lies with its channels innermost, densely."""
    return strides is not None and len(shape) in (4, 5) and same_layout(shape, strides, channels_last_strides(shape))


def channels_innermost(shape: Shape, strides: Strides) -> bool:
    """Whether torch's kernels take a map for channels-last, densely packed or not (`is_channels_last_strides_2d` and `_3d`)."""
    if strides is None or len(shape) not in (4, 5) or strides[1] == 0:
        return False
    least = 0
    for axis in (1, *range(len(shape) - 1, 1, -1), 0):
        if strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * max(shape[axis], 1)
    return True


@lru_cache(maxsize=4096)
def following(shape: Shape, strides: Strides, result: Shape) -> Strides:
    """Strides of a convolution's or a pooling's result: channels innermost if the input's are, else contiguous."""
    if strides is None or len(shape) != len(result) or not channels_innermost(shape, strides):
        return None
    return normal(result, channels_last_strides(result))


@lru_cache(maxsize=4096)
def view_strides(shape: Shape, strides: Shape, new: Shape) -> Shape | None:
    """Strides of a view of another shape, or None where the layout allows no view (torch's own rule)."""
    if 0 in shape:
        return dense_strides(new)
    result: list[int] = []
    axes = [(size, stride) for size, stride in zip(shape, strides, strict=True) if size != 1]
    position = len(new) - 1
    # axes that lie one inside another in memory form a chunk; a chunk may be cut anew, chunks may not be joined
    while axes:
        chunk, base = axes.pop()
        while axes and axes[-1][1] == base * chunk:
            chunk *= axes.pop()[0]
        filled = 1
        while position >= 0 and (filled < chunk or new[position] == 1):
            result.append(base * filled)
            filled *= new[position]
            position -= 1
        if filled != chunk:
            return None
    while position >= 0:
        if new[position] != 1:
            return None
        result.append(result[-1] if result else 1)
        position -= 1
    return tuple(reversed(result))
