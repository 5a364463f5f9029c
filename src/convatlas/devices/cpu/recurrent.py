"""Memory that oneDNN's LSTM takes beside its tensors, one layer in one direction (torch 2.14, x86 with AVX-512)."""

from __future__ import annotations

from ...graph.ops.recurrent import leading_dimension
from ...graph.spec import ITEM_BYTES
from ..call import Call
from ..script import Script

_BUFFERS = 16 * 2**10  # beside the gates: within 3 KiB of this in 9 of 9 shapes


def beside(call: Call) -> Script:
    """The biases' sum, both matrices in the kernel's own order, and a scratchpad for the gates.

    Backward also both matrices' gradients, where their rows are longer in the kernel's own order than in torch's.
    """
    x, hidden = call.inputs[0], call.inputs[1].shape[-1]
    size = ITEM_BYTES[x.dtype]
    widths = (x.shape[-1], hidden)
    gates, rows = 4 * hidden, x.shape[0] * x.shape[1]
    taken = [size * gates, *(size * width * leading_dimension(gates) for width in widths)]
    if call.backward:
        padded = [leading_dimension(width) for width in widths]
        taken += [size * gates * row for row, width in zip(padded, widths, strict=True) if row != width]
    taken.append(size * rows * leading_dimension(gates) + _BUFFERS)
    return [*taken, *(-num_bytes for num_bytes in reversed(taken))]
