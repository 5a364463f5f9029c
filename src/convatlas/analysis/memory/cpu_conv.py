"""Memory that a convolution takes on a CPU for a moment: oneDNN's reordered copies, im2col, and the buffers of its threads.

Seen in the allocations that torch's profiler reports (torch 2.14, x86 with AVX-512). oneDNN lays channels out in blocks of
16, so that 24 channels take the place of 32; a strided convolution's gradient, grouped convolutions and channels-last
tensors stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ...graph.ops import Conv, ConvTranspose
from ...graph.spec import ITEM_BYTES
from .layouts import CHANNELS_LAST
from .plan import Step
from .script import GRADIENTS, OUTPUT, PLAIN_FORWARD, Script

_BLOCK = 16  # channels that oneDNN lays side by side with AVX-512
_SMALL_INPUT = 20480  # elements; below it a single image's convolution goes to torch's own kernel
_FEW_IMAGES = 16  # with one thread, 1x1 convolutions of fewer images go to torch's own kernel
_NARROW_GROUP = 8  # channels of a group below which oneDNN works by im2col and a matrix product
_SHARED_POSITIONS = 512  # output positions above which the threads share one im2col buffer
_WIDE_COLUMNS = 1536  # positions of im2col at a time in a forward pass
_FLOAT_BYTES = 4
_LIGHT = 8  # activations to weights above which oneDNN splits a weight's gradient over images
_PARTS_OF_JUMPING = 4  # partial weight gradients of a thread, where a convolution is strided and dilated at once
_BARRIERS = 8576  # bytes in which threads that sum up partial gradients wait for each other
_STRIDED_BYTES = 6600  # a thread's buffer for a strided convolution's gradient, for each of up to 64 channels


def _padded(channels: int) -> int:
    return -(-channels // _BLOCK) * _BLOCK


@dataclass(frozen=True, slots=True)
class _Call:
    """One convolution with what its kernels depend on; a transposed one is seen as the gradient of one."""

    op: Conv | ConvTranspose
    x: tuple[int, ...]
    weight: tuple[int, ...]  # (out, in / groups, *kernel) of the convolution, or of the one that a transposed one reverses
    out: tuple[int, ...]
    item: int  # bytes of an element
    threads: int

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight[2:]

    @property
    def groups(self) -> int:
        return self.op.groups

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.weight[1] == 1 and self.weight[0] == self.groups

    @property
    def taps(self) -> int:
        """Inputs that one output adds up."""
        return prod(self.weight[1:])

    @property
    def is_plain(self) -> bool:
        """Whether tensors keep their layout: groups that no block of channels fits."""
        return self.groups > 1 and not self.depthwise

    @property
    def by_gemm(self) -> bool:
        """Whether oneDNN runs it by im2col and a matrix product in every direction."""
        narrow = min(self.weight[1], self.weight[0] // self.groups) < _NARROW_GROUP
        return self.is_plain and narrow and self.weight[1] != self.weight[0] // self.groups

    @property
    def weight_by_gemm(self) -> bool:
        """Whether the weight's gradient is made that way."""
        if self.groups == 1:
            return False
        large = max(self.kernel) >= 5 if self.depthwise else self.weight[1] % _NARROW_GROUP != 0
        return large or self.by_gemm

    @property
    def jumps(self) -> bool:
        """Whether it is strided and dilated at once, which oneDNN runs backward by a matrix product."""
        return self.groups == 1 and max(self.op.stride) > 1 and max(self.op.dilation) > 1

    def blocked(self, shape: tuple[int, ...]) -> int:
        """Bytes of (N, C, ...) as oneDNN lays it out."""
        return prod(self.blocked_shape(shape)) * self.item

    def blocked_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], shape[1] if self.is_plain else _padded(shape[1]), *shape[2:])

    def plain(self, shape: tuple[int, ...]) -> int:
        return prod(shape) * self.item

    @property
    def blocked_weight(self) -> int:
        out, inner = self.weight[:2]
        if self.depthwise:
            return _padded(out) * prod(self.kernel) * self.item
        if self.groups > 1:
            return self.plain(self.weight) if prod(self.kernel) > 1 else 0
        inner = _padded(inner) if inner >= _BLOCK or prod(self.kernel) == 1 else inner
        return _padded(out) * inner * prod(self.kernel) * self.item

    @property
    def source(self) -> int:
        """Bytes of the reordered input: images of a few channels are read as they are."""
        return self.blocked(self.x) if self.x[1] >= _BLOCK or prod(self.kernel) == 1 else 0

    @property
    def is_native(self) -> bool:
        """Whether torch's own im2col kernel runs instead of oneDNN (`use_mkldnn` in its Convolution.cpp)."""
        if len(self.x) != 4 or self.item != _FLOAT_BYTES or self.groups > 1:
            return False
        if self.x[0] == 1 and not all(k > 3 for k in self.kernel) and prod(self.x) <= _SMALL_INPUT:
            return True
        strided = max(*self.op.stride, *self.op.dilation) > 1
        return self.threads == 1 and prod(self.kernel) == 1 and not strided and self.x[0] < _FEW_IMAGES

    @property
    def pointwise_strided(self) -> bool:
        return prod(self.kernel) == 1 and max(self.op.stride) > 1


