"""Does it fit? The answer with its figures, and what a change of settings would make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ..errors import ConvatlasError
from ..graph import Graph
from ..sizes import gibi
from .fit import LARGEST_BATCH, DoesNotFitError, Fit, max_batch
from .memory import Settings, TrainingMemory, blocks, training_memory

Graphs = Callable[[int], Graph]
AS_ASKED = "as asked"
_GRAPHS_KEPT = 32
_LEAST_SIDE = 32  # pixels; a smaller resolution is not suggested
_SIDE_STEP = 32  # pixels, of which usual resolutions are multiples


@dataclass(frozen=True, slots=True)
class Change:
    """A change of settings, and what it would make of the answer.

    Attributes:
        words: as the command line is told it, "--precision amp".
        needed_bytes: what the batch that was asked about needs with it.
        fits: whether that batch fits with it.
        largest_batch: that fits with it; 0 if none does, None where the network is known at one batch only.

    """

    words: str
    needed_bytes: int
    fits: bool
    largest_batch: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a training step fits into a memory; as a text it is the answer in a sentence.

    Attributes:
        memory: the simulated step at the batch that was asked about.
        memory_bytes: of the device.
        largest: the largest batch that fits with its step; None if none does, or where it is not known.
        largest_batch: its images; 0 if no batch fits, None where the network is known at one batch only.
        why_none: if no batch fits, what the smallest needs and what takes the most of it; else "".
        changes: what would need less, the one that allows the largest batch first.

    """

    memory: TrainingMemory
    memory_bytes: int
    largest: Fit | None
    largest_batch: int | None
    why_none: str
    changes: tuple[Change, ...]

    @property
    def batch(self) -> int:
        """Images that were asked about."""
        return self.memory.batch

    @property
    def needed_bytes(self) -> int:
        """What that batch needs: its tensors at the peak, and what the process takes beside them."""
        return self.memory.needed_bytes

    @property
    def spare_bytes(self) -> int:
        """What is left; negative by what is missing."""
        return self.memory_bytes - self.needed_bytes

    @property
    def fits(self) -> bool:
        """Whether it fits; an op that no rule knows would add to what is needed (see `TrainingMemory.at_least`)."""
        return self.spare_bytes >= 0

    def __str__(self) -> str:
        sure = "May fit" if self.memory.at_least else "Fits"
        at_least = "at least " if self.memory.at_least else ""
        left = f"{gibi(self.spare_bytes)} to spare" if self.fits else f"{gibi(-self.spare_bytes)} too much"
        given = gibi(self.memory_bytes).replace(".00 ", " ").replace(".0 ", " ")
        return f"{sure if self.fits else 'Does not fit'} {given}: {at_least}{gibi(self.needed_bytes)} needed, {left}."

    def largest_in_words(self) -> str:
        """The largest batch in a sentence."""
        if self.largest:
            unsure = self.memory.at_least
            fits, at_most, at_least = ("may fit", "at most ", "at least ") if unsure else ("fits", "", "")
            further = " (no larger one was tried)" if self.largest.batch == LARGEST_BATCH else ""
            needed = gibi(self.largest.memory.needed_bytes)
            return f"Largest batch that {fits}: {at_most}{self.largest.batch:,}{further}, with {at_least}{needed} needed."
        if self.largest_batch is None:
            return "A graph's file holds one batch, so the largest is not known; name the network itself."
        return f"No batch fits: {self.why_none}."

    def rows(self) -> list[dict[str, Any]]:
        """The answer as asked, then with each change, as plain data; bytes are those of the batch that was asked about."""
        asked = (AS_ASKED, self.fits, self.needed_bytes, self.largest_batch)
        changed = [(change.words, change.fits, change.needed_bytes, change.largest_batch) for change in self.changes]
        return [
            {
                "change": words,
                "batch": self.batch,
                "device": self.memory.settings.device,
                "fits": fits,
                "at_least": self.memory.at_least,
                "needed_bytes": needed,
                "memory_bytes": self.memory_bytes,
                "spare_bytes": self.memory_bytes - needed,
                "largest_batch": largest,
            }
            for words, fits, needed, largest in (asked, *changed)
        ]


def in_a_word(row: Mapping[str, Any]) -> str:
    """Whether it fits, of one of `Verdict.rows`: an op that no rule knows makes a yes a perhaps."""
    return ("perhaps" if row["at_least"] else "yes") if row["fits"] else "no"


