"""Memory that a CPU takes beside the tensors: oneDNN's reordered copies, and buffers of single kernels.

Seen in the allocations that torch's profiler reports (torch 2.14, x86 with AVX-512, float32). A kernel's script is a list of
events: a positive number allocates that many bytes, a negative one frees them, `OUTPUT` makes the op's outputs, and a
`Gradient` makes the gradient of an input.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ...graph.ops import (
    Binary,
    Conv,
    Interpolate,
    LocalResponseNorm,
    Loss,
    Prelu,
)
from .plan import CHANNELS_LAST, SPARSE, Step

OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Gradient:
    """The moment at which the gradient of input ``index`` is made."""

    index: int


Event = int | str | Gradient
Script = list[Event]
PLAIN_FORWARD: Script = [OUTPUT]
GRADIENTS = [Gradient(index) for index in range(16)]
_SMALL_INPUT = 20480  # elements; below it a single image's convolution goes to torch's own kernel
_GEMM_POSITIONS = 200  # output positions that oneDNN's im2col lays out at a time
_READS_PACKED = ("layer_norm", "linear", "group_norm", "rms_norm")  # these first copy an input that is not contiguous
_BLOCK = 16  # channels that oneDNN lays side by side with AVX-512


def _padded(channels: int) -> int:
    return -(-channels // _BLOCK) * _BLOCK


def _blocked(shape: tuple[int, ...]) -> int:
    """Bytes of (N, C, ...) with the channels in blocks."""
    return shape[0] * _padded(shape[1]) * prod(shape[2:]) * 4


def _blocked_weight(shape: tuple[int, ...], groups: int) -> int:
    out, inner, *kernel = shape
    if groups > 1 and inner == 1:
        return _padded(out) * prod(kernel) * 4
    if groups > 1:
        return out * inner * prod(kernel) * 4
    return _padded(out) * (_padded(inner) if inner >= _BLOCK or prod(kernel) == 1 else inner) * prod(kernel) * 4


def _by_gemm(op: Conv, weight: tuple[int, ...]) -> bool:
    """Whether oneDNN makes a weight gradient by im2col and a matrix product, with no reordered copies."""
    return op.groups > 1 and (max(weight[2:]) >= 5 if weight[1] == 1 else weight[1] < 8)


def _is_native(op: Conv, x: tuple[int, ...], weight: tuple[int, ...]) -> bool:
    """Whether torch's own im2col kernel runs instead of oneDNN: one image, one group, a small kernel, a small map."""
    return (
        x[0] == 1 and op.groups == 1 and not all(k > 3 for k in weight[2:]) and prod(x) <= _SMALL_INPUT and len(x) == 4
    )