def forward(op: Conv | ConvTranspose, step: Step, threads: int) -> Script:
    """What happens in memory while a convolution runs forward."""
    call = _call(op, step, threads)
    if isinstance(op, ConvTranspose):
        return _transposed_forward(call)
    if call.is_native:
        columns = call.taps * prod(call.out[2:]) * call.item if prod(call.kernel) > 1 else 0
        return [columns, OUTPUT, -columns] if columns else PLAIN_FORWARD
    if step.layout == CHANNELS_LAST:
        copy, turned = step.inputs[1].nbytes, _turned_weight(call, step)
        return [turned, OUTPUT, copy, -copy, -turned]
    source, filters, target = call.source, call.blocked_weight, call.blocked(call.out)
    if call.by_gemm:
        columns = threads * call.taps * min(prod(call.out[2:]), _WIDE_COLUMNS) * call.item if prod(call.kernel) > 1 else 0
        return [columns, target, -columns, OUTPUT, -target]
    gathered = threads * call.x[1] * prod(call.out[2:]) * call.item if call.pointwise_strided else 0
    return [gathered, source, filters, target, -filters, -source, -gathered, OUTPUT, -target]


def backward(op: Conv | ConvTranspose, step: Step, threads: int) -> Script:
    """What happens in memory while a convolution runs backward."""
    call = _call(op, step, threads)
    needs = [*step.needs, False][:3]
    if not isinstance(op, ConvTranspose) and call.is_native:
        script: Script = [GRADIENTS[i] for i in range(3) if needs[i]]
        columns = call.taps * prod(call.out[2:]) * call.item if prod(call.kernel) > 1 else 0
        return [*script, columns, -columns] if columns else script
    if step.layout == CHANNELS_LAST:
        return _channels_last_backward(call, step, needs)
    script = (_input_gradient(call) if needs[0] else []) + (_weight_gradient(call, needs[2]) if needs[1] else [])
    return script if needs[1] or not needs[2] else [*script, GRADIENTS[2]]


def _call(op: Conv | ConvTranspose, step: Step, threads: int) -> _Call:
    x, weight, out = step.inputs[0], step.inputs[1].shape, step.outputs[0]
    return _Call(op, x.shape, weight, out.shape, ITEM_BYTES[x.dtype], threads)


def _transposed_forward(call: _Call) -> Script:
    filters = call.blocked_weight
    if max(call.op.stride) > 1 and call.groups == 1:
        source, target, work = call.plain(call.x), call.plain(call.out), _strided_work(call, call.out)
        return [work, source, filters, target, -filters, -source, -work, target, OUTPUT, -target, -target]
    source, target = call.blocked(call.x), call.blocked(call.out)
    return [target, source, filters, target, -filters, -source, -target, OUTPUT, -target]


