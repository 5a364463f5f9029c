"""ShuffleNet V2: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design" (2018,
arXiv:1807.11164), Table 5.

Parameter names are torchvision's. Width 2.0x has 2048 channels before the classifier, the others 1024.

Departures. The paper's 41 M, 146 M, 299 M and 591 M MACs (also the official repository's figures) are up to 8 M above
the multiplications of convolutions and linear layers, which torchvision states as 0.04 G, 0.145 G, 0.296 G and 0.583 G.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from .layers.conv import ConvNormAct, conv_norm_act, round_channels
from .layers.heads import PooledNetwork
from .layers.shuffle import channel_shuffle
from .layers.stages import deepened
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Channels of the three stages, and of the last convolution."""

    channels: tuple[int, int, int]
    last: int = 1024
    depths: tuple[int, int, int] = (4, 8, 4)


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """Channels to multiples of 4, as the paper's are, and blocks in each stage, rounded up."""
    c2, c3, c4 = (round_channels(channels * width, 4) for channels in variant.channels)
    d2, d3, d4 = deepened(variant.depths, depth)
    return Variant(channels=(c2, c3, c4), last=variant.last, depths=(d2, d3, d4))


VARIANTS = {
    "shufflenet_v2_x0_5": Variant(channels=(48, 96, 192)),
    "shufflenet_v2_x1_0": Variant(channels=(116, 232, 464)),
    "shufflenet_v2_x1_5": Variant(channels=(176, 352, 704)),
    "shufflenet_v2_x2_0": Variant(channels=(244, 488, 976), last=2048),
}


class ShuffleBlock(nn.Module):
    """Half of the channels pass, half go through 1x1, depthwise and 1x1; with stride 2 two branches read all of them.

    The halves are concatenated and shuffled, so that the next block splits them anew.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.split = stride == 1
        read = half if self.split else in_channels
        self.branch1 = nn.Sequential()
        if not self.split:
            self.branch1 = nn.Sequential(
                *conv_norm_act(read, read, stride=stride, groups=read, activation=None),
                *conv_norm_act(read, half, 1),
            )
        self.branch2 = nn.Sequential(
            *conv_norm_act(read, half, 1),
            *conv_norm_act(half, half, stride=stride, groups=half, activation=None),
            *conv_norm_act(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1) if self.split else (self.branch1(x), x)
        return channel_shuffle(torch.cat([left, self.branch2(right)], dim=1), 2)


class ShuffleNetV2(PooledNetwork):
    """A 3x3 convolution, max-pooling, three stages of shuffle blocks, a 1x1 convolution, and one linear layer."""

    stem_conv = "conv1.0"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, 24, stride=1 if small else 2)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        c2, c3, c4 = variant.channels
        d2, d3, d4 = variant.depths
        self.stage2 = stage(24, c2, d2)
        self.stage3 = stage(c2, c3, d3)
        self.stage4 = stage(c3, c4, d4)
        self.conv5 = ConvNormAct(c4, variant.last, 1)
        self.make_head(variant.last, num_classes, dropout)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        middle = {"stage2": self.stage2, "stage3": self.stage3, "stage4": self.stage4}
        return {"stem": self.stem, **middle, "last": self.conv5}

    def stem(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.maxpool(self.conv1(x)))


def stage(in_channels: int, out_channels: int, depth: int) -> nn.Sequential:
    """Blocks of one width; the first halves the maps."""
    first = ShuffleBlock(in_channels, out_channels, stride=2)
    return nn.Sequential(first, *(ShuffleBlock(out_channels, out_channels, stride=1) for _ in range(depth - 1)))


@register(
    VARIANTS,
    family="shufflenet_v2",
    paper=Paper(
        title="ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
        authors="N. Ma, X. Zhang, H.-T. Zheng, J. Sun",
        year=2018,
        url="https://arxiv.org/abs/1807.11164",
    ),
    summary="Derived how to build from measured speed, not operations: split, equal widths, no groups, concatenate.",
    published={
        "shufflenet_v2_x0_5": {"top1": 60.3},
        "shufflenet_v2_x1_0": {"top1": 69.4},
        "shufflenet_v2_x1_5": {"top1": 72.6},
        "shufflenet_v2_x2_0": {"top1": 74.9},
    },
    scaled=rescaled,
)
def shufflenet_v2(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
) -> ShuffleNetV2:
    """ShuffleNet V2; ``stem="small"`` has stride 1 and no pooling."""
    return ShuffleNetV2(variant, num_classes, in_channels, dropout, is_small(stem))
