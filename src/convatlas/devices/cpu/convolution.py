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
from ..call import CHANNELS_LAST, Call
from ..script import GRADIENTS, OUTPUT, PLAIN, Script

_BLOCK = 16  # channels that oneDNN lays side by side with AVX-512
_SMALL_INPUT = 20480  # elements; below it a single image's convolution goes to torch's own kernel
_FEW_IMAGES = 16  # with one thread, 1x1 convolutions of fewer images go to torch's own kernel
_NARROW_GROUP = 8  # channels of a group below which oneDNN works by im2col and a matrix product
_SHARED_POSITIONS = 512  # output positions above which the threads share one im2col buffer
_WIDE_COLUMNS = 1536  # positions of im2col at a time in a forward pass
_FLOAT_BYTES = 4
_LIGHT = 8  # activations to weights above which oneDNN splits a weight's gradient over images
_PARTS_OF_JUMPING = 4  # partial weight gradients of a thread, where a convolution is strided and dilated at once
_ROW_OF_REGISTERS = {1: 28, 2: 10, 3: 7, 4: 6}  # output positions at once, by blocks of channels; seen
_PRODUCT_COLUMNS = ((640, 190_000), (10**9, 92_160))  # elements of columns at a time, up to so many taps; seen
_BARRIERS = 8576  # bytes in which threads that sum up partial gradients wait for each other
_STRIDED_BYTES = 6600  # a thread's buffer for a strided convolution's gradient, for each of up to 64 channels


