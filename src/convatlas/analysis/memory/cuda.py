"""Memory that a CUDA device takes: kernels' workspaces, and what the caching allocator reserves for the tensors."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from ...graph.ops import Activation, Binary, LocalResponseNorm, Loss, Prelu, Reduce
from .changes import Change
from .cpu import arithmetic_backward, function_backward
from .plan import Step
from .script import OUTPUT, PLAIN_FORWARD, Gradient, Script


class Cuda:
    """The device model of a CUDA GPU under torch's native caching allocator."""

    name = "cuda"

    def forward(self, step: Step) -> Script:
        """What happens in memory while an op runs forward."""
        if isinstance(step.node.op, LocalResponseNorm):
            x = step.inputs[0].nbytes
            return [x, -x, x, x, -x, OUTPUT]
        return PLAIN_FORWARD

    def backward(self, step: Step) -> Script:
        """What happens in memory while an op runs backward."""
        op, needs = step.node.op, step.needs
        wanted: Script = [Gradient(i) for i, need in enumerate(needs) if need]
        if isinstance(op, Binary):
            return arithmetic_backward(op, step)
        if isinstance(op, Activation) or (isinstance(op, Reduce) and op.function in ("var", "std", "norm")):
            return function_backward(op.name, step)
        if isinstance(op, Prelu | Loss):
            x = step.inputs[0].nbytes
            return [x, *wanted, -x]
        return wanted


# torch's native caching allocator (c10/cuda/CUDACachingAllocator): sizes are rounded up to 512 bytes; requests up to 1 MiB
# are cut from segments of 2 MiB, those below 10 MiB from segments of 20 MiB, larger ones get a segment of their own,
# rounded up to 2 MiB. A free block is used if it is the smallest that is large enough; what is left over is split off.
_ROUND = 512
_SMALL = 2**20
_SMALL_SEGMENT = 2 * 2**20
_LARGE_SEGMENT = 20 * 2**20
_OWN_SEGMENT = 10 * 2**20
_SEGMENT_ROUND = 2 * 2**20


class _Block:
    __slots__ = ("after", "before", "free", "size", "small")

    def __init__(self, size: int, small: bool) -> None:
        self.size, self.small, self.free = size, small, False
        self.before: _Block | None = None
        self.after: _Block | None = None


class CachingAllocator:
    """What the caching allocator reserves of the device for a sequence of requests."""

    def __init__(self) -> None:
        self.reserved = 0
        self._free: dict[bool, list[tuple[int, int, _Block]]] = {True: [], False: []}
        self._count = 0

    def allocate(self, num_bytes: int) -> _Block:
        """Serve a request; reserves a new segment where no free block is large enough."""
        size = -(-num_bytes // _ROUND) * _ROUND
        small = size <= _SMALL
        pool = self._free[small]
        position = bisect_left(pool, (size,))
        if position < len(pool):
            block = pool.pop(position)[2]
        else:
            if small:
                segment = _SMALL_SEGMENT
            elif size < _OWN_SEGMENT:
                segment = _LARGE_SEGMENT
            else:
                segment = -(-size // _SEGMENT_ROUND) * _SEGMENT_ROUND
            self.reserved += segment
            block = _Block(segment, small)
        rest = block.size - size
        if rest >= _ROUND if small else rest > _SMALL:
            tail = _Block(rest, small)
            tail.before, tail.after = block, block.after
            if block.after:
                block.after.before = tail
            block.after, block.size = tail, size
            self._put(tail)
        block.free = False
        return block

    def release(self, block: _Block) -> None:
        """Give a block back; it joins free neighbours of its segment."""
        for neighbour in (block.before, block.after):
            if neighbour is not None and neighbour.free:
                self._take(neighbour)
                first, second = (neighbour, block) if neighbour is block.before else (block, neighbour)
                first.size += second.size
                first.after = second.after
                if second.after:
                    second.after.before = first
                block = first
        self._put(block)

    def _put(self, block: _Block) -> None:
        block.free = True
        self._count += 1
        insort(self._free[block.small], (block.size, self._count, block))

    def _take(self, block: _Block) -> None:
        pool = self._free[block.small]
        position = bisect_left(pool, (block.size,))
        while pool[position][2] is not block:
            position += 1
        del pool[position]


def reserved_bytes(changes: Iterable[Change]) -> int:
    """What the caching allocator holds after a step's allocations and releases, in bytes."""
    allocator = CachingAllocator()
    held: dict[tuple[int, str, int], list[_Block]] = {}
    for change in changes:
        if change.num_bytes > 0:
            block = allocator.allocate(change.num_bytes)
            held.setdefault((change.num_bytes, change.kind, change.owner), []).append(block)
        else:
            allocator.release(held[-change.num_bytes, change.kind, change.owner].pop())
    return allocator.reserved
