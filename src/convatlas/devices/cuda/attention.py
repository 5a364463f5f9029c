"""Attention on a GPU: one fused kernel where torch has one, else products and a softmax."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from ...graph.spec import TensorSpec, bytes_of
from ..kernel import Kernel, Product

Specs = tuple[TensorSpec, ...]
_LARGEST_HEAD = 256  # elements; flash attention takes no larger ones


def attention_kernels(inputs: Specs, outputs: Specs, torch: tuple[int, int]) -> Iterator[Kernel]:
    """The kernels of a scaled dot product attention of queries (..., length, head), in a version of torch.

    Where no fused kernel fits (five axes, one head for keys and several for queries), torch computes with its own products: since
    2.5 in float32, whatever the inputs are.
    """
    query, key, value = inputs[:3]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    batch, rows, columns = prod(query.shape[:-2]), query.shape[-2], key.shape[-2]
    if torch >= (2, 0) and len(query.shape) == 4 and query.shape[:2] == key.shape[:2] and query.shape[-1] <= _LARGEST_HEAD:
        kind = "attention" if len(inputs) < 4 else "attention/masked"
        product = Product(rows, query.shape[-1] + value.shape[-1], columns, batch)
        yield Kernel(kind, bytes_of(inputs), bytes_of(outputs), 4 * scores, query.dtype, product=product)
        return
    if torch >= (2, 5) and query.dtype != "float32":
        for operand in (query, key, value):
            yield Kernel("cast", operand.nbytes, 4 * operand.numel)
        query, key, value = (TensorSpec(operand.shape) for operand in inputs[:3])
        if outputs[0].dtype != "float32":
            yield Kernel("cast", 4 * outputs[0].numel, outputs[0].nbytes)
    dtype, score_bytes = query.dtype, scores * query.nbytes // max(query.numel, 1)
    for operand in (query, key):  # both are scaled by the square root
        yield Kernel("mul", operand.nbytes, operand.nbytes, operand.numel, dtype)
    for operand in (key, value):
        yield Kernel("rows", operand.nbytes, batch // max(prod(operand.shape[:-2]), 1) * operand.nbytes, dtype=dtype)
    yield Kernel("matmul", query.nbytes + key.nbytes, score_bytes, 0, dtype, product=Product(rows, query.shape[-1], columns, batch))
    if len(inputs) > 3:
        yield Kernel("add/broadcast", score_bytes + inputs[3].nbytes, score_bytes, scores, dtype)
    yield Kernel("softmax", score_bytes, score_bytes, 3 * scores, dtype, span=columns)
    yield Kernel(
        "matmul",
        score_bytes + value.nbytes,
        TensorSpec(outputs[0].shape, dtype).nbytes,
        0,
        dtype,
        product=Product(rows, columns, value.shape[-1], batch),
    )
