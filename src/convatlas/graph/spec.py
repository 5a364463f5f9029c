"""What is known of a tensor without its data: shape and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from ..errors import ConvatlasError

ITEM_BYTES: dict[str, int] = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint16": 2, "uint32": 4, "uint64": 8,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8,
    "complex32": 4, "complex64": 8, "complex128": 16,
}  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(ITEM_BYTES)}


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
        return nbytes_of(self)

    @property
    def is_floating(self) -> bool:
        """Whether a gradient can flow through it."""
        return "float" in self.dtype or "complex" in self.dtype

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype}"


@lru_cache(maxsize=16384)
def nbytes_of(spec: TensorSpec) -> int:
    """Bytes of a tensor's elements; a network has few different specs, and each is asked for dozens of times."""
    return prod(spec.shape) * ITEM_BYTES[spec.dtype]


def bytes_of(specs: Sequence[TensorSpec]) -> int:
    """Bytes of several tensors' elements; mostly there is one."""
    return nbytes_of(specs[0]) if len(specs) == 1 else sum(map(nbytes_of, specs))


def kind_of(dtype: str) -> int:
    """0 for bool, 1 for whole numbers, 2 for floating point, 3 for complex."""
    return 3 if dtype.startswith("complex") else 2 if "float" in dtype else 0 if dtype == "bool" else 1


def promote(first: str, second: str) -> str:
    """The dtype that holds both of two dtypes, as torch promotes them."""
    if first == second:
        return first
    match frozenset((first, second)):
        case pair if pair == {"float16", "bfloat16"}:
            return "float32"
        case pair if pair == {"uint8", "int8"}:
            return "int16"
        case pair if "float64" in pair and pair & {"complex32", "complex64"}:
            return "complex128"
        case pair if "complex32" in pair and pair & {"float32", "bfloat16"}:
            return "complex64"
    return first if _RANK[first] >= _RANK[second] else second


def result_dtype(left: TensorSpec, right: TensorSpec) -> str:
    """The dtype of arithmetic on two tensors: one without axes counts like a number, by its kind alone."""
    if left.dtype == right.dtype:
        return left.dtype
    if bool(left.shape) != bool(right.shape):
        whole, single = (left, right) if left.shape else (right, left)
        if kind_of(whole.dtype) >= kind_of(single.dtype):
            return whole.dtype
        if kind_of(whole.dtype) == 2:  # a complex number makes a tensor complex, and no wider
            return {"float16": "complex32", "float64": "complex128"}.get(whole.dtype, "complex64")
    return promote(left.dtype, right.dtype)


@lru_cache(maxsize=4096)
def broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an element-wise operation on two shapes.

    Raises:
        ConvatlasError: the shapes do not broadcast.
    """
    if first == second:
        return first
    rank = max(len(first), len(second))
    a = (1,) * (rank - len(first)) + first
    b = (1,) * (rank - len(second)) + second
    if any(m != n and m != 1 and n != 1 for m, n in zip(a, b, strict=True)):
        raise ConvatlasError(f"shapes {first} and {second} do not broadcast")
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))
