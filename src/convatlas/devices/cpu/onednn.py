"""Which of its kernels oneDNN runs a float32 convolution by, and the scratchpad that each books.

After oneDNN's own source, version 3.12, in the order in which it tries them: `jit_avx512_common_conv_kernel.cpp` (direct, in blocks of
channels), `jit_brgemm_conv_bwd_utils.cpp` (strided, channels-last) and `gemm_convolution_utils.cpp` (im2col and a matrix product).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

from ...graph.ops import Conv, ConvTranspose

BLOCK = 16  # floats of an AVX-512 register: channels that lie side by side
_NARROW = 8  # those of an AVX2 register
_REGISTERS = 28  # for a row of results
_LARGEST_CODE = 256 * 1024  # bytes that a kernel may be generated into
_INSTRUCTION = 15  # bytes of one at most
_L1_BYTES = 32 * 1024
_FLOAT_BYTES = 4
_FEW_PRODUCTS = 65_536  # multiply-accumulates of a thread below which a matrix product is not worth sharing
_WIDE_COLUMNS = 1536  # positions of im2col at a time, in a forward pass of a plane; seen
_PAGE = 4096  # bytes, or elements: buffers of threads are rounded up to it
_CALL_BYTES = 40  # of a small product that a thread lines up, one for each tap of the kernel
ENTRY = 128  # bytes around one buffer of a scratchpad
_BARRIER = 8320  # bytes in which threads that sum up partial gradients wait for each other
_REDUCED = _BARRIER + _PAGE - 64  # bytes of one block of sums over threads
_ROWS = 9  # of a map, from which threads share its rows when they sum a weight's gradient


def padded(channels: int, block: int) -> int:
    """Channels, rounded up to whole blocks."""
    return -(-channels // block) * block


def _paged(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _largest_divisor(number: int, most: int) -> int:
    return next(each for each in range(min(number, most), 0, -1) if number % each == 0)


def _filled(pieces: int, threads: int) -> float:
    """The share of its time that a thread works, where so many equal pieces are dealt out."""
    return pieces / (ceil(pieces / threads) * threads)


@dataclass(frozen=True)
class Problem:
    """A convolution as oneDNN sees it: always over depth, height and width; a transposed one is the convolution it reverses.

    Attributes:
        inner, outer: input and output channels of a group.
        read, made: sizes of the map that it reads, and of the one it makes.
        before, after: padding on each side of an axis.

    """

    dimensions: int
    batch: int
    groups: int
    inner: int
    outer: int
    read: tuple[int, ...]
    made: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    threads: int

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.inner == self.outer == 1

    @property
    def taps(self) -> int:
        """Positions of the kernel."""
        return prod(self.kernel)

    @cached_property
    def spans(self) -> tuple[int, ...]:
        """What the kernel covers along each axis, with its holes."""
        return tuple([d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)])

    @property
    def dilated(self) -> bool:
        return max(self.dilation) > 1

    @property
    def group_block(self) -> int:
        """Channels that lie side by side in a group of several; 0 where none fits."""
        return next((block for block in (BLOCK, _NARROW, 4) if self.inner % block == 0 and self.outer % block == 0), 0)

    @property
    def _misses_the_map(self) -> bool:
        """Whether a window can lie in the padding alone."""
        return any(span <= max(ends) for span, *ends in zip(self.spans, self.before, self.after, strict=True))

    @property
    def forward_block(self) -> int:
        """Channels side by side in the direct kernel's forward pass; 0 where it is a matrix product."""
        if self.depthwise:
            return BLOCK
        if self.groups > 1 and not self.group_block:
            return 0
        block = self.group_block if self.groups > 1 else BLOCK
        blocks = -(-self.outer // block)
        inner = self.inner if self.groups == 1 and self.inner < BLOCK else block
        row = min(self.made[-1], _REGISTERS)
        at_once = 1
        if not self._broadcasts(block, inner):
            best = 0.0
            for each in (each for each in range(min(blocks, 5), 0, -1) if blocks % each == 0):
                filled = _filled(self.batch * self.made[1] * (blocks // each), self.threads)
                if filled > 1.05 * best:
                    at_once, best = each, filled
            row = min(self.made[-1], 31 // (at_once + 1))
        whole = self.made[-1] - self.made[-1] % row
        beyond = (whole - 1) * self.stride[-1] + self.spans[-1] - self.read[-1] - self.before[-1]
        code = (1 + (self.before[-1] > 0) + (self.after[-1] > 0)) * self.kernel[-1] * inner * at_once * row * _INSTRUCTION
        fits = self.before[-1] <= row and beyond <= row and code <= _LARGEST_CODE
        return block if fits and not self._misses_the_map else 0

    def _broadcasts(self, block: int, inner: int) -> bool:
        """Whether the forward kernel holds a whole row of results, for one block of output channels (`embd_bcast`)."""
        _, kernel_height, kernel_width = self.kernel
        width = self.made[-1]
        floats = ceil(self.read[-1] / self.stride[-1]) * inner * kernel_height * self.kernel[0]
        floats += 2 * block * (width + self.taps * inner)
        outer = padded(self.outer, block) if self.groups == 1 else self.outer
        small = kernel_width == 3 and width <= _REGISTERS and floats * _FLOAT_BYTES < _L1_BYTES
        strided = max(self.stride[1:]) > 1
        if kernel_width > 3 or (small and (not strided or (self.batch <= 16 and (outer <= 192 or self.made[1] <= 10)))):
            return True
        return self.batch == 1 and (width <= _REGISTERS or inner < block or (width <= 147 and outer <= 96))

    @property
    def data_by_product(self) -> bool:
        """Whether the input's gradient is a matrix product."""
        if self.depthwise:
            return self.dilated or self.dimensions == 3
        if (self.groups > 1 and not self.group_block) or (self.dilated and max(self.stride) > 1) or self._misses_the_map:
            return True
        if self.spread:
            return False
        block = self.group_block if self.groups > 1 else BLOCK
        row, at_once = self._data_row(block)
        reach, stride, width = self.spans[-1] - 1, self.stride[-1], self.read[-1]
        left = max(reach - self.before[-1], 0) // stride
        right = max(reach - max(self.after[-1] + width % row, 0), 0) // stride
        code = (1 + (left > 0) + (right > 0)) * self.kernel[-1] * block * at_once * row * _INSTRUCTION
        uneven = width > row and (row % stride != 0 or self.after[-1] + width % row < 0)
        return left * stride > row or right * stride > row or uneven or code > _LARGEST_CODE

    def _data_row(self, block: int) -> tuple[int, int]:
        """Positions of a row, and blocks of channels, that the kernel for the input's gradient holds at once."""
        width, kernel_width, blocks = self.read[-1], self.kernel[-1], -(-self.inner // block)
        strided = max(self.stride[:2]) > 1
        floats = 2 * block * self.kernel[1] * (width + kernel_width * block) + self.made[-1] * block
        num_bytes = floats * _FLOAT_BYTES
        short = kernel_width == 5 and width < 8
        middling = kernel_width < 5 and (width <= 5 or 8 < width <= 13 or num_bytes > _L1_BYTES)
        if not (kernel_width == 1 or short or middling) or strided:
            whole = kernel_width > 3 or (kernel_width == 3 and num_bytes < _L1_BYTES and self.made[-1] > 8) or strided
            return (min(width, _REGISTERS), 1) if whole or blocks % 2 else (min(width, 31 // 3), 2)
        at_once = _largest_divisor(blocks, 4)
        return min(width, 31 // (at_once + 1)), at_once

    @property
    def spread(self) -> bool:
        """Whether the input's gradient is spread over a strided map, channels innermost."""
        return self.groups == 1 and max(self.stride) > 1 and not self.dilated

    @property
    def is_uneven(self) -> bool:
        """Whether a strided map's rows do not divide by the stride."""
        return self.read[-1] % self.stride[-1] != 0

    @property
    def last_block(self) -> int:
        """Channels that a group's are padded to, channels-last."""
        return self.group_block if self.group_block and max(self.inner, self.outer) < BLOCK else BLOCK

    @property
    def by_calls(self) -> bool:
        """Whether a channels-last pass is made of small products."""
        return self.groups == 1 or (self.inner % BLOCK == 0 and self.outer % BLOCK == 0)

    @property
    def weight_block(self) -> int:
        """Channels side by side where the weight's gradient is made; 0 where it is a matrix product."""
        if self.depthwise:
            return 0 if self.dilated or self.dimensions == 3 or max(self.kernel) >= 5 else BLOCK
        if self.groups > 1:
            block = self.group_block
            return block if block == BLOCK or (block == _NARROW and self._narrow_takes_it) else 0
        if (
            (self.dilated and max(self.stride) > 1)
            or self.dilation[0] > 1
            or (self.dilation[1] > 1 and self.spans[1] > self.read[1])
        ):
            return 0
        if any(span <= max(ends) for span, *ends in list(zip(self.spans, self.before, self.after, strict=True))[::2]):
            return 0
        beyond = max(self.before[-1], self.after[-1]) > _REGISTERS or max(self.before[1], self.after[1]) > self.spans[1] // 2
        if beyond or self.kernel[-1] > 14 or (self.before[0] > 0 and self.kernel[0] >= self.read[0] + self.before[0]):
            return 0
        if 3 < self.inner < BLOCK and self.taps > 1:
            return _NARROW if self._narrow_takes_it else 0
        return BLOCK

    @property
    def _narrow_takes_it(self) -> bool:
        """Whether the kernel for AVX2 makes the weight's gradient: none dilated, no padding in depth."""
        flat = self.before[0] == 0 and self.after[0] <= 0
        return (
            flat and not self.dilated and all(kernel <= size for kernel, size in zip(self.kernel[:2], self.read[:2], strict=True))
        )

    def data_scratch(self) -> int:
        """Scratchpad of the input's gradient as a matrix product."""
        if self.taps == 1 and max(self.stride) == 1:
            return 0
        plane, read = prod(self.made[1:]), prod(self.read[1:])
        shared = self._filled_outside(1) >= _filled(-(-read // BLOCK) * -(-self.inner // BLOCK), self.threads)
        light = read * self.inner * self.outer // self.threads < _FEW_PRODUCTS
        many = (plane // self.threads < 512 or self.taps < 64) and (self.batch != 1 or self.groups > 2) and (shared or light)
        return (self.threads if many else 1) * self.inner * self.taps * plane * _FLOAT_BYTES + ENTRY

    def _filled_outside(self, depth: int) -> float:
        return _filled(self.groups * self.batch * depth, self.threads)

    def forward_scratch(self) -> int:
        """Scratchpad of a forward pass as a matrix product."""
        if self.taps == 1 and max(self.stride) == 1:
            return 0
        plane = prod(self.made[1:])
        if self.dimensions < 3:
            return self.threads * self.inner * self.taps * min(plane, _WIDE_COLUMNS) * _FLOAT_BYTES + ENTRY
        shared = self._filled_outside(self.made[0]) >= _filled(-(-plane // BLOCK) * -(-self.outer // BLOCK), self.threads)
        light = plane * self.inner * self.outer // self.threads < _FEW_PRODUCTS
        alone = self.made[0] == 1 and self.batch == 1 and self.groups <= 2
        many = plane // self.threads < 512 and not alone and (shared or light)
        return (self.threads if many else 1) * self.inner * self.taps * plane * _FLOAT_BYTES + ENTRY

    def weight_scratch(self) -> int:
        """Scratchpad of the weight's gradient as a matrix product: sums, booked four times over, and columns."""
        plane = prod(self.made[1:])
        many = plane // self.threads < 256 and (self.batch != 1 or self.groups > 2)
        columns = self.inner * self.taps * plane if self.taps > 1 or max(self.stride) > 1 else 0
        sums = 4 * self.groups * self.outer * self.inner * self.taps
        return (self.threads if many else 1) * _FLOAT_BYTES * (sums + columns) + ENTRY * (2 if columns else 1)

    @property
    def calls_scratch(self) -> int:
        """Lists of small products, one for each thread: the scratchpad of a channels-last kernel."""
        return self.threads * ceil(_paged(_CALL_BYTES * self.taps) / _CALL_BYTES) * _CALL_BYTES + _PAGE

    def spread_scratch(self, item: int) -> int:
        """Scratchpad of the kernel that spreads a map over a strided one, for elements of so many bytes.

        For each thread the list of its products, a padded copy of an image, a mask, and where the rows do not divide by the
        stride a row of results.
        """
        copied = self.outer
        for axis, span in enumerate(self.spans):
            beyond = [max(span - 1 - end, 0) // self.stride[axis] for end in (self.before[axis], self.after[axis])]
            copied *= self.made[axis] + sum(beyond)
        width, stride = self.read[-1], self.stride[-1]
        row = [_paged(padded(width, stride) * self.inner) * item] if width % stride else []
        buffers = [_paged(copied) * item, _PAGE, *row]
        return self.calls_scratch + self.threads * sum(buffers) + len(buffers) * _PAGE

    def partial_weights(self, channels_last: bool = False) -> int:
        """Scratchpad of the direct kernels' weight gradient, with a bias.

        Sums of all threads but the first over their share of the images, and where there are fewer blocks of output channels than
        threads, those of the bias.
        """
        if self.groups >= self.threads and self.groups > 1:
            return 0
        block = self.weight_block
        blocks = self.groups * ceil(self.outer / block)
        uneven = padded(self.outer, block) * _FLOAT_BYTES + ENTRY if self.outer % block else 0
        if block < BLOCK:
            alone = blocks * ceil(self.inner / block) < self.threads and self.batch > 1
            sums = padded(self.outer, block) * padded(self.inner, block) * self.taps * _FLOAT_BYTES
            return uneven + (2 * _REDUCED + sums if alone else 0)
        images, outs, ins = self._shares(channels_last)
        inner = self.inner if self.inner < BLOCK and self.taps > 1 else padded(self.inner, BLOCK)
        sums = (images - 1) * self.groups * padded(self.outer, BLOCK) * (inner * self.taps + 1) * _FLOAT_BYTES
        reduced = self.batch > 1 and blocks < images * outs * ins * min(self.groups, self.threads)
        return uneven + (sums + _BARRIER if images > 1 else 0) + (_REDUCED if reduced else 0)

    def _shares(self, channels_last: bool) -> tuple[int, int, int]:
        """Among how many threads images (with depth or rows), output and input channels are split (`balance` in oneDNN's source)."""
        threads = self.threads // self.groups
        rows = not channels_last and self.dimensions == 2 and self.dilation[1] == 1 and self.made[1] > _ROWS
        high, wide = (self.read[1], self.made[1]) if rows else (1, 1)
        read = self.read[0] * self.read[2] * (1 if rows else self.read[1])
        made = self.made[0] * self.made[2] * (1 if rows else self.made[1])
        inner = self.inner if self.inner < BLOCK else BLOCK
        blocks_in, blocks_out = ceil(self.inner / inner), ceil(self.outer / BLOCK)

        def memory(split: tuple[int, int, int]) -> int:
            images, outs, ins = split
            each_in, each_out = ceil(blocks_in / ins) * inner, ceil(blocks_out / outs) * BLOCK
            moved = (
                ceil(self.batch * high / images) * each_in * read // prod(self.stride)
                + ceil(self.batch * wide / images) * each_out * made
            )
            return moved + 8 * each_in * each_out * self.taps

        def work(split: tuple[int, int, int]) -> int:
            images, outs, ins = split
            return ceil(self.batch * wide / images) * ceil(blocks_out / outs) * ceil(blocks_in / ins)

        most = min(threads, self.batch * self.made[0] * (max(wide // _ROWS, 1) if rows else 1))
        splits = [
            (images, outs, min(threads // images // outs, blocks_in))
            for images in range(1, most + 1)
            for outs in range(1, min(threads // images, blocks_out) + 1)
        ]
        best = (1, 1, 1)
        for split in splits:
            if memory(split) <= memory(best):
                best = split
        least = memory(best)
        for split in splits:
            if (work(split) <= work(best) and memory(split) < 1.1 * least) or 4 * work(split) <= 3 * work(best):
                best = split
        return best


def problem_of(
    op: Conv | ConvTranspose, x: tuple[int, ...], weight: tuple[int, ...], out: tuple[int, ...], threads: int
) -> Problem:
    """The convolution of one call, its shapes given; axes that it lacks are of size 1."""
    read, made = (out, x) if isinstance(op, ConvTranspose) else (x, out)
    missing = 3 - len(op.stride)
    ones, zeros = (1,) * missing, (0,) * missing
    kernel, stride, dilation = ones + weight[2:], ones + op.stride, ones + op.dilation
    before = zeros + tuple([pad if isinstance(pad, int) else pad[0] for pad in op.padding])
    large, small = ones + read[2:], ones + made[2:]
    after = tuple(
        [
            (m - 1) * s + d * (k - 1) + 1 - r - b
            for m, s, d, k, r, b in zip(small, stride, dilation, kernel, large, before, strict=True)
        ]
    )
    return Problem(
        len(op.stride),
        x[0],
        op.groups,
        read[1] // op.groups,
        made[1] // op.groups,
        large,
        small,
        kernel,
        stride,
        dilation,
        before,
        after,
        threads,
    )


def half_partial_weights(problem: Problem, channels_last: bool) -> int:
    """Scratchpad of the direct kernel's weight gradient in bfloat16, with a bias (`jit_avx512_core_bf16_conv_kernel.cpp`).

    Each share of the images is summed up in float32, from rows of both ends that are turned over; products of single positions
    turn over nothing but what lies channels-last, and volumes.
    """
    if problem.groups > 1:
        return 0
    few = problem.inner < BLOCK
    blocks_in, blocks_out = ceil(problem.inner / BLOCK), ceil(problem.outer / BLOCK)
    pad = padded(max(problem.before[-1], problem.after[-1] + 1), 2)
    stride = problem.stride[-1]
    read_row = padded(ceil(problem.read[-1] / stride) + pad, 2) * stride
    read = prod(problem.read[:-1]) * read_row
    made = prod(problem.made[:-1]) * padded(problem.made[-1], 2)
    weights = padded(problem.outer, BLOCK) * (problem.inner if few else padded(problem.inner, BLOCK)) * problem.taps
    images, outs, ins = _half_shares(problem, blocks_in, blocks_out, read, made)
    sums = images * (weights + padded(problem.outer, BLOCK)) * _FLOAT_BYTES + _BARRIER
    if problem.taps == 1:
        turned = prod(problem.read) * problem.inner + prod(problem.made) * problem.outer
        return sums + (2 * (problem.threads * turned + ENTRY) if channels_last or problem.dimensions == 3 else 0)
    turned = images * BLOCK * (made * blocks_out + (0 if few else read * blocks_in)) + pad
    waits = (_BARRIER if outs > 1 else 0) + (_BARRIER if ins > 1 else 0)
    return sums + 2 * turned + waits + 2 * ENTRY - (ENTRY if waits else 0)


def _half_shares(problem: Problem, blocks_in: int, blocks_out: int, read: int, made: int) -> tuple[int, int, int]:
    """Among how many threads images (with depth or rows), output and input channels are split, in bfloat16."""
    work = problem.batch * {1: 1, 2: problem.made[1], 3: problem.made[0]}[problem.dimensions]
    inner = min(problem.inner, BLOCK)
    ends = 2 * problem.batch * (blocks_in * inner * read + blocks_out * BLOCK * made)
    light = 0.5 * ends / (_FLOAT_BYTES * blocks_out * BLOCK * blocks_in * inner * problem.taps)
    ratio = blocks_out / blocks_in
    of_read = max(1 / ratio, 1) * (4 if light < 1 else 1)

    def cost(split: tuple[int, int, int]) -> float:
        images, outs, ins = split
        share, each_in, each_out = ceil(work / images) * problem.batch / work, ceil(blocks_in / ins), ceil(blocks_out / outs)
        moved = of_read * share * each_in * inner * read / prod(problem.stride) + max(ratio, 1) * share * each_out * BLOCK * made
        return moved + max(light, 1) * each_out * each_in * problem.taps * inner * BLOCK

    best = (1, 1, 1)
    for images in range(1, min(problem.threads, work) + 1):
        for outs in range(1, min(problem.threads // images, blocks_out) + 1):
            split = (images, outs, min(problem.threads // images // outs, blocks_in))
            if cost(split) <= cost(best):
                best = split
    return best
