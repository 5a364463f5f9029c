"""Building other people's networks without allocating their weights, where their code allows it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_with_weights = ContextVar("_with_weights", default=False)


@contextmanager
def weights_allocated() -> Iterator[None]:
    """Within, `built` makes networks with the weights that their code gives them, as training wants them."""
    token = _with_weights.set(True)
    try:
        yield
    finally:
        _with_weights.reset(token)


def built(make: Callable[[], Any]) -> Any:
    """What ``make`` makes on the meta device; code that needs numbers while it builds gets real memory.

    Warnings are silenced: what a library says about its own initialisation concerns nobody who counts.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _with_weights.get():
            return make()
        try:
            with torch.device("meta"):
                return make()
        except Exception:
            return make()
