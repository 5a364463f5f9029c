"""Rules for torch functions and tensor methods: from a call's arguments to an op.

A rule takes the tracer, then the function's own arguments. One rule serves torch.f, torch.nn.functional.f and Tensor.f.
"""

from . import factories, indexing, layout, matrix, norm_pool, pointwise, products, recurrent, reduce, views
from .registry import FUNCTION_RULES

__all__ = [
    "FUNCTION_RULES",
    "factories",
    "indexing",
    "layout",
    "matrix",
    "norm_pool",
    "pointwise",
    "products",
    "recurrent",
    "reduce",
    "views",
]
