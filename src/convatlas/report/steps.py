"""The training steps that a page sets side by side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..errors import ConvatlasError
from ..graph import Graph

BATCHES = (1, 8, 32, 128)


def step_graphs(graph_at: Callable[[int], Graph], batch: int) -> list[Graph]:
    """The graphs of a training step at `BATCHES` and the batch that was asked for.

    Batches at which it cannot be trained (one image may be too few for a batch norm) are left out; a file knows one batch.
    """
    steps = []
    for images in sorted({*BATCHES, batch}):
        with suppress(ConvatlasError):
            steps.append(graph_at(images))
    return steps
