"""Random numbers of training: each step's are a function of (seed, step, process), so that no random state need be kept.

Order and augmentation have streams of their own (`data`); these are for what a network draws: dropout, stochastic depth, and
whatever a user's module takes from torch, NumPy or Python.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

INITIAL_WEIGHTS, STEPS = 0, 1  # what the numbers are for


def set_random_states(*key: int) -> None:
    """Set the states of torch (all devices), NumPy and Python from a key of whole numbers."""
    low, high = (int(word) for word in np.random.SeedSequence(key).generate_state(2))
    torch.default_generator.manual_seed(high << 32 | low)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call] # before that, torch.manual_seed would note the whole stack of calls, at each step
        torch.cuda.manual_seed_all(high << 32 | low)
    np.random.seed(low)
    random.seed(high << 32 | low)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Put the states of torch, NumPy and Python back afterwards as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
