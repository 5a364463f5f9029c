"""Memory that a convolution takes on a CPU for a moment: oneDNN's reordered copies and scratchpads, and torch's own im2col.

Seen in the allocations that torch's profiler reports (torch 2.14, x86 with AVX-512). oneDNN lays channels out in blocks of
16, so that 24 channels take the place of 32; which kernel it runs, and what that books, stands in `onednn`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

from ...graph.ops import Conv, ConvTranspose
from ...graph.spec import ITEM_BYTES
from ..call import CHANNELS_LAST, Call
from ..script import GRADIENTS, OUTPUT, PLAIN, Script
from .onednn import BLOCK, ENTRY, Problem, half_partial_weights, padded, problem_of

SMALL_INPUT = 20480  # elements; below it a single image's convolution goes to torch's own kernel
FEW_IMAGES = 16  # with one thread, convolutions of fewer images that are 1x1 within a plane go to torch's own kernel
_FLOAT_BYTES = 4


def is_native(op: Conv | ConvTranspose, x: tuple[int, ...], kernel: tuple[int, ...], item: int, threads: int) -> bool:
    """Whether torch's own im2col or vol2col kernel runs instead of oneDNN (`use_mkldnn` in its Convolution.cpp).

    Args:
        op: the convolution.
        x: shape of its input.
        kernel: its size.
        item: bytes of an element.
        threads: of the CPU.

    """
    if item != _FLOAT_BYTES:
        return False
    in_plane = all(size == 1 for size in kernel[-2:]) and max(*op.stride, *op.dilation) == 1
    if threads == 1 and isinstance(op, Conv) and in_plane and x[0] < FEW_IMAGES:
        return True
    large = len(kernel) > 1 and min(kernel[-2:]) > 3
    return op.groups == 1 and x[0] == 1 and not large and prod(x[:4]) <= SMALL_INPUT


@dataclass(frozen=True)
class _Convolution:
    """One convolution with what its kernels depend on; a transposed one is seen as the gradient of one."""

    op: Conv | ConvTranspose
    x: tuple[int, ...]
    weight: tuple[int, ...]  # (out, in / groups, *kernel) of the convolution, or of the one that a transposed one reverses
    out: tuple[int, ...]
    item: int  # bytes of an element
    threads: int
    layouts: tuple[int, int]  # how the image and the weight lie

    @cached_property
    def problem(self) -> Problem:
        return problem_of(self.op, self.x, self.weight, self.out, self.threads)

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight[2:]

    @property
    def read(self) -> tuple[int, ...]:
        """What the convolution reads; a transposed one reads what it would make."""
        return self.out if isinstance(self.op, ConvTranspose) else self.x

    @property
    def made(self) -> tuple[int, ...]:
        return self.x if isinstance(self.op, ConvTranspose) else self.out

    def plain(self, shape: tuple[int, ...]) -> int:
        """Bytes of a tensor as it is."""
        return prod(shape) * self.item

    def blocked(self, shape: tuple[int, ...], block: int = BLOCK) -> int:
        """Bytes of (N, C, ...) in blocks of channels; a group's blocks are whole, so that several groups need no padding."""
        several = self.op.groups > 1 and not self.problem.depthwise
        return prod((shape[0], shape[1] if several else padded(shape[1], block), *shape[2:])) * self.item

    def source(self, block: int = BLOCK) -> int:
        """Bytes of the reordered input: images of a few channels are read as they are."""
        few = self.problem.groups == 1 and self.read[1] < block and prod(self.kernel) > 1
        return 0 if few else self.blocked(self.read, block)

    def filters(self, inner_block: int = BLOCK, outer_block: int = BLOCK) -> int:
        """Bytes of the reordered weight, its channels in such blocks."""
        out, inner = self.weight[:2]
        if self.problem.depthwise:
            return padded(out, outer_block) * prod(self.kernel) * self.item
        if self.problem.groups > 1:
            return self.plain(self.weight)
        return padded(out, outer_block) * padded(inner, inner_block) * prod(self.kernel) * self.item

    @property
    def read_filters(self) -> int:
        """Those of a pass that reads few channels as they are."""
        return self.filters(inner_block=BLOCK if self.source() else 1)

    @property
    def turned(self) -> int:
        """Bytes of a copy in channels-last of whichever of both lies packed; a weight of a single channel or position is both."""
        if self.layouts[0] != CHANNELS_LAST:
            return self.plain(self.x)
        as_it_is = self.layouts[1] == CHANNELS_LAST or self.weight[1] == 1 or prod(self.kernel) == 1
        return 0 if as_it_is else self.plain(self.weight)

    @property
    def last_filters(self) -> int:
        """Those of a channels-last pass, where a group's channels are padded too."""
        problem, outer_axes = self.problem, prod(self.kernel) * self.item
        if problem.depthwise or problem.groups == 1:
            return padded(self.weight[0], BLOCK) * self.weight[1] * outer_axes
        block = problem.last_block
        return problem.groups * padded(problem.inner, block) * padded(problem.outer, block) * outer_axes

    @property
    def last_sums(self) -> int:
        """The weight's gradient as it is summed, channels-last: groups in whole blocks of 16 channels."""
        problem, taps = self.problem, prod(self.kernel) * self.item
        if problem.depthwise and problem.weight_block:
            return padded(self.weight[0], BLOCK) * taps
        if problem.groups > 1:
            return problem.groups * padded(problem.inner, BLOCK) * padded(problem.outer, BLOCK) * taps
        inner = problem.inner if problem.inner < BLOCK else padded(problem.inner, BLOCK)
        return inner * padded(problem.outer, BLOCK) * taps

    @cached_property
    def is_native(self) -> bool:
        return is_native(self.op, self.x, self.kernel, self.item, self.threads)

    @property
    def is_pointwise(self) -> bool:
        """Whether each position of the input makes one of the output, and nothing lies between."""
        return prod(self.kernel) == 1 and max(*self.op.stride, *self.op.dilation) == 1

    @property
    def columns(self) -> int:
        """Bytes of torch's own columns: each position with all that its window holds; of one image, or of all volumes."""
        if isinstance(self.op, ConvTranspose):
            return self.out[1] * prod(self.kernel) * prod(self.x[2:]) * self.item
        at_once = self.x[0] if len(self.kernel) == 3 else 1
        return at_once * prod(self.weight[1:]) * prod(self.out[2:]) * self.item

    @property
    def gathered(self) -> tuple[int, int]:
        """Bytes that a strided 1x1 convolution of a line or plane first gathers, forward and for the weight's gradient."""
        if prod(self.kernel) > 1 or max(self.op.stride) == 1 or len(self.kernel) == 3 or self.op.groups > 1:
            return 0, 0
        positions = self.threads * prod(self.out[2:]) * self.item
        return positions * self.x[1], positions * min(self.x[1], 128)

    def summed(self, image: tuple[int, ...]) -> int:
        """Bytes in which the threads of a pointwise convolution in half precision sum up an ``image`` each, in float32."""
        half = self.item != _FLOAT_BYTES and self.is_pointwise and self.problem.groups == 1
        return self.threads * prod(image[1:]) * _FLOAT_BYTES + ENTRY if half else 0


