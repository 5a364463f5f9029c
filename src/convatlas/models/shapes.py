"""Input shapes as they are typed: 3x224x224, or 1,3,224,224 with the batch axis."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import ConvatlasError

_WITH_BATCH = 4  # a shape of as many axes or more has its batch axis


def parse_shape(text: str) -> tuple[int, ...]:
    """The numbers of a shape.

    Raises:
        ConvatlasError: anything but positive whole numbers with x or commas between.

    """
    if not re.fullmatch(r"\s*[1-9]\d*(\s*[x×,]\s*[1-9]\d*)*\s*", text):
        raise ConvatlasError(f"`--input` (={text!r}) is no shape; write 3x224x224, or 1,3,224,224 with the batch axis")
    return tuple(int(number) for number in re.findall(r"\d+", text))


def with_batch(text: str | None, batch: int | None, own_size: Sequence[int]) -> tuple[int, ...]:
    """The whole input shape: what was typed, or the network's own size, with its batch axis.

    Raises:
        ConvatlasError: it is no shape, or the batch is given twice.

    """
    shape = tuple(own_size) if text is None else parse_shape(text)
    if len(shape) < _WITH_BATCH:
        return (batch or 1, *shape)
    if batch is not None and batch != shape[0]:
        raise ConvatlasError(f"`--input` (={text}) has a batch of {shape[0]}, and `--batch` is {batch}; give one of them")
    return shape


def shown(shape: Sequence[float]) -> str:
    """As 3x224x224."""
    return "x".join(f"{number:g}" if isinstance(number, float) else str(number) for number in shape)
