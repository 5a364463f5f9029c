"""RegNet: Radosavovic et al., "Designing Network Design Spaces" (2020, arXiv:2003.13678), equations 2 to 4 and Appendix
B.

Widths rise linearly with depth and are quantised to a few stages; X is plain, Y adds squeeze-and-excitation. Parameter
names are torchvision's. Each network is a row of five numbers.

Departures. Stage widths must be multiples of the group width. pycls, the paper's code, takes the nearest multiple;
torchvision never one more than 10 % below. They differ in three networks of torchvision's: as published they are
`regnet_x_400mf_pycls`, `regnet_y_800mf_pycls` and `regnet_y_8gf_pycls`, and under the plain names stand torchvision's,
whose published weights fit. `regnet_y_128gf` is of Goyal et al. (2022, arXiv:2202.08360). pycls' exact operation counts
add one for each bias.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import cast

from torch import Tensor, nn

from .layers.conv import ConvNormAct, round_channels
from .layers.heads import PooledNetwork
from .layers.squeeze_excitation import SqueezeExcitation
from .layers.stages import deepened
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Blocks, and the line that their widths follow: first width, slope, ratio between stages; channels in a group."""

    depth: int
    w0: int
    wa: float
    wm: float
    group_width: int
    squeeze: bool = False  # squeeze-and-excitation to a quarter of the block's input channels
    nearest: bool = False  # how widths are fitted to groups: to the nearest multiple, else never 10 % below


x = Variant
y = partial(Variant, squeeze=True)

VARIANTS = {
    "regnet_x_200mf": x(depth=13, w0=24, wa=36.44, wm=2.49, group_width=8, nearest=True),
    "regnet_x_400mf": x(depth=22, w0=24, wa=24.48, wm=2.54, group_width=16),
    "regnet_x_600mf": x(depth=16, w0=48, wa=36.97, wm=2.24, group_width=24, nearest=True),
    "regnet_x_800mf": x(depth=16, w0=56, wa=35.73, wm=2.28, group_width=16),
    "regnet_x_1_6gf": x(depth=18, w0=80, wa=34.01, wm=2.25, group_width=24),
    "regnet_x_3_2gf": x(depth=25, w0=88, wa=26.31, wm=2.25, group_width=48),
    "regnet_x_4gf": x(depth=23, w0=96, wa=38.65, wm=2.43, group_width=40, nearest=True),
    "regnet_x_6_4gf": x(depth=17, w0=184, wa=60.83, wm=2.07, group_width=56, nearest=True),
    "regnet_x_8gf": x(depth=23, w0=80, wa=49.56, wm=2.88, group_width=120),
    "regnet_x_12gf": x(depth=19, w0=168, wa=73.36, wm=2.37, group_width=112, nearest=True),
    "regnet_x_16gf": x(depth=22, w0=216, wa=55.59, wm=2.1, group_width=128),
    "regnet_x_32gf": x(depth=23, w0=320, wa=69.86, wm=2.0, group_width=168),
    "regnet_y_200mf": y(depth=13, w0=24, wa=36.44, wm=2.49, group_width=8, nearest=True),
    "regnet_y_400mf": y(depth=16, w0=48, wa=27.89, wm=2.09, group_width=8),
    "regnet_y_600mf": y(depth=15, w0=48, wa=32.54, wm=2.32, group_width=16, nearest=True),
    "regnet_y_800mf": y(depth=14, w0=56, wa=38.84, wm=2.4, group_width=16),
    "regnet_y_1_6gf": y(depth=27, w0=48, wa=20.71, wm=2.65, group_width=24),
    "regnet_y_3_2gf": y(depth=21, w0=80, wa=42.63, wm=2.66, group_width=24),
    "regnet_y_4gf": y(depth=22, w0=96, wa=31.41, wm=2.24, group_width=64, nearest=True),
    "regnet_y_6_4gf": y(depth=25, w0=112, wa=33.22, wm=2.27, group_width=72, nearest=True),
    "regnet_y_8gf": y(depth=17, w0=192, wa=76.82, wm=2.19, group_width=56),
    "regnet_y_12gf": y(depth=19, w0=168, wa=73.36, wm=2.37, group_width=112, nearest=True),
    "regnet_y_16gf": y(depth=18, w0=200, wa=106.23, wm=2.48, group_width=112),
    "regnet_y_32gf": y(depth=20, w0=232, wa=115.89, wm=2.53, group_width=232),
    "regnet_y_128gf": y(depth=27, w0=456, wa=160.83, wm=2.52, group_width=264),
}
VARIANTS |= {
    f"{name}_pycls": replace(VARIANTS[name], nearest=True) for name in ("regnet_x_400mf", "regnet_y_800mf", "regnet_y_8gf")
}


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """The line so many times as high, and so many times as many blocks, rounded up; groups keep their width."""
    (blocks,) = deepened([variant.depth], depth)
    slope = variant.wa * width * variant.depth / blocks  # the last block stays about as wide
    return replace(variant, depth=blocks, w0=round_channels(variant.w0 * width), wa=slope)