def _padded(channels: int) -> int:
    return -(-channels // _BLOCK) * _BLOCK


@dataclass(frozen=True, slots=True)
class _Convolution:
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
        """Whether torch's own im2col or vol2col kernel runs instead of oneDNN (`use_mkldnn` in its Convolution.cpp)."""
        if self.item != _FLOAT_BYTES or self.groups > 1:
            return False
        if self.x[0] == 1 and not (len(self.kernel) > 1 and min(self.kernel[-2:]) > 3) and prod(self.x[:4]) <= _SMALL_INPUT:
            return True
        strided = max(*self.op.stride, *self.op.dilation) > 1
        plain = isinstance(self.op, Conv) and len(self.x) == 4 and prod(self.kernel) == 1 and not strided
        return self.threads == 1 and plain and self.x[0] < _FEW_IMAGES

    @property
    def columns(self) -> int:
        """Bytes of torch's own columns of one image: each position with all that its window holds."""
        if isinstance(self.op, ConvTranspose):
            return self.out[1] * prod(self.kernel) * prod(self.x[2:]) * self.item
        return self.taps * prod(self.out[2:]) * self.item

    @property
    def overflows(self) -> bool:
        """Whether a forward pass has more padding than oneDNN's kernel has registers for a row; then it is a matrix product."""
        return self.groups == 1 and max(p for p, _ in self._padding) > _ROW_OF_REGISTERS[min(_padded(self.weight[0]) // _BLOCK, 4)]

    @property
    def overflows_backward(self) -> bool:
        """The same for the gradient of the input."""
        blocks = min(_padded(self.weight[1]) // _BLOCK, 3 if self.x[-1] > 32 else 2)
        return self.groups == 1 and max(p for p, _ in self._padding) > _ROW_OF_REGISTERS[blocks]

    @property
    def weight_does_not_fit(self) -> bool:
        """Whether oneDNN's kernel for the weight's gradient refuses it (its `init_conf`), so that it is a matrix product."""
        spans = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.op.dilation, strict=True)]
        before = [p for p, _ in self._padding]
        dilated = max(self.op.dilation) > 1
        if self.groups > 1 or len(self.kernel) == 1:
            return False
        if (dilated and spans[-2] > self.x[-2]) or before[-1] >= spans[-1] or before[-1] > 28 or self.kernel[-1] > 14:
            return True
        if before[-2] > spans[-2] / 2:
            return True
        if len(self.kernel) < 3:
            return False
        return self.op.dilation[0] > 1 or (before[0] > 0 and self.kernel[0] >= self.x[2] + before[0])

    @property
    def _padding(self) -> list[tuple[int, int]]:
        return [(p, p) if isinstance(p, int) else p for p in self.op.padding]

    @property
    def pointwise_strided(self) -> bool:
        return prod(self.kernel) == 1 and max(self.op.stride) > 1


def forward(op: Conv | ConvTranspose, call: Call, threads: int) -> Script:
    """What happens in memory while a convolution runs forward."""
    conv = _convolution(op, call, threads)
    if conv.is_native:
        return _native_forward(conv)
    if isinstance(op, ConvTranspose):
        return _transposed_forward(conv)
    if call.layout == CHANNELS_LAST:
        copy, turned = call.inputs[1].nbytes, _turned_weight(conv, call)
        return [turned, OUTPUT, copy, -copy, -turned]
    source, filters, target = conv.source, conv.blocked_weight, conv.blocked(conv.out)
    if conv.by_gemm:
        columns = threads * conv.taps * min(prod(conv.out[2:]), _WIDE_COLUMNS) * conv.item if prod(conv.kernel) > 1 else 0
        return [columns, target, -columns, OUTPUT, -target]
    if isinstance(op, Conv) and conv.overflows:
        most = next(elements for taps, elements in _PRODUCT_COLUMNS if conv.taps <= taps)
        columns = threads * min(conv.taps * prod(conv.out[2:]), most) * conv.item
        return [columns, target, -columns, OUTPUT, -target]
    gathered = threads * conv.x[1] * prod(conv.out[2:]) * conv.item if conv.pointwise_strided else 0
    return [gathered, source, filters, target, -filters, -source, -gathered, OUTPUT, -target]


def backward(op: Conv | ConvTranspose, call: Call, threads: int) -> Script:
    """What happens in memory while a convolution runs backward."""
    conv = _convolution(op, call, threads)
    needs = [*call.wanted, False][:3]
    if conv.is_native:
        return _native_backward(conv, needs)
    if call.layout == CHANNELS_LAST:
        return _channels_last_backward(conv, call, needs)
    script = (_input_gradient(conv) if needs[0] else []) + (_weight_gradient(conv, needs[2]) if needs[1] else [])
    return script if needs[1] or not needs[2] else [*script, GRADIENTS[2]]


def _convolution(op: Conv | ConvTranspose, call: Call, threads: int) -> _Convolution:
    x, weight, out = call.inputs[0], call.inputs[1].shape, call.outputs[0]
    return _Convolution(op, x.shape, weight, out.shape, ITEM_BYTES[x.dtype], threads)


def _native_forward(conv: _Convolution) -> Script:
    columns = conv.columns
    if isinstance(conv.op, ConvTranspose):
        if len(conv.kernel) < 3:
            return [OUTPUT, columns, -columns]
        x, channel = conv.plain(conv.x), conv.plain(conv.out[2:])
        return [x, OUTPUT, -x, columns, channel, -channel, -columns]
    if prod(conv.kernel) == 1:
        return PLAIN
    return [OUTPUT, columns, -columns] if max(conv.op.dilation) > 1 else [columns, OUTPUT, -columns]


def _native_backward(conv: _Convolution, needs: list[bool]) -> Script:
    columns, volume, transposed = conv.columns, len(conv.kernel) == 3, isinstance(conv.op, ConvTranspose)
    of_input: Script = [GRADIENTS[0]] if needs[0] else []
    of_weight: Script = [GRADIENTS[i] for i in (1, 2) if needs[i]]
    if prod(conv.kernel) == 1 and not transposed:
        x = conv.plain(conv.x)
        return [*of_input, x, -x, *of_weight] if volume else [*of_input, *of_weight]
    if transposed or (volume and max(conv.op.dilation) == 1):
        return [*of_input, *([columns, -columns] if needs[0] else []), *of_weight, columns, -columns]
    return [*of_input, *of_weight, columns, -columns]


def _transposed_forward(conv: _Convolution) -> Script:
    filters = conv.blocked_weight
    if max(conv.op.stride) > 1 and conv.groups == 1:
        source, target, work = conv.plain(conv.x), conv.plain(conv.out), _strided_work(conv, conv.out)
        return [work, source, filters, target, -filters, -source, -work, target, OUTPUT, -target, -target]
    source, target = conv.blocked(conv.x), conv.blocked(conv.out)
    return [target, source, filters, target, -filters, -source, -target, OUTPUT, -target]


def _strided_work(conv: _Convolution, image: tuple[int, ...]) -> int:
    return min(conv.threads * _STRIDED_BYTES * min(image[1], 64), 2 * conv.plain(image))


def _input_gradient(conv: _Convolution) -> Script:
    grad, filters, source = conv.blocked(conv.out), conv.blocked_weight, conv.blocked(conv.x)
    if isinstance(conv.op, ConvTranspose):
        return [grad, filters, source, -filters, -grad, GRADIENTS[0], -source]
    if conv.by_gemm or conv.jumps or conv.overflows_backward:
        columns = conv.threads * conv.taps * prod(conv.out[2:]) * conv.item if prod(conv.kernel) > 1 else 0
        return [source, columns, -columns, GRADIENTS[0], -source]
    if max(conv.op.stride) > 1 and conv.groups == 1:  # made channels-last, then packed over one more copy
        grad, source, work = conv.plain(conv.out), conv.plain(conv.x), _strided_work(conv, conv.x)
        return [grad, filters, source, work, -work, -filters, -grad, source, GRADIENTS[0], -source, -source]
    return [grad, filters, source, -filters, -grad, GRADIENTS[0], -source]


def _weight_gradient(conv: _Convolution, bias: bool) -> Script:
    made: Script = [GRADIENTS[1], *([GRADIENTS[2]] if bias else [])]
    filters = conv.blocked_weight or conv.plain(conv.weight)
    if conv.weight_by_gemm or conv.jumps or (isinstance(conv.op, Conv) and conv.weight_does_not_fit):
        positions = prod(conv.out[-2:])  # of one slice of a volume
        copies = conv.threads if positions < _SHARED_POSITIONS and conv.x[0] > 1 else 1
        columns = conv.taps * positions if prod(conv.kernel) > 1 else 0
        work = copies * conv.item * (columns + prod(conv.weight) * (_PARTS_OF_JUMPING if conv.jumps else 1))
        return [filters, work, -work, *made, -filters]
    grad, source = conv.blocked(conv.out), conv.source
    partial = _partial_weights(conv)
    gathered = conv.threads * min(conv.x[1], 128) * prod(conv.out[2:]) * conv.item if conv.pointwise_strided else 0
    work = gathered + partial
    return [grad, source, filters, work, -work, -source, -grad, *made, -filters]


def _partial_weights(conv: _Convolution) -> int:
    """Bytes of the weight gradients that threads sum over a part of the batch each, beyond the first one's.

    oneDNN splits the work over images where the weights are light beside the activations, else over channels.
    """
    parts = min(conv.threads, conv.x[0])
    if conv.groups > 1:
        return 0
    ends = prod(conv.blocked_shape(conv.x)) + prod(conv.blocked_shape(conv.out))
    weights = _padded(conv.weight[0]) * _padded(conv.weight[1]) * prod(conv.kernel)
    if ends / 2 < _LIGHT * weights:
        parts = 1
    work = _BARRIERS if parts > 1 else 0
    if conv.item == _FLOAT_BYTES:
        return work + (parts - 1) * conv.blocked_weight
    # in half precision the sums are float32, and each thread turns an image of both ends over
    turned = conv.threads * conv.item * ends // conv.x[0] if prod(conv.kernel) > 1 else 0
    return work + parts * _FLOAT_BYTES * weights + turned


def _channels_last_backward(conv: _Convolution, call: Call, needs: list[bool]) -> Script:
    copy, turned = call.inputs[1].nbytes, _turned_weight(conv, call)
    script: Script = [turned, GRADIENTS[0], copy, -copy] if needs[0] else [turned]
    if needs[1]:
        # a large depthwise kernel's gradient is summed from 256 partial ones
        many = conv.weight[1] == 1 and conv.groups > 1 and max(conv.kernel) >= 5
        sums = 256 * copy if many else conv.blocked_weight or copy
        partial = sums * (_FLOAT_BYTES // conv.item)  # in float32
        script += [partial, copy, GRADIENTS[1], -copy, -partial]
    if needs[2]:
        script.append(GRADIENTS[2])
    return [*script, -turned]


def _turned_weight(conv: _Convolution, call: Call) -> int:
    """Bytes of a packed weight's copy in channels-last; one of a single channel or position is both."""
    as_it_is = call.second_layout == CHANNELS_LAST or conv.weight[1] == 1 or prod(conv.kernel) == 1
    return 0 if as_it_is else call.inputs[1].nbytes
