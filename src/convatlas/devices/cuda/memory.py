"""Memory on a CUDA device: what autocast, the optimizer and the caching allocator do there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from ...graph.ops import Activation, Op
from ...graph.ops.base import Specs
from ...graph.strides import Strides
from ..call import Call
from ..script import PLAIN, Script
from .allocator import reserved_bytes

# what autocast runs in float32, as torch's documentation lists it
# (`norm` is on the list, but torch.norm and Tensor.norm call `linalg.vector_norm`, which is not)
_FLOAT_KINDS = frozenset({"softmax", "layer_norm", "group_norm", "loss", "cumulative"})
_FLOAT_FUNCTIONS = frozenset({"rsqrt", "reciprocal", "pow", "exp", "expm1", "log", "log1p", "log2", "softplus", "sum", "prod"})


class Cuda:
    """A CUDA GPU under torch's native caching allocator."""

    name: ClassVar[str] = "cuda"
    title: ClassVar[str] = "CUDA"
    has_threads: ClassVar[bool] = False
    records_steps: ClassVar[bool] = False
    autocast_dtype: ClassVar[str] = "float16"
    optimizer_implementation: ClassVar[str] = "foreach"
    # Fitted to timm's published training runs on an RTX 3090 of 24 GiB (AMP, SGD with momentum, PyTorch 1.12, CUDA 11.3), whose
    # largest batches it tells with the tensors at the peak: what the driver withholds, the context, the kernels and workspaces of
    # cuDNN and cuBLAS, and the allocator's fragmentation. What the caching allocator reserves beyond the peak adds nothing: it
    # gives unused segments back before it gives up.
    overhead_bytes: ClassVar[int] = int(2.5 * 2**30)
    overhead_source: ClassVar[str] = "context, libraries and fragmentation: one constant, fitted to published runs on an RTX 3090"

    def __init__(self, threads: int = 0) -> None:
        """Threads are no setting of it."""

    def in_float(self, op: Op) -> bool:
        """Whether autocast runs an op in float32."""
        by_name = isinstance(op, Activation) or op.kind == "reduce"
        return op.kind in _FLOAT_KINDS or (by_name and op.name in _FLOAT_FUNCTIONS)

    def decomposes(self, op: Op, inputs: Specs, lay: Sequence[Strides], needs: Sequence[bool]) -> bool:
        """Whether no kernel takes an op as it is."""
        return False

    def script(self, call: Call) -> Script:
        """What happens in memory while a call runs."""
        return PLAIN

    def reserved_bytes(self, requests: Iterable[tuple[int, Hashable]]) -> int:
        """What the caching allocator reserves for requests (bytes, owner), releases being negative."""
        return reserved_bytes(requests)
