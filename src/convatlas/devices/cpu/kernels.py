"""Memory that a CPU's kernels take beside their tensors: convolutions' copies (`convolution`), and buffers of single kernels.

Seen in the allocations that torch's profiler reports (torch 2.14, x86 with AVX-512).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from math import prod
from typing import ClassVar

from ...graph.ops import (
    Attention,
    Binary,
    Conv,
    ConvTranspose,
    DeformConv,
    Dropout,
    Gru,
    Lstm,
    Op,
    Pad,
    Reduce,
    RMSNorm,
    Rnn,
    Softmax,
    Unfold,
)
from ...graph.ops.attention import heads_inside
from ...graph.ops.base import Specs
from ...graph.spec import ITEM_BYTES, promote
from ...graph.strides import Strides, is_channels_last, is_dense
from ..call import PACKED, PART, SPARSE, Call
from ..script import GRADIENTS, OUTPUT, PLAIN, Made, Script
from . import convolution, recurrent

# these first copy an input that is not contiguous
_READS_PACKED = ("conv", "conv_transpose", "layer_norm", "linear", "group_norm")
# these first copy a gradient that is no dense tensor, or lies otherwise than they compute
_PACK_GRADIENTS = frozenset({"conv", "conv_transpose", "batch_norm", "layer_norm", "group_norm", "linear", "max_pool", "avg_pool",
                             "softmax", "attention", "recurrent"})  # fmt: skip
_POOLS = frozenset({"max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool"})  # those of volumes
_IN_FLOAT = frozenset({"loss", "grid_sample", "local_response_norm", "max_unpool"})
_DEFORMED_AT_ONCE = 32  # images
_KEYS_AT_A_TIME = 512  # of flash attention


class Cpu:
    """An x86 CPU that runs ``threads`` threads."""

    name: ClassVar[str] = "cpu"
    has_threads: ClassVar[bool] = True
    records_steps: ClassVar[bool] = True
    autocast_dtype: ClassVar[str] = "bfloat16"
    optimizer_implementation: ClassVar[str] = "single"
    # Measured (torch 2.14 with CUDA's libraries, x86 Linux, glibc): the resident memory of a process at its highest, less the
    # simulated peak, for 11 networks at 4 to 32 images. 0.7 GiB are the interpreter, torch's libraries (0.3 GiB, which several
    # processes share) and oneDNN's kernels; up to 0.4 GiB is what glibc's heap keeps between large blocks.
    overhead_bytes: ClassVar[int] = int(1.1 * 2**30)
    overhead_source: ClassVar[str] = "interpreter, libraries and the heap's gaps: one constant, measured on Linux"

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @property
    def title(self) -> str:
        """As "CPU with 4 threads"."""
        return f"CPU with {self.threads} thread{'' if self.threads == 1 else 's'}"

    def in_float(self, op: Op) -> bool:
        """Whether autocast runs an op in float32: torch's list for CPUs, as its 2.14 was seen to have it."""
        if op.kind in _POOLS:
            return op.name.endswith("3d")
        return op.kind in _IN_FLOAT or op.name == "prod" or (isinstance(op, Pad) and op.mode in ("reflect", "replicate"))

    def reserved_bytes(self, requests: Iterable[tuple[int, Hashable]]) -> None:
        """Nothing: what is let go of goes back to the heap."""

    def decomposes(self, op: Op, inputs: Specs, lay: Sequence[Strides], needs: Sequence[bool]) -> bool:
        """Whether no kernel takes an op as it is.

        That of an LSTM wants one layer in one direction.
        """
        if isinstance(op, Attention):
            return not op.fused(inputs, lay, needs)
        if isinstance(op, Rnn | Gru | Lstm):
            return not (op.packed or (op.in_one_kernel(inputs) and op.layers == 1 and not op.bidirectional and not op.batch_first))
        return isinstance(op, RMSNorm) or (isinstance(op, Dropout) and op.training and op.probability > 0)

    def script(self, call: Call) -> Script:
        """What happens in memory while a call runs."""
        if not call.backward:
            return self._on_packed_input(call, self._forward(call))
        script = self._on_packed_input(call, self._backward(call))
        if not _packs_first(call):
            return script
        assert call.gradient is not None
        # average pooling makes its result as its gradient lies, and then copies that one
        dense = is_dense(call.gradient.shape, call.gradient_lies)
        packed = call.inputs[0].nbytes if call.op.kind == "avg_pool" and dense else call.outputs[0].nbytes
        return [packed, *(script or _wanted(call)), -packed]

    def _forward(self, call: Call) -> Script:
        op = call.op
        if isinstance(op, Conv | ConvTranspose):
            return convolution.forward(op, call, self.threads)
        if isinstance(op, DeformConv):  # the result with its bias is one more tensor
            columns, out = _looked_up(call), call.outputs[0].nbytes
            return [out, out, columns, OUTPUT, -columns, -out, -out]
        if isinstance(op, Unfold):  # it begins with memory of the input's size
            x = call.inputs[0].nbytes
            return [x, OUTPUT, -x]
        if isinstance(op, Attention):
            scores, queries = self._attention_tile(call)
            buffer = self.threads * 4 * (scores + queries * (2 + call.inputs[0].shape[-1]))
            return [OUTPUT, buffer, -buffer]
        if isinstance(op, Lstm) and op.in_one_kernel(call.inputs):
            return [OUTPUT, *recurrent.beside(call)]
        if isinstance(op, Softmax) and op.safe:  # looks for rows of infinities
            mask = call.outputs[0].numel
            return [OUTPUT, mask, -mask]
        if isinstance(op, Reduce) and op.function == "sum" and call.inputs[0].dtype == "bool":
            cast = call.inputs[0].numel * ITEM_BYTES[call.outputs[0].dtype]
            return [cast, OUTPUT, -cast]
        if isinstance(op, Binary):
            return _arithmetic(call)
        return PLAIN

    def _backward(self, call: Call) -> Script:
        op = call.op
        if isinstance(op, Conv | ConvTranspose):
            return convolution.backward(op, call, self.threads)
        x = call.inputs[0].nbytes
        if isinstance(op, DeformConv):
            columns, out, weight = _looked_up(call), call.outputs[0].nbytes, call.inputs[1].nbytes
            sampled: Script = [GRADIENTS[index] for index in (0, 2, 3)[: 2 + op.has_mask]]
            rest: Script = [GRADIENTS[index] for index in range(3 + op.has_mask, len(call.inputs))]
            script = [*sampled, columns, out, -out, -columns, GRADIENTS[1], out, columns, weight, weight]
            return [*script, -weight, -weight, -columns, -out, *rest]
        if isinstance(op, Lstm) and op.in_one_kernel(call.inputs):
            unwanted = 0 if call.wanted[0] else x  # the input's gradient is made even so
            return [*_wanted(call), unwanted, *recurrent.beside(call), -unwanted]
        if op.kind in ("batch_norm", "instance_norm") and call.wanted[0]:  # torch makes the input's gradient twice
            return [x, GRADIENTS[0], -x]
        if isinstance(op, Attention):
            scores, _ = self._attention_tile(call)
            buffer = self.threads * 4 * 2 * scores
            return [*_wanted(call), buffer, -buffer]
        if isinstance(op, Unfold):  # made in memory of the incoming gradient's size, and cut to its own
            return [Made(0, call.outputs[0].nbytes)]
        return PLAIN

    def _attention_tile(self, call: Call) -> tuple[int, int]:
        """Scores that a thread of flash attention holds, and the queries among them (`q_split_size` in its source)."""
        queries, keys = call.inputs[0].shape[-2], call.inputs[1].shape[-2]
        rows = min(256 if queries >= 768 else 64 if queries >= 192 else 32, queries)
        return rows * min(_KEYS_AT_A_TIME, keys), rows

    def _on_packed_input(self, call: Call, script: Script) -> Script:
        """The events, with a packed copy of the input around them where the op takes no other."""
        if not call.inputs or call.lay[0] is None or call.op.kind not in _READS_PACKED or call.layout not in (SPARSE, PART):
            return script
        x = call.inputs[0].nbytes
        return [x, *(script or (_wanted(call) if call.backward else [OUTPUT])), -x]


