"""What the spaces of residual and of mobile networks share: stages that follow one another, each with choices of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .base import Built, Choice, Option, Part

SMALL_PIXELS = 64  # images up to this side keep their size in the stem
Column = "NDArray[np.int64] | int"


def halved(side: int, stride: int = 2) -> int:
    """The side of a map behind a layer of that stride which pads to keep sizes."""
    return -(-side // stride)


def stage_choices(stages: int, **options: Sequence[Option] | Sequence[Sequence[Option]]) -> tuple[Choice, ...]:
    """A choice for each stage and name: "stage1.width", ...; options are for all stages, or a row for each."""
    choices = []
    for stage in range(stages):
        for name, given in options.items():
            own: Any = given[stage] if isinstance(given[0], list | tuple) else given
            choices.append(Choice(name=f"stage{stage + 1}.{name}", options=tuple(own)))
    return tuple(choices)


def stage_parts(
    make: Callable[..., Built],
    sides: Sequence[int],
    strides: Sequence[int],
    stem: int,
    rows: Sequence[tuple[Any, Any, tuple[Any, ...]]],
) -> Iterator[Part]:
    """The blocks of all stages: of each the first one, and those that follow it.

    Args:
        make: (inputs, width, *shape, stride, side) -> the block.
        sides: of the maps that each stage reads.
        strides: of each stage.
        stem: channels that the first stage reads.
        rows: of each stage depth, width, and what else shapes its blocks.

    """
    channels: Any = stem
    for side, stride, (depth, width, shape) in zip(sides, strides, rows, strict=True):
        yield Part(make, (channels, width, *shape, stride, side), np.minimum(depth, 1))
        yield Part(make, (width, width, *shape, 1, halved(side, stride)), np.maximum(depth - 1, 0))
        channels = np.where(depth > 0, width, channels)
