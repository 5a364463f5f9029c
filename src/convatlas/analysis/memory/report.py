"""What a simulated step says: peak, breakdown, timeline, and the same by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ...frames import frame
from ...graph import Graph
from ...graph.ops import Loss
from ...graph.words import sample_in_words
from ...html_table import html_table
from ...names import unknown_name
from ...sizes import gibi
from .changes import KINDS, SAVED, Change
from .settings import Settings
from .words import step_in_words

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(slots=True)
class Moment:
    """Bytes in use at their highest while one node is at work, by kind."""

    phase: str
    name: str
    op: str
    num_bytes: int
    by_kind: dict[str, int]


@dataclass(slots=True)
class LayerMemory:
    """What one call holds for backward at the peak, in bytes."""

    name: str
    op: str
    output_shape: tuple[int, ...]
    saved_for_backward_bytes: int


@dataclass(slots=True)
class TrainingMemory:
    """Memory of one training step (or one inference), in bytes.

    Attributes:
        peak_bytes: everything that the step holds at its highest: parameters, buffers, gradients, optimizer state, the
            input batch and its targets, what is saved for backward, and temporaries.
        breakdown: bytes at the peak by kind; they add up to ``peak_bytes``.
        phase, peak_name, peak_op: when the peak is reached: in forward, backward or the optimizer's step, at which call.
        reserved_bytes: on CUDA, what the caching allocator holds of the device for these tensors; else None.
        uncounted: ops that no rule knows; if there are any, the peak is "at least" this.

    """

    graph: Graph
    settings: Settings
    peak_bytes: int
    breakdown: dict[str, int]
    phase: str
    peak_name: str
    peak_op: str
    uncounted: dict[str, int]
    changes: list[Change]
    peak_index: int
    reserved_bytes: int | None = None

    @property
    def batch(self) -> int:
        """Images."""
        return self.graph.values[self.graph.inputs[0]].shape[0]

    @property
    def overhead_bytes(self) -> int:
        """What the process takes of the device beside the tensors (see `overhead`)."""
        return self.settings.runs_on.overhead_bytes

    @property
    def needed_bytes(self) -> int:
        """What the device must have for the step to run: the tensors at the peak, and what the process takes beside them."""
        return self.peak_bytes + self.overhead_bytes

    @property
    def at_least(self) -> bool:
        """Whether some op is unknown, so that the true peak may be higher."""
        return bool(self.uncounted)

    @property
    def layers(self) -> list[LayerMemory]:
        """What each call holds for backward at the peak, in order of execution; it adds up to the breakdown's figure."""
        held: dict[int, int] = {}
        for change in self.changes[: self.peak_index + 1]:
            if change.kind == SAVED:
                held[change.owner] = held.get(change.owner, 0) + change.num_bytes
        nodes, values = self.graph.nodes, self.graph.values
        return [
            LayerMemory(nodes[owner].module, nodes[owner].op.name, values[nodes[owner].outputs[0]].shape, num_bytes)
            for owner, num_bytes in sorted(held.items())
            if num_bytes
        ]

    @property
    def timeline(self) -> list[Moment]:
        """Bytes in use over the step: for each node at work, its highest moment; first and last the level between steps."""
        return list(self._moments())

    def _moments(self) -> Iterator[Moment]:
        current = dict.fromkeys(KINDS, 0)
        total = highest = 0
        at_highest = dict(current)
        last: tuple[str, int] | None = None
        for change in self.changes:
            key = (change.phase, change.position)
            if key != last:
                if last is not None:
                    yield self._moment(*last, highest, at_highest)
                last, highest, at_highest = key, total, dict(current)
            current[change.kind] += change.num_bytes
            total += change.num_bytes
            if total > highest:
                highest, at_highest = total, dict(current)
        if last is not None:
            yield self._moment(*last, highest, at_highest)
            yield self._moment("between steps", -1, total, current)

    def _moment(self, phase: str, position: int, num_bytes: int, by_kind: dict[str, int]) -> Moment:
        node = self.graph.nodes[position] if position >= 0 else None
        return Moment(phase, node.module if node else "", node.op.name if node else "", num_bytes, dict(by_kind))

    @property
    def conditions(self) -> str:
        """What the figures hold for: the input, and how the step is done."""
        asked = [value for value in self.graph.inputs if not self._is_target(value)]
        sample = sample_in_words(self.graph.specs(asked), self.graph.batch_axis)
        return f"input{'s' if len(asked) > 1 else ''} {sample}, {step_in_words(self.batch, self.settings, training=self.graph.training)}"

    def _is_target(self, value: int) -> bool:
        return any(isinstance(node.op, Loss) and value in node.inputs[1:] for node in self.graph.nodes)

    def to_frame(self, by: str = "kind") -> DataFrame:
        """The memory as a pandas frame: at the peak by kind, or by layer what it keeps for backward; or over the step, by time.

        Args:
            by: "kind", "layer" or "time".

        Raises:
            ConvatlasError: pandas is not installed, or there is no such view.

        """
        views: dict[str, Callable[[], list[dict[str, object]]]] = {
            "kind": lambda: [{"kind": kind, "num_bytes": num_bytes} for kind, num_bytes in self.breakdown.items()],
            "layer": lambda: [asdict(layer) for layer in self.layers],
            "time": lambda: [
                {"phase": at.phase, "name": at.name, "op": at.op, "num_bytes": at.num_bytes} | at.by_kind for at in self.timeline
            ],
        }
        if by not in views:
            raise unknown_name("view", by, views, f"there are {', '.join(views)}")
        rows = views[by]()
        return frame(rows, list(rows[0]) if rows else [], f"{self.graph.name}: {self.conditions}. Simulated, not measured.")

    def _repr_html_(self) -> str:
        """A table of what the peak is made of, for notebooks."""
        rows = [(kind, num_bytes, f"{100 * num_bytes / self.peak_bytes:.1f} %") for kind, num_bytes in self.breakdown.items()]
        at_least = "at least " if self.at_least else ""
        caption = (
            f"{self.graph.name}: {self.conditions}. Peak, {at_least}{gibi(self.peak_bytes)}, in {self.phase}, "
            f"{self.peak_name or self.peak_op}; simulated, not measured."
        )
        return html_table(caption, ("kind", "at the peak (B)", "share"), rows, ("total", self.peak_bytes, "100 %"))

    def __repr__(self) -> str:
        at_least = "at least " if self.at_least else ""
        where = f"{self.phase}, {self.peak_name or self.peak_op}"
        return f"<TrainingMemory of {self.graph.name}: peak {at_least}{self.peak_bytes / 2**20:,.1f} MiB in {where}>"


def summarise(graph: Graph, changes: list[Change], uncounted: dict[str, int], settings: Settings) -> TrainingMemory:
    """Find the peak in a list of changes, and what it is made of."""
    current = peak = 0
    peak_index = -1
    for index, change in enumerate(changes):
        current += change.num_bytes
        if current > peak:
            peak, peak_index = current, index
    breakdown = dict.fromkeys(KINDS, 0)
    for change in changes[: peak_index + 1]:
        breakdown[change.kind] += change.num_bytes
    at = changes[peak_index]
    node = graph.nodes[at.position] if at.position >= 0 else None
    return TrainingMemory(
        graph,
        settings,
        peak,
        {kind: num_bytes for kind, num_bytes in breakdown.items() if num_bytes},
        at.phase,
        node.module if node else "",
        node.op.name if node else at.phase,
        uncounted,
        changes,
        peak_index,
    )
