"""What is known of a tensor without its data: shape and dtype."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

ITEM_BYTES: dict[str, int] = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "complex64": 8, "complex128": 16,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip

_RANK = {name: rank for rank, name in enumerate(
    ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
     "complex64", "complex128"])}  # fmt: skip


class TensorSpec(NamedTuple):
    """A tensor's shape (in elements) and dtype."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, densely packed."""
        return prod(self.shape) * ITEM_BYTES.get(self.dtype, 4)

    @property
    def is_floating(self) -> bool:
        """Whether a gradient can flow through it."""
        return "float" in self.dtype or "complex" in self.dtype

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype}"


def promote(first: str, second: str) -> str:
    """The dtype of an operation on two tensors, as torch promotes it."""
    if first == second:
        return first
    if {first, second} == {"float16", "bfloat16"}:
        return "float32"
    return first if _RANK.get(first, 0) >= _RANK.get(second, 0) else second


def broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an element-wise operation on two shapes.

    Raises:
        ValueError: the shapes do not broadcast.
    """
    if first == second:
        return first
    rank = max(len(first), len(second))
    a = (1,) * (rank - len(first)) + first
    b = (1,) * (rank - len(second)) + second
    if any(m != n and m != 1 and n != 1 for m, n in zip(a, b, strict=True)):
        raise ValueError(f"shapes {first} and {second} do not broadcast")
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))
