"""What `memory` is asked for, from words to settings of a step."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import ConvatlasError
from ..models.shapes import parse_shape, with_batch

if TYPE_CHECKING:
    from ..analysis.memory import Settings
    from ..graph import Graph


@dataclass(frozen=True)
class Subject:
    """The network as `memory` needs it: itself, if there is more than a graph's file, and its graph for any batch.

    Attributes:
        name: what was typed.
        shape: of the input, batch axis included.
        graph_at: batch -> graph.
        module: the network; None where there is only a file.
        smaller: a lower resolution in words, and its graphs; None where there is none to suggest.

    """

    name: str
    shape: tuple[int, ...]
    graph_at: Callable[[int], Graph]
    module: Any
    smaller: tuple[str, Callable[[int], Graph]] | None


def subject_of(model: str, inputs: str | None, batch: int | None, training: bool) -> Subject:
    """Load a network.

    Raises:
        ConvatlasError: there is no such network, it does not load, or it does not read such an input.

    """
    from ..analysis.memory import TRAINING_BATCH
    from ..analysis.verdict import at_smaller_input
    from .models import graph_of, network_of

    if model.endswith(".json"):
        graph = graph_of(model, inputs, batch, training)
        shape = graph.values[graph.inputs[0]].shape

        def fixed(wanted: int) -> Graph:
            if wanted != shape[0]:
                raise ConvatlasError(
                    f"{model} holds a graph of batch {shape[0]}, which says nothing of others; name the network itself"
                )
            return graph

        return Subject(model, shape, fixed, None, None)
    loaded = network_of(model, inputs, batch)
    own = loaded.input_size if inputs is None else parse_shape(inputs)
    shape = with_batch(inputs, batch if batch or len(own) > 3 else TRAINING_BATCH, loaded.input_size)

    def graphs(size: tuple[int, ...]) -> Callable[[int], Graph]:
        @lru_cache(maxsize=32)
        def graph_at(wanted: int) -> Graph:
            from ..trace import trace

            graph = trace(loaded.module, (wanted, *size), training=training)
            graph.name = model
            return graph

        return graph_at

    size = shape[1:]
    return Subject(model, shape, graphs(size), loaded.module, at_smaller_input(size, graphs))


def with_checkpoints(asked: str, graph: Graph, settings: Settings, memory_bytes: int | None) -> Settings:
    """The settings with the modules that ``--checkpoint`` means: none, blocks, every:K, auto, or paths with commas between.

    Raises:
        ConvatlasError: K is no number, a path does not exist, or "auto" has no memory to fit.

    """
    from ..analysis.fit import auto_checkpoints
    from ..analysis.memory import blocks
    from ..analysis.memory.checkpointing import every, with_regions

    if asked == "none":
        return settings
    if asked == "auto":
        if memory_bytes is None:
            raise ConvatlasError("`--checkpoint auto` needs a memory to fit into; add --fit SIZE")
        return replace(settings, checkpoint=auto_checkpoints(graph, settings, memory_bytes))
    if asked == "blocks" or asked.startswith("every:"):
        step = asked.partition(":")[2] or "1"
        if not re.fullmatch(r"[1-9]\d*", step):
            raise ConvatlasError(f"`--checkpoint` (={asked}): K in every:K is a whole number of at least 1")
        names: Sequence[str] = every(blocks(graph), int(step))
        if not names:
            raise ConvatlasError(f"`--checkpoint` (={asked}): {graph.name} has {len(blocks(graph))} blocks; name modules instead")
    else:
        names = [name.strip() for name in asked.split(",") if name.strip()]
        with_regions(graph, names)  # refuses what does not exist
    return replace(settings, checkpoint=tuple(names))
