"""Padding as TensorFlow's "SAME" places it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SamePad(nn.Module):
    """Pads so that a window of that kernel and stride, itself unpadded, makes ceil(size / stride) outputs.

    An odd total puts the larger half behind, so that the result differs from symmetric padding at even sizes.
    """

    def __init__(self, kernel: int, stride: int, value: float = 0.0) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        height, width = (self.total(size) for size in x.shape[2:])
        padding = [width // 2, width - width // 2, height // 2, height - height // 2]
        return F.pad(x, padding, value=self.value)

    def total(self, size: int) -> int:
        """How many pixels a side of that size is short of."""
        return max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}"
