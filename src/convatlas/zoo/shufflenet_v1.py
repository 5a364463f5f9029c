"""ShuffleNet: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices" (2017,
arXiv:1707.01083), Table 1; the widths of Table 2; `shuffle=False` for Table 3.

Each residual unit is a grouped 1x1 convolution, a channel shuffle, a depthwise 3x3 and a grouped 1x1 convolution; the
units with stride 2 concatenate a pooled shortcut. The first 1x1 convolution of the network is not grouped.

Departures. The paper does not say how widths are rounded: as in the official repository the first convolution has 24
channels at 1.5x, and otherwise scales too; it and the bottlenecks are rounded up to a multiple of the groups, and the
classifier has no bias. Published figures: Table 1's 133 M and 137 M MACs for 4 and 8 groups are 134 M and 138 M (the
official repository has 138 M for 8 groups, and for 3 groups, which the paper and we count as 137 M); its 140 M for 2
groups are 140.8 M. Table 2's 140 M and 13 M, and the 1.8 M parameters in the SENet paper, are rounded budgets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers.conv import ConvNormAct
from .layers.heads import PooledNetwork
from .layers.shuffle import channel_shuffle
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A width multiplier and the groups of the 1x1 convolutions."""

    width: float
    groups: int


CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}  # Table 1: of the first stage, by groups; each later stage doubles
DEPTHS = (4, 8, 4)

VARIANTS = {
    f"shufflenet_v1_x{str(width).replace('.', '_')}_g{groups}": Variant(width=width, groups=groups)
    for width in (0.25, 0.5, 1.0, 1.5, 2.0)
    for groups in CHANNELS
}


def up_to_multiple(channels: float, groups: int) -> int:
    """The least multiple of ``groups`` that is not below ``channels``."""
    return -int(-channels // groups) * groups


class ShuffleUnit(nn.Module):
    """relu(x + f(x)), or with stride 2 pooled x and relu(f(x)) side by side; f shuffles after its first convolution."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, groups: int, first_groups: int, shuffle: bool) -> None:
        super().__init__()
        middle = up_to_multiple(out_channels / 4, groups)
        new_channels = out_channels - in_channels if stride == 2 else out_channels
        self.compress = ConvNormAct(in_channels, middle, 1, groups=first_groups)
        self.depthwise = ConvNormAct(middle, middle, stride=stride, groups=middle, activation=None)
        self.expand = ConvNormAct(middle, new_channels, 1, groups=groups, activation=None)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1) if stride == 2 else None
        self.shuffle_groups = groups if shuffle and groups > 1 else 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.compress(x)
        if self.shuffle_groups:
            y = channel_shuffle(y, self.shuffle_groups)
        y = self.expand(self.depthwise(y))
        if self.pool is None:
            return F.relu(x + y)
        return torch.cat([self.pool(x), F.relu(y)], dim=1)


class ShuffleNetV1(PooledNetwork):
    """A 3x3 convolution, max-pooling, three stages of shuffle units, and one linear layer on the mean."""

    stem_conv = "conv1.0"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool, shuffle: bool) -> None:
        super().__init__()
        groups = variant.groups
        channels = up_to_multiple(24 * (1.0 if variant.width == 1.5 else variant.width), groups)
        self.conv1 = ConvNormAct(in_channels, channels, stride=1 if small else 2)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        for i, depth in enumerate(DEPTHS):
            out_channels = round(CHANNELS[groups] * variant.width) * 2**i
            stage = []
            for j in range(depth):
                first_groups = 1 if i == j == 0 else groups
                options = {"stride": 2 if j == 0 else 1, "groups": groups, "first_groups": first_groups}
                stage.append(ShuffleUnit(channels, out_channels, **options, shuffle=shuffle))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.stage2, self.stage3, self.stage4 = stages
        self.make_head(channels, num_classes, dropout, bias=False)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self.stem, "stage2": self.stage2, "stage3": self.stage3, "stage4": self.stage4}

    def stem(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.maxpool(self.conv1(x)))


@register(
    VARIANTS,
    family="shufflenet_v1",
    paper=Paper(
        title="ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices",
        authors="X. Zhang, X. Zhou, M. Lin, J. Sun",
        year=2017,
        url="https://arxiv.org/abs/1707.01083",
    ),
    summary="Grouped the 1x1 convolutions too, and shuffled channels so that the groups still exchange information.",
    published={
        f"shufflenet_v1_{width}_g{groups}": {"top1": round(100 - error, 1)}
        for width, errors in {
            "x1_0": {1: 33.6, 2: 32.7, 3: 32.6, 4: 32.8, 8: 32.4},
            "x0_5": {1: 45.1, 2: 44.4, 3: 43.2, 4: 41.6, 8: 42.3},
            "x0_25": {1: 57.1, 2: 56.8, 3: 55.0, 4: 54.2, 8: 52.7},
            "x1_5": {3: 28.5},
            "x2_0": {3: 26.3},
        }.items()
        for groups, error in errors.items()
    },
)
def shufflenet_v1(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
    shuffle: bool = True,
) -> ShuffleNetV1:
    """ShuffleNet; ``stem="small"`` has stride 1 and no pooling, ``shuffle=False`` leaves the groups apart (Table 3)."""
    return ShuffleNetV1(variant, num_classes, in_channels, dropout, is_small(stem), shuffle)