def stage_shapes(variant: Variant) -> list[tuple[int, int, int]]:
    """The stages by the paper's rule: blocks, channels, and channels in a group of each."""
    widths = []
    for block in range(variant.depth):
        linear = variant.w0 + variant.wa * block
        power = round(math.log(linear / variant.w0, variant.wm))
        widths.append(round(variant.w0 * variant.wm**power / 8) * 8)
    shapes = []
    for width, blocks in groupby(widths):
        group_width = min(variant.group_width, width)
        fitted = round(width / group_width) * group_width if variant.nearest else round_channels(width, group_width)
        shapes.append((len(list(blocks)), fitted, group_width))
    return shapes


class BottleneckBlock(nn.Module):
    """relu(x + f(x)); f is 1x1, grouped 3x3, squeeze-and-excitation and 1x1, of one width; a 1x1 fits x."""

    def __init__(self, in_channels: int, channels: int, *, stride: int, group_width: int, squeeze: bool) -> None:
        super().__init__()
        self.proj = None
        if stride != 1 or in_channels != channels:
            self.proj = ConvNormAct(in_channels, channels, 1, stride=stride, activation=None)
        groups = channels // group_width
        f: OrderedDict[str, nn.Module] = OrderedDict()
        f["a"] = ConvNormAct(in_channels, channels, 1)
        f["b"] = ConvNormAct(channels, channels, stride=stride, groups=groups)
        if squeeze:
            f["se"] = SqueezeExcitation(channels, round(in_channels / 4))
        f["c"] = ConvNormAct(channels, channels, 1, activation=None)
        self.f = nn.Sequential(f)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        return cast(Tensor, self.activation(shortcut + self.f(x)))


class RegNet(PooledNetwork):
    """A 3x3 convolution, stages of bottleneck blocks that start by halving the maps, and one linear layer."""

    stem_conv = "stem.0"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        channels = 32
        self.stem = ConvNormAct(in_channels, channels, stride=1 if small else 2)
        self.trunk_output = nn.Sequential()
        for i, (depth, out_channels, group_width) in enumerate(stage_shapes(variant), 1):
            stage = nn.Sequential()
            for j in range(depth):
                stride = 2 if j == 0 else 1
                options = {"stride": stride, "group_width": group_width}
                block = BottleneckBlock(channels, out_channels, **options, squeeze=variant.squeeze)
                stage.add_module(f"block{i}-{j}", block)
                channels = out_channels
            self.trunk_output.add_module(f"block{i}", stage)
        self.make_head(channels, num_classes, dropout)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self.stem, **{f"stage{i}": stage for i, stage in enumerate(self.trunk_output, 1)}}


# Top-1 errors (percent) of pycls' model zoo.
ERRORS = {
    "regnet_x_200mf": 31.1,
    "regnet_x_400mf_pycls": 27.4,
    "regnet_x_600mf": 25.9,
    "regnet_x_800mf": 24.8,
    "regnet_x_1_6gf": 23.0,
    "regnet_x_3_2gf": 21.7,
    "regnet_x_4gf": 21.4,
    "regnet_x_6_4gf": 20.8,
    "regnet_x_8gf": 20.7,
    "regnet_x_12gf": 20.3,
    "regnet_x_16gf": 20.0,
    "regnet_x_32gf": 19.5,
    "regnet_y_200mf": 29.7,
    "regnet_y_400mf": 25.9,
    "regnet_y_600mf": 24.5,
    "regnet_y_800mf_pycls": 23.7,
    "regnet_y_1_6gf": 22.1,
    "regnet_y_3_2gf": 21.1,
    "regnet_y_4gf": 20.6,
    "regnet_y_6_4gf": 20.1,
    "regnet_y_8gf_pycls": 20.1,
    "regnet_y_12gf": 19.7,
    "regnet_y_16gf": 19.6,
    "regnet_y_32gf": 19.1,
}


@register(
    VARIANTS,
    family="regnet",
    paper=Paper(
        title="Designing Network Design Spaces",
        authors="I. Radosavovic, R. P. Kosaraju, R. Girshick, K. He, P. Dollár",
        year=2020,
        url="https://arxiv.org/abs/2003.13678",
    ),
    summary="Designed a space of networks rather than one network: widths on a quantised line, four numbers for each.",
    published={name: {"top1": round(100 - error, 1)} for name, error in ERRORS.items()},
    scaled=rescaled,
)
def regnet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
) -> RegNet:
    """RegNet X and Y; ``stem="small"`` is the stem with stride 1."""
    return RegNet(variant, num_classes, in_channels, dropout, is_small(stem))