def forward(op: Conv | ConvTranspose, call: Call, threads: int) -> Script:
    """What happens in memory while a convolution runs forward."""
    return _forward(_convolution(op, call, threads))


@lru_cache(maxsize=4096)  # networks repeat their layers
def _forward(conv: _Convolution) -> Script:
    transposed = isinstance(conv.op, ConvTranspose)
    if conv.is_native:
        return _native_forward(conv)
    if CHANNELS_LAST in conv.layouts:
        turned, filters, work = conv.turned, conv.last_filters, _last_work(conv, transposed)
        return [turned, OUTPUT, work, filters, -filters, -work, -turned]
    if transposed:
        return _transposed_forward(conv)
    block = conv.problem.forward_block
    if not block:
        columns, target = conv.problem.forward_scratch() * conv.item // _FLOAT_BYTES, conv.plain(conv.out)
        return [columns, target, -columns, OUTPUT, -target]
    if conv.problem.depthwise and len(conv.kernel) == 3:  # channels innermost, then packed over one more copy
        source, filters, target = conv.plain(conv.x), conv.filters(), conv.plain(conv.out)
        return [source, filters, target, -filters, -source, target, OUTPUT, -target, -target]
    source, filters, target = conv.source(), conv.read_filters, conv.blocked(conv.out, block)
    gathered = conv.gathered[0] + conv.summed(conv.out)
    return [gathered, source, filters, target, -filters, -source, -gathered, OUTPUT, -target]


