"""Residual networks of bottleneck blocks, whose stages differ in depth, width, bottleneck, groups and squeeze-and-excitation.

RegNet's networks are among them: a bottleneck as wide as the block, and widths on a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from .layers import ConvNorm, Head, SqueezeExcitation, initialise


class Stage(NamedTuple):
    """Blocks of one shape; the first one has the stride."""

    depth: int
    width: int
    inner: int  # channels of the 3x3 convolutions
    groups: int
    squeeze: bool
    stride: int


class Block(nn.Module):
    """relu(shortcut(x) + f(x)); f is 1x1, grouped 3x3 with the stride, squeeze-and-excitation to a quarter of x's channels, 1x1."""

    def __init__(self, inputs: int, width: int, inner: int, groups: int, squeeze: bool, stride: int) -> None:
        super().__init__()
        self.f = nn.Sequential(
            ConvNorm(inputs, inner, activation=nn.ReLU), ConvNorm(inner, inner, 3, stride, groups, activation=nn.ReLU)
        )
        if squeeze:
            self.f.append(SqueezeExcitation(inner, max(inputs // 4, 1)))
        self.f.append(ConvNorm(inner, width))
        self.shortcut = nn.Identity() if stride == 1 and inputs == width else ConvNorm(inputs, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.shortcut(x) + self.f(x)
        return y.relu()


class Residual(nn.Module):
    """A 3x3 convolution, stages of blocks, and a linear layer: images (N, C, H, W) to logits (N, num_classes)."""

    def __init__(
        self, input_size: tuple[int, int, int], num_classes: int, stem: int, stem_stride: int, stages: Sequence[Stage]
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.stem = ConvNorm(input_size[0], stem, 3, stem_stride, activation=nn.ReLU)
        self.stages = nn.Sequential()
        channels = stem
        for depth, width, inner, groups, squeeze, stride in stages:
            blocks = nn.Sequential()
            for place in range(depth):
                blocks.append(Block(channels, width, inner, groups, squeeze, 1 if place else stride))
                channels = width
            self.stages.append(blocks)
        self.head = Head(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stages(self.stem(x)))
        return logits
