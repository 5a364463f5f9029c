"""glibc's heap, as far as it decides how much memory is new to a process: pages that the system must clear when they are first touched.

After `malloc.c` of glibc 2.36: a request takes the smallest free chunk that holds it, else the end of the heap; where the heap would
have to grow, one of the threshold's size or more is mapped by itself, and gone once it is let go of. Letting go of a mapped chunk
raises the threshold to its size, up to 32 MiB; a free end of twice the threshold goes back to the system. Small objects that lie
between tensors are left out, and so are the pieces that aligned requests leave in front of themselves, which the thread's cache holds:
either can keep the end from going back.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from ..requests import Requests

LARGEST_THRESHOLD = 2**25  # DEFAULT_MMAP_THRESHOLD_MAX
_FIRST_THRESHOLD = 2**17  # DEFAULT_MMAP_THRESHOLD
_TOP_PAD = 2**17  # bytes by which the heap grows more than it must, and that a trim leaves
_PAGE = 4096
_PASSES = 3  # the threshold settles in the first
_BESIDE = 96  # bytes by which torch's aligned requests exceed what is asked for


class Request(NamedTuple):
    """An allocation of so many bytes, or where they are negative a release, by whom, and at which place."""

    num_bytes: int
    whose: Hashable
    place: int


class Heap:
    """The heap of a process, and the pages that were new to it so far."""

    def __init__(self, threshold: int = 0) -> None:
        self.threshold = max(threshold, _FIRST_THRESHOLD)
        self.fresh_bytes = 0
        self._end = self._touched = self._limit = 0  # of what is in use; of what has been; of what the system gave
        self._free: list[tuple[int, int]] = []  # (size, address)
        self._starts: dict[int, int] = {}  # address -> size, of free chunks
        self._ends: dict[int, int] = {}  # address behind -> size
        self._mapped = 0

    def allocate(self, num_bytes: int) -> tuple[int, int]:
        """The address and size of a chunk; a mapped one's address is negative."""
        size = num_bytes + _BESIDE
        position = bisect_left(self._free, (size, 0))
        if position < len(self._free):
            whole, address = self._free[position]
            self._take(address, whole)
            if whole > size:
                self._put(address + size, whole - size)
            return address, size
        if self._end + size > self._limit:
            if size >= self.threshold:
                self._mapped += 1
                self.fresh_bytes += _paged(size)
                return -self._mapped, _paged(size)
            self._limit = _paged(self._end + size + _TOP_PAD)
        address = self._end
        self._end += size
        self.fresh_bytes += max(self._end - max(self._touched, address), 0)
        self._touched = max(self._touched, self._end)
        return address, size

    def release(self, chunk: tuple[int, int]) -> None:
        """Give a chunk back."""
        address, size = chunk
        if address < 0:
            if self.threshold < size <= LARGEST_THRESHOLD:
                self.threshold = size
            return
        if before := self._ends.get(address):
            self._take(address - before, before)
            address, size = address - before, size + before
        if after := self._starts.get(address + size):
            self._take(address + size, after)
            size += after
        if address + size < self._end:
            self._put(address, size)
            return
        self._end = address
        if self._limit - address >= 2 * self.threshold:
            self._limit = _paged(address + _TOP_PAD)
            self._touched = min(self._touched, self._limit)

    def _put(self, address: int, size: int) -> None:
        insort(self._free, (size, address))
        self._starts[address] = self._ends[address + size] = size

    def _take(self, address: int, size: int) -> None:
        del self._free[bisect_left(self._free, (size, address))]
        del self._starts[address], self._ends[address + size]


def _paged(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def fresh_bytes(requests: Iterable[Request], threshold: int = 0) -> dict[int, int]:
    """Bytes in pages that are new to the process, by place, in the last of some passes that are alike.

    Args:
        requests: of one pass, which lets go of all that it allocates.
        threshold: that the process has come to before.

    """
    requests, heap, found = list(requests), Heap(threshold), dict[int, int]()
    served = Requests(heap)
    for _ in range(_PASSES):
        found.clear()
        for num_bytes, whose, place in requests:
            before = heap.fresh_bytes
            served.serve(num_bytes, whose)
            if heap.fresh_bytes > before:
                found[place] = found.get(place, 0) + heap.fresh_bytes - before
    return found