class Cpu:
    """The device model of an x86 CPU."""

    name = "cpu"

    def forward(self, step: Step, contiguous: bool = True) -> Script:
        """What happens in memory while an op runs forward."""
        op = step.node.op
        if isinstance(op, Conv):
            return self._conv_forward(op, step)
        if isinstance(op, Interpolate):
            whole, out = step.inputs[0].nbytes, step.outputs[0].nbytes
            return [out, whole, OUTPUT, -out, -whole]
        if isinstance(op, LocalResponseNorm):
            x = step.inputs[0].nbytes
            return [x, -x, x, x, -x, OUTPUT]
        if step.layout == SPARSE and op.kind in _READS_PACKED:
            x = step.inputs[0].nbytes
            return [x, OUTPUT, -x]
        return PLAIN_FORWARD

    def _conv_forward(self, op: Conv, step: Step) -> Script:
        x, weight, out = step.inputs[0].shape, step.inputs[1].shape, step.outputs[0].shape
        if _is_native(op, x, weight):
            columns = prod(weight[1:]) * prod(out[2:]) * 4 if prod(weight[2:]) > 1 else 0
            return [columns, OUTPUT, -columns] if columns else PLAIN_FORWARD
        if step.layout == CHANNELS_LAST:
            copy = step.inputs[1].nbytes
            return [OUTPUT, copy, -copy]
        source = _blocked(x) if x[1] >= _BLOCK or prod(weight[2:]) == 1 else 0
        filters, target = _blocked_weight(weight, op.groups), _blocked(out)
        return [source, filters, target, -filters, -source, OUTPUT, -target]

    def backward(self, step: Step) -> Script:
        """What happens in memory while an op runs backward."""
        op, needs = step.node.op, step.needs
        if isinstance(op, Conv):
            return self._conv_backward(op, step)
        wanted: Script = [GRADIENTS[i] for i, need in enumerate(needs) if need]
        if step.layout == SPARSE and op.kind in _READS_PACKED:
            x = step.inputs[0].nbytes
            return [x, *wanted, -x]
        if isinstance(op, Binary) and op.function in ("mul", "div"):
            # a broadcast operand's gradient is made at full size, then summed
            full = step.outputs[0].nbytes
            script: Script = []
            for index, need in enumerate(needs):
                if need and step.inputs[index].shape != step.outputs[0].shape:
                    script += [full, GRADIENTS[index], -full]
                elif need:
                    script.append(GRADIENTS[index])
            return script
        if isinstance(op, Prelu):
            x = step.inputs[0].nbytes
            return [x, *wanted, -x]
        if isinstance(op, Loss) and op.function == "cross_entropy":
            logits = step.inputs[0].nbytes
            return [logits, *wanted, -logits]
        if isinstance(op, LocalResponseNorm):
            x = step.inputs[0].nbytes
            squares = step.kept.extra[0].nbytes
            return [x, x, x, -x, -x, x, squares, -x, x, -squares, *wanted, -x, -x]
        return wanted

    def _conv_backward(self, op: Conv, step: Step) -> Script:
        x, weight, out = step.inputs[0].shape, step.inputs[1].shape, step.outputs[0].shape
        needs = [*step.needs, False][:3]
        script: Script = []
        if _is_native(op, x, weight):
            columns = prod(weight[1:]) * prod(out[2:]) * 4 if prod(weight[2:]) > 1 else 0
            script = [GRADIENTS[i] for i in range(3) if needs[i]]
            return [*script, columns, -columns] if columns else script
        if step.layout == CHANNELS_LAST:
            return self._conv_backward_channels_last(op, step, needs)
        grad, filters = _blocked(out), _blocked_weight(weight, op.groups)
        source = _blocked(x)
        if needs[0]:
            script += [grad, filters, source, -filters, -grad]
            if max(op.stride) > 1 and op.groups == 1:  # made channels-last, then packed over one more copy
                script += [source, GRADIENTS[0], -source, -source]
            else:
                script += [GRADIENTS[0], -source]
        if needs[1] and _by_gemm(op, weight):
            columns = 8 * prod(weight[1:]) * min(prod(out[2:]), _GEMM_POSITIONS)
            work = 8 * step.inputs[1].nbytes + columns
            script += [filters, work, -work, GRADIENTS[1], *([GRADIENTS[2]] if needs[2] else []), -filters]
        elif needs[1]:
            if x[1] < _BLOCK and prod(weight[2:]) > 1:
                source = 0
            script += [grad, source, filters, -source, -grad, GRADIENTS[1]]
            if needs[2]:
                script.append(GRADIENTS[2])
            script.append(-filters)
        elif needs[2]:
            script.append(GRADIENTS[2])
        return script

    def _conv_backward_channels_last(self, op: Conv, step: Step, needs: list[bool]) -> Script:
        weight = step.inputs[1].shape
        copy = step.inputs[1].nbytes
        script: Script = [GRADIENTS[0], copy, -copy] if needs[0] else []
        if needs[1]:
            # a large depthwise kernel's gradient is summed from 256 partial ones
            parts = 256 if weight[1] == 1 and op.groups > 1 and max(weight[2:]) >= 5 else 1
            partial = _blocked_weight(weight, op.groups) * parts
            script += [partial, copy, GRADIENTS[1], -copy, -partial]
        if needs[2]:
            script.append(GRADIENTS[2])
        return script
