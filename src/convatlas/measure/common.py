"""Ops that networks outside the zoo are made of: attention, products of activations, norms, reductions, gates, branches, resampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..graph import Graph
from ..trace import trace

_MAPS = ((48, 56), (128, 28), (320, 14), (640, 7))  # channels and size, as stages of small networks have them
_HEAD = 32  # channels of a head of attention


class Common(nn.Module):
    """Each of the ops once, on a map of (N, channels, H, W); what it computes means nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels, heads = channels, max(channels // _HEAD, 1)
        self.heads = heads if channels % heads == 0 else 1
        self.layer_norm, self.group_norm, self.batch_norm = (
            nn.LayerNorm(channels),
            nn.GroupNorm(8, channels),
            nn.BatchNorm2d(channels),
        )
        self.joint, self.project = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.expand, self.reduce = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.squeeze, self.excite = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.depthwise = nn.ModuleList(
            nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels) for size in (1, 3, 5, 7)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The ops one after another."""
        tokens = self.mixed(self.layer_norm(x.flatten(2).transpose(1, 2)))
        tokens = self.reduce(F.gelu(self.expand(tokens)))
        x = x + tokens.transpose(1, 2).reshape(x.shape)
        x = self.batch_norm(self.group_norm(x)) * self.scale
        for convolution in self.depthwise:
            x = x + convolution(x)
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True))))
        x = x * gate.sigmoid() + x * F.softmax(x.sum((2, 3)), 1)[..., None, None]
        x = x / x.norm(dim=(2, 3), keepdim=True) + x.var(1, keepdim=True)
        for function in (F.silu, F.hardswish, F.leaky_relu, F.gelu, torch.sigmoid, torch.tanh):
            x = function(x)
        half, other = x.chunk(2, 1)
        x = torch.cat([half, other * half], 1)
        x = F.avg_pool2d(x, 3, 1, 1) - F.max_pool2d(x, 3, 1, 1)
        x = F.interpolate(x, scale_factor=2.0) if x.shape[-1] % 4 else F.interpolate(x, scale_factor=0.5, mode="bilinear")
        x = F.pad(x, (1, 1, 1, 1))
        return self.chosen(x, x).mean(1)

    def chosen(self, *branches: Tensor) -> Tensor:
        """A sum of branches, weighted by channel, as selective kernels and split attention have it."""
        stacked = torch.stack(branches, 1)
        gate = stacked.sum(1).mean((2, 3), keepdim=True)
        made: Tensor = (stacked * F.softmax(torch.stack([gate] * len(branches), 1), 1)).sum(1)
        return made

    def mixed(self, tokens: Tensor) -> Tensor:
        """Attention over positions, and over channels."""
        images, length, channels = tokens.shape
        query, key, value = self.joint(tokens).reshape(images, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        over_positions = F.scaled_dot_product_attention(query, key, value)
        over_channels = ((query.transpose(-2, -1) @ key).softmax(-1) @ value.transpose(-2, -1)).transpose(-2, -1)
        made: Tensor = self.project((over_positions + over_channels).transpose(1, 2).reshape(images, length, channels))
        return made


def common_graphs() -> list[Graph]:
    """The ops on maps of several sizes, of one image in float32."""
    graphs = []
    for channels, size in _MAPS:
        with torch.device("meta"):
            graphs.append(trace(Common(channels).eval(), (1, channels, size, size)))
    return graphs