def _looked_up(call: Call) -> int:
    """Bytes of a deformable convolution's columns, of as many images at a time as divide the batch (torchvision's `kMaxParallelImgs`)."""
    batch, _, *size = call.outputs[0].shape
    at_once = next(each for each in range(min(batch, _DEFORMED_AT_ONCE), 0, -1) if batch % each == 0)
    return at_once * call.inputs[0].shape[1] * prod(call.inputs[1].shape[2:]) * prod(size) * ITEM_BYTES[call.inputs[0].dtype]


def _wanted(call: Call) -> Script:
    return [GRADIENTS[index] for index, want in enumerate(call.wanted) if want]


def _arithmetic(call: Call) -> Script:
    """Operands of another dtype than the sum's are cast first."""
    if call.inputs[0].dtype == call.inputs[1].dtype:
        return PLAIN
    common = promote(call.inputs[0].dtype, call.inputs[1].dtype)
    casts: Script = [spec.numel * ITEM_BYTES[common] for spec in call.inputs if spec.dtype != common and spec.shape]
    return [*casts, OUTPUT, *[-num_bytes for num_bytes in casts if isinstance(num_bytes, int)]]


def _packs_first(call: Call) -> bool:
    """Whether a kernel first packs its gradient: one that is a part of a larger tensor, or lies otherwise than it computes."""
    kind, lies = call.op.kind, call.gradient_lies
    if kind not in _PACK_GRADIENTS or call.gradient is None:
        return False
    shape = call.gradient.shape
    if not is_dense(shape, lies):
        return True
    if kind == "attention":
        return len(shape) == 4 and lies != heads_inside(shape)
    if kind in ("layer_norm", "softmax", "recurrent") or (kind == "avg_pool" and call.layout == PACKED):
        return lies is not None
    if kind != "conv" or len(shape) != 4 or shape[1] == 1 or shape[2] * shape[3] == 1:
        return False
    return not is_channels_last(shape, lies) if convolution.runs_last(call) else lies is not None
