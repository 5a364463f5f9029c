"""Which modules a training step checkpoints, from the words for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..errors import ConvatlasError
from ..graph import Graph
from .fit import auto_checkpoints
from .memory import Settings, blocks
from .memory.checkpointing import every, with_regions


def with_checkpoints(
    asked: str | Sequence[str], graph: Graph, settings: Settings, memory_bytes: int | None, option: str = "checkpoint"
) -> Settings:
    """The settings with the modules that are meant: "none", "blocks", "every:K", "auto", or module paths.

    Args:
        asked: a word, paths with commas between, or a sequence of paths.
        graph: the network, traced in training mode.
        settings: how the step is done else.
        memory_bytes: of the device, which "auto" fits the step into; None if it is not known.
        option: what an error calls it.

    Raises:
        ConvatlasError: K is no number, a path does not exist, or "auto" has no memory to fit.
        DoesNotFitError: "auto" finds no set of blocks with which the step fits.

    """
    if not isinstance(asked, str):
        names: Sequence[str] = list(asked)
    elif asked == "none":
        names = ()
    elif asked == "auto":
        if memory_bytes is None:
            way_out = "add --fit SIZE" if option.startswith("-") else "`convatlas.fit` takes one"
            raise ConvatlasError(f"`{option} auto` needs a memory to fit into; {way_out}")
        names = auto_checkpoints(graph, settings, memory_bytes)
    elif asked == "blocks" or asked.startswith("every:"):
        step = asked.partition(":")[2] or "1"
        if not re.fullmatch(r"[1-9]\d*", step):
            raise ConvatlasError(f"`{option}` (={asked}): K in every:K is a whole number of at least 1")
        names = every(blocks(graph), int(step))
        if not names:
            raise ConvatlasError(f"`{option}` (={asked}): {graph.name} has {len(blocks(graph))} blocks; name modules instead")
    else:
        names = [name.strip() for name in asked.split(",") if name.strip()]
    with_regions(graph, names)  # refuses what does not exist
    return replace(settings, checkpoint=tuple(names))
