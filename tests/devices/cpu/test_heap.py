"""How much memory is new to a process: by hand, after glibc's rules, and as this process's own page faults tell."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convatlas.devices.cpu.heap import LARGEST_THRESHOLD, Heap, Request, fresh_bytes

MIB = 2**20


def test_what_fits_where_something_was_let_go_of_is_not_new() -> None:
    heap = Heap()
    first, pin = heap.allocate(100_000), heap.allocate(1000)
    known = heap.fresh_bytes
    heap.release(first)
    inside = heap.allocate(50_000)
    assert inside[0] == first[0]
    assert heap.fresh_bytes == known
    heap.release(inside)
    heap.release(pin)
    assert heap.allocate(100_000)[0] == 0


def test_a_mapped_chunk_is_new_once_and_from_then_on_its_size_comes_from_the_heap() -> None:
    heap = Heap()
    heap.release(heap.allocate(4 * MIB))
    assert heap.threshold == pytest.approx(4 * MIB, abs=8192)
    heap.release(heap.allocate(4 * MIB))
    known = heap.fresh_bytes
    heap.release(heap.allocate(4 * MIB))  # the free end is below twice the threshold: it stays
    assert heap.fresh_bytes == known


def test_above_32_mib_memory_is_new_each_time() -> None:
    requests = [Request(40 * MIB, "a", 0), Request(-40 * MIB, "a", 1)]
    assert fresh_bytes(requests) == {0: pytest.approx(40 * MIB, abs=8192)}
    assert not fresh_bytes([Request(20 * MIB, "a", 0), Request(-20 * MIB, "a", 1)])
    assert Heap(LARGEST_THRESHOLD).threshold == LARGEST_THRESHOLD


def test_a_free_end_of_twice_the_threshold_goes_back_to_the_system() -> None:
    chunks = [Request(MIB, each, each) for each in range(8)]
    requests = [*chunks, *(Request(-each.num_bytes, each.whose, each.place) for each in reversed(chunks))]
    assert sum(fresh_bytes(requests).values()) == pytest.approx(8 * MIB, rel=0.1)
    assert not fresh_bytes(requests, threshold=5 * MIB)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
@pytest.mark.parametrize("sizes", [[40], [20, 20, 20], [8, 8, 24], [40, 20, 20, 20]])
def test_glibc_touches_as_many_new_pages(sizes: list[int]) -> None:
    """By the C library itself: what alignment leaves between torch's tensors may keep the heap's end from going back."""
    code = f"""
import ctypes, resource
libc, sizes, pointers = ctypes.CDLL(None), [ctypes.c_size_t(size * 2**20) for size in {sizes}], []
libc.malloc.restype = ctypes.c_void_p
def step():
    for size in sizes:
        pointers.append(ctypes.c_void_p(libc.malloc(size)))
        libc.memset(pointers[-1], 1, size)
    while pointers: libc.free(pointers.pop())
for _ in range(4): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() / 2**20)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    requests = [Request(size * MIB, place, place) for place, size in enumerate(sizes)]
    expected = sum(fresh_bytes([*requests, *(Request(-r.num_bytes, r.whose, r.place) for r in reversed(requests))]).values()) / MIB
    assert float(found.stdout) == pytest.approx(expected, abs=0.5)
