"""Rules for products that torch makes of matrix products: contractions, chains, the bilinear form."""

from __future__ import annotations

import operator
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from ....errors import ConvatlasError
from ....graph.ops import Bilinear, Matmul
from .registry import axes_of, given, rule_for
from .views import permuted, reshaped

if TYPE_CHECKING:
    from ..tracer import Tracer

_MATMUL = Matmul()


@rule_for("tensordot")
def tensordot(t: Tracer, a: Any, b: Any, dims: Any = 2, **kwargs: Any) -> Any:
    """A sum over pairs of axes: one product of two matrices."""
    first, second = t.shape(a), t.shape(b)
    if isinstance(dims, int):
        dims = (range(len(first) - dims, len(first)), range(dims))
    left, right = (axes_of([operator.index(axis) for axis in axes], len(shape)) if len(axes) else () for axes, shape in
                   zip(dims, (first, second), strict=True))  # fmt: skip
    sizes = [[shape[axis] for axis in axes] for shape, axes in ((first, left), (second, right))]
    if sizes[0] != sizes[1]:
        raise ConvatlasError(f"tensordot of {first} and {second}: the axes {left} and {right} differ in size")
    rows = tuple([axis for axis in range(len(first)) if axis not in left])
    columns = tuple([axis for axis in range(len(second)) if axis not in right])
    kept, other = ([shape[axis] for axis in axes] for shape, axes in ((first, rows), (second, columns)))
    x = reshaped(t, permuted(t, a, rows + left), (prod(kept), prod(sizes[0])), "view")
    y = reshaped(t, permuted(t, b, right + columns), (prod(sizes[0]), prod(other)), "view")
    return reshaped(t, t.emit(_MATMUL, x, y), (*kept, *other), "view")


@rule_for("inner")
def _inner(t: Tracer, x: Any, other: Any) -> Any:
    first, second = t.shape(x), t.shape(other)
    if not first or not second:
        return x * other
    return tensordot(t, x, other, ((len(first) - 1,), (len(second) - 1,)))


@rule_for("multi_dot")
def _multi_dot(t: Tracer, tensors: Any, **kwargs: Any) -> Any:
    tensors = list(tensors)
    if len(tensors) < 2:
        raise ConvatlasError(f"multi_dot takes at least two tensors, got {len(tensors)}")
    first, last = len(t.shape(tensors[0])) == 1, len(t.shape(tensors[-1])) == 1
    if first:
        tensors[0] = reshaped(t, tensors[0], (1, -1), "view")
    if last:
        tensors[-1] = reshaped(t, tensors[-1], (-1, 1), "view")
    result = _chain(t, tensors)
    shape = result.spec.shape[first : 1 if last else 2]
    return reshaped(t, result, shape, "view") if first or last else result


@rule_for("chain_matmul")
def _chain_matmul(t: Tracer, *matrices: Any, **kwargs: Any) -> Any:
    matrices = tuple(matrices[0]) if len(matrices) == 1 and isinstance(matrices[0], list | tuple) else matrices
    return _chain(t, list(matrices)) if len(matrices) > 1 else matrices[0]


def _chain(t: Tracer, matrices: list[Any]) -> Any:
    """Matrices multiplied in the order that takes the fewest MACs."""
    sizes = [t.shape(matrix) for matrix in matrices]
    for before, after in pairwise(sizes):
        if len(before) != 2 or len(after) != 2 or before[1] != after[0]:
            raise ConvatlasError(f"a chain of matrix products: {before} and {after} do not fit")
    count = len(matrices)
    widths = [sizes[0][0], *(size[1] for size in sizes)]
    least: dict[tuple[int, int], tuple[int, int]] = {(place, place): (0, place) for place in range(count)}  # MACs, where to cut
    for length in range(1, count):
        for start in range(count - length):
            end = start + length
            costs = [
                (least[start, cut][0] + least[cut + 1, end][0] + widths[start] * widths[cut + 1] * widths[end + 1], cut)
                for cut in range(start, end)
            ]
            least[start, end] = min(costs)

    def product(start: int, end: int) -> Any:
        if start == end:
            return matrices[start]
        cut = least[start, end][1]
        return t.emit(_MATMUL, product(start, cut), product(cut + 1, end))

    return product(0, count - 1)


@rule_for("bilinear")
def _bilinear(t: Tracer, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    return t.emit(Bilinear(), input1, input2, weight, *given(bias))
