"""What a device is to a step's memory: one object that knows which calls it runs, and what they take beside their tensors."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Protocol

from ..graph.ops import Op
from ..graph.ops.base import Specs
from ..graph.strides import Strides
from .call import Call
from .script import Script


class Device(Protocol):
    """A kind of device, with its settings.

    Attributes:
        name: as torch says it, "cpu" or "cuda".
        has_threads: whether a number of threads is one of its settings.
        records_steps: whether a step that torch's dispatcher recorded here is the one that it runs.
        autocast_dtype: what autocast computes in.
        optimizer_implementation: torch.optim's default there.
        overhead_bytes: what a process takes of its memory beside the tensors.
        overhead_source: what that is, and where the figure comes from.

    """

    name: ClassVar[str]
    has_threads: ClassVar[bool]
    records_steps: ClassVar[bool]
    autocast_dtype: ClassVar[str]
    optimizer_implementation: ClassVar[str]
    overhead_bytes: ClassVar[int]
    overhead_source: ClassVar[str]

    @property
    def title(self) -> str:
        """In words, with its settings."""

    def in_float(self, op: Op) -> bool:
        """Whether autocast runs an op in float32."""

    def decomposes(self, op: Op, inputs: Specs, lay: Sequence[Strides], needs: Sequence[bool]) -> bool:
        """Whether no kernel takes an op as it is, given its inputs, their strides, and whether each needs a gradient."""

    def script(self, call: Call) -> Script:
        """What happens in memory while a call runs."""

    def reserved_bytes(self, requests: Iterable[tuple[int, Hashable]]) -> int | None:
        """What its allocator reserves for requests (bytes, owner), releases being negative; None: it keeps nothing back."""
