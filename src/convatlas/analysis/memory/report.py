"""What a simulated step says: peak, breakdown, timeline, and the same by layer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ...graph import Graph
from .step import KINDS, Change


@dataclass(slots=True)
class Moment:
    """Bytes in use after a node has run, by kind."""

    phase: str
    name: str
    op: str
    num_bytes: int
    by_kind: dict[str, int]


@dataclass(slots=True)
class LayerMemory:
    """Bytes that one call holds at the peak."""

    name: str
    op: str
    saved_for_backward_bytes: int


@dataclass(slots=True)
class TrainingMemory:
    """Memory of one training step, in bytes.

    Attributes:
        peak_bytes: everything that the step holds at its highest: parameters, buffers, gradients, optimizer state, the
            input batch and its targets, what is saved for backward, and temporaries.
        breakdown: bytes at the peak by kind; they add up to ``peak_bytes``.
        phase, peak_name, peak_op: when the peak is reached: forward, backward or optimizer, and at which call.
        timeline: bytes in use after each node.
        layers: what each call keeps at the peak.
        uncounted: ops that no rule knows; if there are any, the peak is "at least" this.
    """

    graph: Graph
    peak_bytes: int
    breakdown: dict[str, int]
    phase: str
    peak_name: str
    peak_op: str
    changes: list[Change]
    uncounted: dict[str, int]
    reserved_bytes: int | None = None
    overhead_bytes: dict[str, int] | None = None

    def __repr__(self) -> str:
        at_least = "at least " if self.uncounted else ""
        return f"<TrainingMemory of {self.graph.name}: peak {at_least}{self.peak_bytes / 2**20:,.1f} MiB in {self.phase} at {self.peak_name or self.peak_op}>"


def summarise(graph: Graph, changes: list[Change], uncounted: dict[str, int]) -> TrainingMemory:
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
        graph, peak, breakdown, at.phase, node.module if node else "", node.op.name if node else at.phase, changes, uncounted
    )