def backward(op: Conv | ConvTranspose, call: Call, threads: int) -> Script:
    """What happens in memory while a convolution runs backward."""
    return _backward(_convolution(op, call, threads), (*call.wanted, False)[:3])


@lru_cache(maxsize=4096)
def _backward(conv: _Convolution, needs: tuple[bool, ...]) -> Script:
    if conv.is_native:
        return _native_backward(conv, needs)
    if CHANNELS_LAST in conv.layouts:
        return _channels_last_backward(conv, needs)
    script = (_input_gradient(conv) if needs[0] else []) + (_weight_gradient(conv, needs[2]) if needs[1] else [])
    return script if needs[1] or not needs[2] else [*script, GRADIENTS[2]]


def _convolution(op: Conv | ConvTranspose, call: Call, threads: int) -> _Convolution:
    x, weight, out = call.inputs[0], call.inputs[1].shape, call.outputs[0]
    return _Convolution(op, x.shape, weight, out.shape, ITEM_BYTES[x.dtype], threads, (call.layout, call.second_layout))


def _native_forward(conv: _Convolution) -> Script:
    columns = conv.columns
    if conv.op.groups > 1:  # one after another, then put together
        return [conv.plain(conv.out), OUTPUT, -conv.plain(conv.out)]
    if isinstance(conv.op, ConvTranspose):
        if len(conv.kernel) < 3:
            return [OUTPUT, columns, -columns]
        x, channel = conv.plain(conv.x), conv.plain(conv.out[2:])
        return [x, OUTPUT, -x, columns, channel, -channel, -columns]
    if conv.is_pointwise:
        return PLAIN
    return [OUTPUT, columns, -columns] if max(conv.op.dilation) > 1 else [columns, OUTPUT, -columns]


def _native_backward(conv: _Convolution, needs: tuple[bool, ...]) -> Script:
    columns, volume, transposed = conv.columns, len(conv.kernel) == 3, isinstance(conv.op, ConvTranspose)
    of_input: Script = [GRADIENTS[0]] if needs[0] else []
    of_weight: Script = [GRADIENTS[i] for i in (1, 2) if needs[i]]
    if conv.op.groups > 1:
        parts = [conv.plain(shape) for shape, needed in zip((conv.x, conv.weight), needs, strict=False) if needed]
        return [*parts, *of_input, *of_weight, *(-part for part in parts)]
    if conv.is_pointwise and not transposed:
        x = conv.plain(conv.x)
        return [*of_input, x, -x, *of_weight] if volume else [*of_input, *of_weight]
    if transposed or (volume and max(conv.op.dilation) == 1):
        return [*of_input, *([columns, -columns] if needs[0] else []), *of_weight, columns, -columns]
    return [*of_input, *of_weight, columns, -columns]


def _transposed_forward(conv: _Convolution) -> Script:
    problem, result = conv.problem, conv.plain(conv.out)
    if problem.spread:
        source, filters = conv.plain(conv.x), conv.filters(outer_block=1)
        work = problem.spread_scratch(conv.item) + ENTRY + (result if problem.is_uneven else 0)
        return [work, source, filters, result, -filters, -source, -work, result, OUTPUT, -result, -result]
    if problem.data_by_product:
        work = problem.data_scratch() + result + ENTRY
        return [work, result, -work, OUTPUT, -result]
    source, target, filters = conv.blocked(conv.x), conv.blocked(conv.out), conv.filters()
    return [target, source, filters, target, -filters, -source, -target, OUTPUT, -target]


