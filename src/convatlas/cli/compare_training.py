"""The columns of `compare` about training: the peak of a step, out of the catalogue where that has it, else simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..analysis.memory import TRAINING_BATCH
from ..catalogue import TRAINING_PRECISIONS, list_models, lookup
from ..errors import ConvatlasError
from ..models.shapes import NO_BATCH, inputs_of, parse_inputs
from .columns import GIBI
from .tables import Column

if TYPE_CHECKING:
    from .memory_options import Subject


class Peaks(NamedTuple):
    """Bytes in use at once by precision, None where that is unknown, of a step at a batch."""

    batch: int
    by_precision: dict[str, int | None]

    def row(self) -> dict[str, int | None]:
        """By the columns' keys."""
        return {f"training_{precision}_bytes": peak for precision, peak in self.by_precision.items()}


@dataclass(frozen=True, kw_only=True)
class Training:
    """Which training steps are compared, as the options say it."""

    inputs: list[str] | None
    batch: int | None
    device: str
    precisions: tuple[str, ...]

    @classmethod
    def asked(cls, inputs: list[str] | None, batch: int | None, device: str | None, precision: str | None) -> Training:
        """What the options say; both usual precisions if they say none."""
        precisions = (precision,) if precision else TRAINING_PRECISIONS
        return cls(inputs=inputs, batch=batch, device=device or "cpu", precisions=precisions)

    def in_words(self, batches: Iterable[int]) -> str:
        """As "fp32, amp: the peak of a simulated training step at batch 32, SGD with momentum, CPU with 4 threads"."""
        from ..analysis.memory import Settings, step_in_words

        if self.batch == NO_BATCH:
            return f"{', '.join(self.precisions)}: none, since a training step is of a batch"
        batch = " or ".join(f"{batch:,}" for batch in sorted(set(batches)))
        return f"{', '.join(self.precisions)}: the peak of a simulated {step_in_words(batch, Settings(device=self.device), precision='')}"

    def columns(self) -> tuple[Column, ...]:
        """A column a precision."""
        return tuple(Column(key=f"training_{name}_bytes", title=name, scales=GIBI, rank=3) for name in self.precisions)

    def peaks(self, name: str, subject: Callable[[], Subject]) -> Peaks:
        """The peaks of a network's steps.

        Args:
            name: as it was typed; the name in a graph's file may be that of a network of the zoo at another input.
            subject: loads it, which the catalogue may make unnecessary.

        """
        if name in list_models() and set(self.precisions) <= set(TRAINING_PRECISIONS):
            entry = lookup(name)
            given = inputs_of(parse_inputs(self.inputs or []), self.batch, entry.input_size, len(entry.input_size), TRAINING_BATCH)
            if given.args == ((TRAINING_BATCH, *entry.input_size),):
                return Peaks(TRAINING_BATCH, {key: entry.training_bytes[self.device][key] for key in self.precisions})
        from ..analysis.memory import Settings, training_memory

        loaded = subject()
        batch = loaded.shape[0]
        try:
            graph = loaded.graph_at(batch)
            steps = [training_memory(graph, Settings(precision=name, device=self.device)) for name in self.precisions]
        except ConvatlasError:  # nothing to train on, or a graph's file that was traced for evaluation
            return Peaks(batch, dict.fromkeys(self.precisions))
        return Peaks(batch, {name: step.peak_bytes for name, step in zip(self.precisions, steps, strict=True)})
