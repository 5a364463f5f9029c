"""The bytes that come and go: kinds, changes, and the account that they are written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

PARAMETERS = "parameters"
BUFFERS = "buffers"
OPTIMIZER_STATE = "optimizer state"
INPUT = "input"
SAVED = "saved for backward"
ACTIVATIONS = "other activations"
GRADIENTS_OF_PARAMETERS = "gradients"
GRADIENTS_OF_ACTIVATIONS = "gradients of activations"
TEMPORARIES = "temporaries"
EMA = "moving average"
DDP_BUCKETS = "ddp buckets"
KINDS = (PARAMETERS, BUFFERS, OPTIMIZER_STATE, EMA, DDP_BUCKETS, GRADIENTS_OF_PARAMETERS, INPUT, SAVED, ACTIVATIONS,
         GRADIENTS_OF_ACTIVATIONS, TEMPORARIES)  # fmt: skip


class Change(NamedTuple):
    """One allocation (positive bytes) or release (negative)."""

    num_bytes: int
    kind: str
    position: int  # of the node at work; -1 outside the network
    owner: int  # of the node whose tensor it is
    phase: str


@dataclass(slots=True)
class Memory:
    """The bytes in use as the step goes on."""

    changes: list[Change] = field(default_factory=list)
    phase: str = "forward"
    position: int = -1

    def change(self, num_bytes: int, kind: str, owner: int) -> None:
        """Allocate (positive) or release (negative)."""
        if num_bytes:
            self.changes.append(Change(num_bytes, kind, self.position, owner, self.phase))
