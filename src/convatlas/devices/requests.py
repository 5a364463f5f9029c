"""Requests for memory, served by an allocator."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

Block = TypeVar("Block")


class Allocator(Protocol[Block]):
    """What gives memory and takes it back."""

    def allocate(self, num_bytes: int) -> Block:
        """A block of so many bytes."""

    def release(self, block: Block) -> None:
        """Take a block back."""


class Requests(Generic[Block]):
    """Requests as a step makes them: by size and by whose they are."""

    def __init__(self, allocator: Allocator[Block]) -> None:
        self._allocator = allocator
        self._held: dict[tuple[int, Hashable], list[Block]] = {}

    def serve(self, num_bytes: int, whose: Hashable) -> None:
        """Allocate bytes, or where they are negative release the last that is as large and the same's."""
        if num_bytes > 0:
            self._held.setdefault((num_bytes, whose), []).append(self._allocator.allocate(num_bytes))
        else:
            self._allocator.release(self._held[-num_bytes, whose].pop())
