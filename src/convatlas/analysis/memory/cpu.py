"""Memory that a CPU takes beside the tensors: convolutions' copies (`cpu_conv`), and buffers of single kernels.

Seen in the allocations that torch's profiler reports (torch 2.14, x86 with AVX-512).
"""

from __future__ import annotations

from ...graph.ops import (
    Activation,
    Attention,
    Binary,
    Conv,
    ConvTranspose,
    LocalResponseNorm,
    Loss,
    Prelu,
    Reduce,
    Slice,
    Unfold,
)
from ...graph.spec import ITEM_BYTES
from . import cpu_conv, parts
from .layouts import PART, SPARSE
from .plan import Step
from .script import GRADIENTS, OUTPUT, PASSED, PLAIN_FORWARD, Gradient, Script

# these first copy an input that is not contiguous
_READS_PACKED = ("conv", "conv_transpose", "layer_norm", "linear", "group_norm")
_KEYS_AT_A_TIME = 512  # of flash attention


class Cpu:
    """The device model of an x86 CPU that runs ``threads`` threads."""

    name = "cpu"

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def forward(self, step: Step) -> Script:
        """What happens in memory while an op runs forward."""
        return _on_packed_input(step, self._forward(step))

    def backward(self, step: Step) -> Script:
        """What happens in memory while an op runs backward."""
        return _on_packed_input(step, self._backward(step))

    def _forward(self, step: Step) -> Script:
        op = step.node.op
        if step.in_parts:
            return parts.forward(step)
        if isinstance(op, Conv | ConvTranspose):
            return cpu_conv.forward(op, step, self.threads)
        if isinstance(op, LocalResponseNorm):
            x = step.inputs[0].nbytes
            return [x, -x, x, x, -x, OUTPUT]
        if isinstance(op, Unfold):  # it begins with memory of the input's size
            x = step.inputs[0].nbytes
            return [x, OUTPUT, -x]
        if isinstance(op, Attention):
            scores, queries = self._attention_tile(step)
            buffer = self.threads * 4 * (scores + queries * (2 + step.inputs[0].shape[-1]))
            return [OUTPUT, buffer, -buffer]
        return PLAIN_FORWARD

    def _backward(self, step: Step) -> Script:
        op, needs = step.node.op, step.needs
        if step.in_parts:
            return parts.backward(step)
        if isinstance(op, Conv | ConvTranspose):
            return cpu_conv.backward(op, step, self.threads)
        wanted: Script = [Gradient(i) for i, need in enumerate(needs) if need]
        x = step.inputs[0].nbytes
        if op.kind in ("batch_norm", "instance_norm") and needs[0]:  # torch makes the input's gradient twice
            return [x, GRADIENTS[0], -x, *wanted[1:]]
        if isinstance(op, Attention):
            scores, _ = self._attention_tile(step)
            buffer = self.threads * 4 * 2 * scores
            return [*wanted, buffer, -buffer]
        if isinstance(op, Binary):
            return arithmetic_backward(op, step)
        if isinstance(op, Unfold):  # made in memory of the incoming gradient's size, and cut to its own
            return [Gradient(0, step.outputs[0].nbytes)]
        if isinstance(op, Slice):
            return slice_backward(step)
        if isinstance(op, Activation | Reduce):
            return function_backward(op.name, step)
        if isinstance(op, Prelu) or (isinstance(op, Loss) and op.function == "cross_entropy"):
            return [x, *wanted, -x]
        if isinstance(op, LocalResponseNorm):
            return [x, x, x, -x, -x, -x, *wanted]
        return wanted

    def _attention_tile(self, step: Step) -> tuple[int, int]:
        """Scores that a thread of flash attention holds, and the queries among them (`q_split_size` in its source)."""
        queries, keys = step.inputs[0].shape[-2], step.inputs[1].shape[-2]
        rows = min(256 if queries >= 768 else 64 if queries >= 192 else 32, queries)
        return rows * min(_KEYS_AT_A_TIME, keys), rows


def _on_packed_input(step: Step, script: Script) -> Script:
    """The events, with a packed copy of the input around them where the op takes no other."""
    if step.layout not in (SPARSE, PART) or step.node.op.kind not in _READS_PACKED:
        return script
    x = step.inputs[0].nbytes
    return [x, *script, -x]


def arithmetic_backward(op: Binary, step: Step) -> Script:
    """Both operands' gradients at full size, then the sums for what was broadcast."""
    full = step.outputs[0].nbytes
    if op.function in ("maximum", "minimum"):
        return _extreme_backward(step)
    script: Script = []
    sums: Script = []
    quotients = [full, full, full] if op.function == "div" and step.needs[1] else []  # with the gradient's negative
    for index in (1, 0) if quotients else (0, 1):
        if not step.needs[index]:
            continue
        broadcast = step.inputs[index].shape != step.outputs[0].shape
        if broadcast:
            sums += [GRADIENTS[index], -full]
        if index == 0 and op.function == "sub":
            script += [PASSED] if not broadcast else [full]
        else:
            script += [*(quotients if index else []), full if broadcast else GRADIENTS[index]]
        if index:
            script += [-num_bytes for num_bytes in quotients]
    return script + sums


def _extreme_backward(step: Step) -> Script:
    """Each operand's gradient where it is the extreme, half of it where both are: masks, and the halves."""
    full, mask = step.outputs[0].nbytes, step.outputs[0].numel
    script: Script = []
    for index in (0, 1):
        if step.needs[index]:
            broadcast = step.inputs[index].shape != step.outputs[0].shape
            made: Script = (
                [full, -mask, -full, -mask, GRADIENTS[index], -full] if broadcast else [GRADIENTS[index], -mask, -full, -mask]
            )
            script += [mask, full, mask, *made]
    return script


def slice_backward(step: Step) -> Script:
    """Zeros around a part: torch cuts one axis after the other, and puts them back one after the other."""
    whole, part = step.inputs[0].shape, step.outputs[0].shape
    script: Script = []
    held = 0
    if len(whole) == len(part):
        cut = [axis for axis, (before, after) in enumerate(zip(whole, part, strict=True)) if before != after]
        num_bytes = step.outputs[0].nbytes
        for axis in reversed(cut[1:]):
            num_bytes = num_bytes // max(part[axis], 1) * whole[axis]
            script += [num_bytes, -held] if held else [num_bytes]
            held = num_bytes
    return [*script, GRADIENTS[0], -held] if held else [GRADIENTS[0]]


def function_backward(function: str, step: Step) -> Script:
    """A derivative that takes several passes holds what lies between them."""
    x = step.inputs[0].nbytes
    if function in ("amax", "amin"):  # shared out among all that are equal: a mask, how many, and the mask as numbers
        many, few, result = step.inputs[0].numel, step.outputs[0].numel, step.outputs[0].nbytes
        counts = [8 * few, 8 * many, -8 * many, result, result, -result]
        return [many, *counts, x, GRADIENTS[0], -x, -result, -8 * few, -many]
    if function in ("pow", "square", "rsqrt", "reciprocal"):
        return [x, x, GRADIENTS[0], -x, -x]
    if function in ("var", "std", "norm", "abs", "sqrt", "sin", "cos", "log1p", "log2", "log10"):
        return [x, GRADIENTS[0], -x]
    if function == "clamp":
        masks = 2 * (x // ITEM_BYTES[step.inputs[0].dtype])
        return [masks, GRADIENTS[0], -masks]
    return [GRADIENTS[0]]
