"""Stochastic depth: Huang et al., "Deep Networks with Stochastic Depth" (2016, arXiv:1603.09382)."""

from __future__ import annotations

from torch import Tensor, nn

from ...errors import ConvatlasError


class StochasticDepth(nn.Module):
    """Drops a whole residual branch, for each image by itself, in training only; what survives is scaled up."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        if not 0.0 <= drop < 1.0:
            raise ConvatlasError(f"`stochastic_depth` (={drop!r}) must be at least 0 and below 1")
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.drop == 0.0:
            return x
        keep = 1.0 - self.drop
        kept = x.new_empty((x.shape[0], *(1,) * (x.dim() - 1))).bernoulli_(keep)
        return x * kept.div_(keep)

    def extra_repr(self) -> str:
        return f"drop={self.drop}"