def _strided_work(call: _Call, image: tuple[int, ...]) -> int:
    return min(call.threads * _STRIDED_BYTES * min(image[1], 64), 2 * call.plain(image))


def _input_gradient(call: _Call) -> Script:
    grad, filters, source = call.blocked(call.out), call.blocked_weight, call.blocked(call.x)
    if isinstance(call.op, ConvTranspose):
        return [grad, filters, source, -filters, -grad, GRADIENTS[0], -source]
    if call.by_gemm or call.jumps:
        columns = call.threads * call.taps * prod(call.out[2:]) * call.item if prod(call.kernel) > 1 else 0
        return [source, columns, -columns, GRADIENTS[0], -source]
    if max(call.op.stride) > 1 and call.groups == 1:  # made channels-last, then packed over one more copy
        grad, source, work = call.plain(call.out), call.plain(call.x), _strided_work(call, call.x)
        return [grad, filters, source, work, -work, -filters, -grad, source, GRADIENTS[0], -source, -source]
    return [grad, filters, source, -filters, -grad, GRADIENTS[0], -source]


def _weight_gradient(call: _Call, bias: bool) -> Script:
    made: Script = [GRADIENTS[1], *([GRADIENTS[2]] if bias else [])]
    filters = call.blocked_weight or call.plain(call.weight)
    if call.weight_by_gemm or call.jumps:
        positions = prod(call.out[2:])
        copies = call.threads if positions < _SHARED_POSITIONS else 1
        columns = call.taps * positions if prod(call.kernel) > 1 else 0
        work = copies * call.item * (columns + prod(call.weight) * (_PARTS_OF_JUMPING if call.jumps else 1))
        return [filters, work, -work, *made, -filters]
    grad, source = call.blocked(call.out), call.source
    partial = _partial_weights(call)
    gathered = call.threads * min(call.x[1], 128) * prod(call.out[2:]) * call.item if call.pointwise_strided else 0
    work = gathered + partial
    return [grad, source, filters, work, -work, -source, -grad, *made, -filters]


def _partial_weights(call: _Call) -> int:
    """Bytes of the weight gradients that threads sum over a part of the batch each, beyond the first one's.

    oneDNN splits the work over images where the weights are light beside the activations, else over channels.
    """
    parts = min(call.threads, call.x[0])
    if call.groups > 1:
        return 0
    ends = prod(call.blocked_shape(call.x)) + prod(call.blocked_shape(call.out))
    weights = _padded(call.weight[0]) * _padded(call.weight[1]) * prod(call.kernel)
    if ends / 2 < _LIGHT * weights:
        parts = 1
    work = _BARRIERS if parts > 1 else 0
    if call.item == _FLOAT_BYTES:
        return work + (parts - 1) * call.blocked_weight
    # in half precision the sums are float32, and each thread turns an image of both ends over
    turned = call.threads * call.item * ends // call.x[0] if prod(call.kernel) > 1 else 0
    return work + parts * _FLOAT_BYTES * weights + turned


def _channels_last_backward(call: _Call, step: Step, needs: list[bool]) -> Script:
    copy, turned = step.inputs[1].nbytes, _turned_weight(call, step)
    script: Script = [turned, GRADIENTS[0], copy, -copy] if needs[0] else [turned]
    if needs[1]:
        # a large depthwise kernel's gradient is summed from 256 partial ones
        many = call.weight[1] == 1 and call.groups > 1 and max(call.kernel) >= 5
        sums = 256 * copy if many else call.blocked_weight or copy
        partial = sums * (_FLOAT_BYTES // call.item)  # in float32
        script += [partial, copy, GRADIENTS[1], -copy, -partial]
    if needs[2]:
        script.append(GRADIENTS[2])
    return [*script, -turned]


def _turned_weight(call: _Call, step: Step) -> int:
    """Bytes of a packed weight's copy in channels-last; one of a single channel or position is both."""
    as_it_is = step.second_layout == CHANNELS_LAST or call.weight[1] == 1 or prod(call.kernel) == 1
    return 0 if as_it_is else step.inputs[1].nbytes
