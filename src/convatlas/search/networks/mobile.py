"""Mobile networks of inverted residual blocks, whose stages differ in depth, width, kernel, expansion and squeeze-and-excitation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from .layers import ConvNorm, Head, SqueezeExcitation, initialise


class Stage(NamedTuple):
    """Blocks of one shape; the first one has the stride."""

    depth: int
    width: int
    kernel: int
    expansion: int
    squeeze: bool
    stride: int


class Block(nn.Module):
    """x + f(x), or f(x) where shapes differ; f is 1x1 to more channels, depthwise, squeeze-and-excitation, 1x1 without activation."""

    def __init__(self, inputs: int, width: int, kernel: int, expansion: int, squeeze: bool, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.f = nn.Sequential()
        if expansion > 1:
            self.f.append(ConvNorm(inputs, inner, activation=nn.ReLU6))
        self.f.append(ConvNorm(inner, inner, kernel, stride, inner, activation=nn.ReLU6))
        if squeeze:
            self.f.append(SqueezeExcitation(inner, max(inputs // 4, 1)))
        self.f.append(ConvNorm(inner, width))
        self.residual = stride == 1 and inputs == width

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.f(x)
        return x + y if self.residual else y


class Mobile(nn.Module):
    """A 3x3 convolution, stages of blocks, a 1x1 convolution and a linear layer: images (N, C, H, W) to logits (N, num_classes)."""

    def __init__(
        self,
        input_size: tuple[int, int, int],
        num_classes: int,
        stem: int,
        stem_stride: int,
        stages: Sequence[Stage],
        features: int,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.stem = ConvNorm(input_size[0], stem, 3, stem_stride, activation=nn.ReLU6)
        self.stages = nn.Sequential()
        channels = stem
        for depth, width, kernel, expansion, squeeze, stride in stages:
            blocks = nn.Sequential()
            for place in range(depth):
                blocks.append(Block(channels, width, kernel, expansion, squeeze, 1 if place else stride))
                channels = width
            self.stages.append(blocks)
        self.features = ConvNorm(channels, features, activation=nn.ReLU6)
        self.head = Head(features, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(self.stages(self.stem(x))))
        return logits
