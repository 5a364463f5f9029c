"""Copies into dense memory."""

from __future__ import annotations

from ...graph.spec import TensorSpec
from ...graph.strides import Strides
from ..kernel import Kernel


def copy(spec: TensorSpec, strides: Strides) -> Kernel:
    """A copy into a contiguous tensor: of whole rows where the innermost axis stays, else a transposition."""
    axes = zip(reversed(spec.shape), reversed(strides or ()), strict=False)
    innermost = next((step for size, step in axes if size > 1), 1)
    return Kernel("rows" if innermost == 1 else "transpose", spec.nbytes, spec.nbytes, dtype=spec.dtype)
