"""Channel shuffle: Zhang et al., "ShuffleNet" (2017, arXiv:1707.01083), Fig. 1."""

from __future__ import annotations

from torch import Tensor


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels in ``groups`` rows, read by columns, so that the next grouped convolution sees every group."""
    batch, channels, height, width = x.shape
    rows = x.view(batch, groups, channels // groups, height, width)
    return rows.transpose(1, 2).contiguous().view(batch, channels, height, width)