def _input_gradient(conv: _Convolution) -> Script:
    if isinstance(conv.op, ConvTranspose):
        block, x = conv.problem.forward_block, conv.plain(conv.x)
        if not block:
            work = conv.problem.forward_scratch()
            return [x, work, -work, GRADIENTS[0], -x]
        if conv.problem.depthwise and len(conv.kernel) == 3:
            grad, filters = conv.plain(conv.out), conv.filters()
            return [grad, filters, x, -filters, -grad, x, GRADIENTS[0], -x, -x]
        grad, filters, source = conv.source(), conv.read_filters, conv.blocked(conv.x, block)
        return [grad, filters, source, -filters, -grad, GRADIENTS[0], -source]
    if conv.problem.data_by_product:
        source, columns = conv.plain(conv.x), conv.problem.data_scratch()
        return [source, columns, -columns, GRADIENTS[0], -source]
    if conv.problem.spread:  # made channels-last, then packed over one more copy
        grad, source, filters = conv.plain(conv.out), conv.plain(conv.x), conv.filters(outer_block=1)
        work = conv.problem.spread_scratch(conv.item)
        return [grad, filters, source, work, -work, -filters, -grad, source, GRADIENTS[0], -source, -source]
    grad, filters, source, summed = conv.blocked(conv.out), conv.filters(), conv.blocked(conv.x), conv.summed(conv.x)
    return [grad, filters, source, summed, -summed, -filters, -grad, GRADIENTS[0], -source]


def _weight_gradient(conv: _Convolution, bias: bool) -> Script:
    gradients: Script = [GRADIENTS[1], *([GRADIENTS[2]] if bias else [])]
    block = conv.problem.weight_block
    if not block:
        filters, work = conv.plain(conv.weight), conv.problem.weight_scratch()
        return [filters, work, -work, *gradients, -filters]
    grad, source = conv.blocked(conv.made, block), conv.source(min(block, max(conv.problem.inner, 4) if block < BLOCK else block))
    filters = conv.filters(block, block) if block < BLOCK else conv.read_filters
    work = conv.gathered[1] + _partial_weights(conv)
    return [grad, source, filters, work, -work, -source, -grad, *gradients, -filters]


def _partial_weights(conv: _Convolution, channels_last: bool = False) -> int:
    """Bytes of the weight gradients that threads sum over a part of the batch each, beyond the first one's."""
    if conv.item == _FLOAT_BYTES:
        return conv.problem.partial_weights(channels_last)
    return half_partial_weights(conv.problem, channels_last)


def _channels_last_backward(conv: _Convolution, needs: tuple[bool, ...]) -> Script:
    turned, copy = conv.turned, conv.plain(conv.weight)
    script: Script = [turned]
    if needs[0]:
        filters, work = conv.last_filters, _last_work(conv, not isinstance(conv.op, ConvTranspose))
        script += [GRADIENTS[0], filters, work, -work, -filters]
    if needs[1]:
        work = _partial_weights(conv, channels_last=True)
        sums = conv.last_sums
        script += [sums, work, -work, *([GRADIENTS[2]] if needs[2] else []), copy, GRADIENTS[1], -copy, -sums]
    elif needs[2]:
        script.append(GRADIENTS[2])
    return [*script, -turned]


def _last_work(conv: _Convolution, spreads: bool) -> int:
    """Scratchpad of a channels-last pass, which may be the one that spreads a small map over a strided one."""
    problem = conv.problem
    if not problem.by_calls:
        return 0
    if spreads and problem.spread:
        return problem.spread_scratch(conv.item) + (ENTRY if isinstance(conv.op, ConvTranspose) else 0)
    return problem.calls_scratch + (ENTRY if spreads else 0)


def runs_last(call: Call) -> bool:
    """Whether channels-last kernels run: where the image or the weight lies so."""
    return CHANNELS_LAST in (call.layout, call.second_layout)
