"""Memory that a CUDA device's kernels take beside their tensors."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.ops import Op
from ...graph.ops.base import Specs
from ...graph.strides import Strides
from ..call import Call
from ..script import PLAIN, Script


class Cuda:
    """A CUDA GPU under torch's native caching allocator."""

    name = "cuda"

    def decomposes(self, op: Op, inputs: Specs, lay: Sequence[Strides], needs: Sequence[bool]) -> bool:
        """Whether no kernel takes an op as it is."""
        return False

    def script(self, call: Call) -> Script:
        """What happens in memory while a call runs."""
        return PLAIN
