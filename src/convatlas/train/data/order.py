"""Which image comes when, and the random numbers of each: functions of (seed, epoch, index) alone.

Nothing here depends on the number of workers or processes, nor on what was drawn before; so the position in the data is one
number, how many images of the epoch were seen.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are for: each purpose has a stream of its own."""

    ORDER = 0
    AUGMENTATION = 1
    MIXUP = 2
    CUTMIX = 3
    REPLACEMENT = 4


def stream(purpose: Purpose, seed: int, epoch: int, *more: int) -> np.random.Generator:
    """A generator that starts anew for each key."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([purpose, seed, epoch, *more])))


def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The images of an epoch in their order: int64 (count,), each once."""
    return stream(Purpose.ORDER, seed, epoch).permutation(count)


def replacement(index: int, attempt: int, count: int, seed: int, epoch: int) -> int:
    """Which image is trained on where image ``index`` cannot be read."""
    return int(stream(Purpose.REPLACEMENT, seed, epoch, index, attempt).integers(count))


def part(start: int, stop: int, rank: int, world: int) -> np.ndarray:
    """The positions start..stop that process ``rank`` of ``world`` takes: every ``world``-th."""
    return np.arange(start + rank, stop, world)