def verdict(
    graph_at: Graphs, batch: int, memory_bytes: int, settings: Settings, smaller: tuple[str, Graphs] | None = None
) -> Verdict:
    """Whether a training step fits, the largest batch that does, and what to change.

    Args:
        graph_at: batch -> the network traced in training mode with that batch.
        batch: images that are asked about.
        memory_bytes: of the device.
        settings: how the step is done.
        smaller: what to say of it, and the same network at a lower resolution.

    Raises:
        ConvatlasError: the network cannot be trained with that batch or those settings.

    """
    graph_at = lru_cache(maxsize=_GRAPHS_KEPT)(graph_at)
    memory = training_memory(graph_at(batch), settings)
    largest, why_none = None, ""
    try:
        largest = max_batch(graph_at, memory_bytes, settings)
    except DoesNotFitError as error:
        why_none = str(error)
    largest_batch = largest.batch if largest else 0
    changes = []
    for words, changed, graphs in _changes(graph_at, batch, settings, smaller):
        try:
            change = _change(words, graphs, batch, memory_bytes, changed)
        except ConvatlasError:  # at another resolution it may have no graph
            continue
        if change.needed_bytes < memory.needed_bytes or (change.largest_batch or 0) > largest_batch:
            changes.append(change)
    changes.sort(key=lambda change: (change.largest_batch or 0, -change.needed_bytes), reverse=True)
    return Verdict(memory, memory_bytes, largest, largest_batch, why_none, tuple(changes))


def verdict_at_one_batch(graph: Graph, memory_bytes: int, settings: Settings) -> Verdict:
    """The same for a graph in training mode of which there is no other batch."""
    memory = training_memory(graph, settings)
    changes = []
    for words, changed, _ in _changes(lambda _: graph, memory.batch, settings, None):
        needed = training_memory(graph, changed).needed_bytes
        if needed < memory.needed_bytes:
            changes.append(Change(words, needed, needed <= memory_bytes, None))
    changes.sort(key=lambda change: change.needed_bytes)
    return Verdict(memory, memory_bytes, None, None, "", tuple(changes))


def at_smaller_input(size: tuple[int, ...], graphs: Callable[[tuple[int, ...]], Graphs]) -> tuple[str, Graphs] | None:
    """Three quarters of a resolution, as `verdict` takes it; None where that would be too small, or no image.

    Args:
        size: of one image, (C, H, W).
        graphs: size -> batch -> the network traced in training mode.

    """
    less = (*size[:-2], *(round(side * 0.75 / _SIDE_STEP) * _SIDE_STEP for side in size[-2:]))
    if len(size) != 3 or min(less[-2:]) < _LEAST_SIDE or less == size:
        return None
    return f"--input {'x'.join(map(str, less))}", graphs(less)


def _change(words: str, graph_at: Graphs, batch: int, memory_bytes: int, settings: Settings) -> Change:
    needed = training_memory(graph_at(batch), settings).needed_bytes
    try:
        largest = max_batch(graph_at, memory_bytes, settings).batch
    except DoesNotFitError:
        largest = 0
    return Change(words, needed, needed <= memory_bytes, largest)


def _changes(
    graph_at: Graphs, batch: int, settings: Settings, smaller: tuple[str, Graphs] | None
) -> Iterator[tuple[str, Settings, Graphs]]:
    """What may be changed: the words, the settings then, and the graphs."""
    amp = replace(settings, precision="amp")
    if settings.precision == "fp32":
        yield "--precision amp", amp, graph_at
    if not settings.checkpoint and (names := tuple(blocks(graph_at(batch)))):
        yield "--checkpoint blocks", replace(settings, checkpoint=names), graph_at
        if settings.precision == "fp32":
            yield "--precision amp --checkpoint blocks", replace(amp, checkpoint=names), graph_at
    if settings.optimizer not in ("sgd", "momentum"):
        yield "--optimizer sgd --momentum 0.9", replace(settings, optimizer="momentum"), graph_at
    if settings.optimizer != "sgd":
        yield "--optimizer sgd --momentum 0", replace(settings, optimizer="sgd"), graph_at
    if smaller is not None:
        yield smaller[0], settings, smaller[1]
