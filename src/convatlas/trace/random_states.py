"""The states of the random generators, kept as they were found."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def random_states_kept(kinds: Iterable[type]) -> Iterator[None]:
    """While inside, a network with modules of these kinds may draw from random generators, or seed them; afterwards they go on from where they were.

    numpy's generator is looked after where their code names numpy: to ask for its
    state takes a tenth of a trace. While other threads run, only a generator that the network's code names is put back, since
    what has changed may be another thread's doing, which is not to draw the same numbers twice.
    """
    homes = [vars(sys.modules[name]) for name in {kind.__module__ for kind in kinds} if name in sys.modules]
    alone = threading.active_count() == 1
    python, torchs = random.getstate(), torch.default_generator.get_state()
    numpy_random = sys.modules.get("numpy.random") if any("np" in home or "numpy" in home for home in homes) else None
    numpys = numpy_random.get_state(legacy=False) if numpy_random else None
    try:
        yield
    finally:
        alone = alone and threading.active_count() == 1
        if alone or any("random" in home for home in homes):
            random.setstate(python)
        if alone:
            torch.default_generator.set_state(torchs)
        if numpy_random:
            numpy_random.set_state(numpys)
