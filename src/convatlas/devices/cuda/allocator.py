"""What torch's caching allocator reserves of a CUDA device for the tensors of a step."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable

from ..requests import Requests

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


def reserved_bytes(requests: Iterable[tuple[int, Hashable]]) -> int:
    """What the caching allocator holds after a step's allocations and releases, in bytes.

    A request is a number of bytes, negative for a release, and whose they are: a release is of the last that is as large and the same's.
    """
    allocator = CachingAllocator()
    served = Requests(allocator)
    for num_bytes, whose in requests:
        served.serve(num_bytes, whose)
    return allocator.reserved
