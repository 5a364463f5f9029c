"""EfficientNetV2: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training" (2021, arXiv:2104.00298), Table 4
for S; M, L and the base networks B0 to B3 as in the official repository.

Parameter names are torchvision's; those of B0 to B3 follow them (timm: `tf_efficientnetv2_b0`). `published` accuracies
are those of ImageNet-1k training alone.

Departures. Strided convolutions are padded on all sides alike (TensorFlow pads the far side only) in S, M and L, as in
torchvision. Published figures: the paper's table prints 22 M, 54 M and 120 M parameters, 8.8 G, 24 G and 53 G FLOPs;
the official repository 21.5 M, 54.1 M, 119.5 M and 8.4 G, 24.7 G and 56.3 G. Here S has 21.5 M parameters and 8.4 G
MACs, M 54.1 M and 24.6 G, L 118.5 M and 56.1 G, as torchvision states too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from .efficientnet import EfficientNet, Stage
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The stages, the resolution of the published evaluation, and the regularisation."""

    stages: tuple[Stage, ...]
    stem: int
    resolution: int
    dropout: float
    last: int = 1280
    same: bool = False


fused = partial(Stage, kernel=3, fused=True, squeeze=False)  # one full convolution for the 1x1 and the depthwise one
mbconv = partial(Stage, kernel=3)

S = (  # Table 4
    fused(expansion=1, stride=1, channels=24, depth=2),
    fused(expansion=4, stride=2, channels=48, depth=4),
    fused(expansion=4, stride=2, channels=64, depth=4),
    mbconv(expansion=4, stride=2, channels=128, depth=6),
    mbconv(expansion=6, stride=1, channels=160, depth=9),
    mbconv(expansion=6, stride=2, channels=256, depth=15),
)
M = (
    fused(expansion=1, stride=1, channels=24, depth=3),
    fused(expansion=4, stride=2, channels=48, depth=5),
    fused(expansion=4, stride=2, channels=80, depth=5),
    mbconv(expansion=4, stride=2, channels=160, depth=7),
    mbconv(expansion=6, stride=1, channels=176, depth=14),
    mbconv(expansion=6, stride=2, channels=304, depth=18),
    mbconv(expansion=6, stride=1, channels=512, depth=5),
)
L = (
    fused(expansion=1, stride=1, channels=32, depth=4),
    fused(expansion=4, stride=2, channels=64, depth=7),
    fused(expansion=4, stride=2, channels=96, depth=7),
    mbconv(expansion=4, stride=2, channels=192, depth=10),
    mbconv(expansion=6, stride=1, channels=224, depth=19),
    mbconv(expansion=6, stride=2, channels=384, depth=25),
    mbconv(expansion=6, stride=1, channels=640, depth=7),
)
BASE = (
    fused(expansion=1, stride=1, channels=16, depth=1),
    fused(expansion=4, stride=2, channels=32, depth=2),
    fused(expansion=4, stride=2, channels=48, depth=2),
    mbconv(expansion=4, stride=2, channels=96, depth=3),
    mbconv(expansion=6, stride=1, channels=112, depth=5),
    mbconv(expansion=6, stride=2, channels=192, depth=8),
)


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """EfficientNet's compound scaling; here a width is rounded to the nearest multiple of 8."""

    def round8(channels: int) -> int:
        return max(8, int(channels * width + 4) // 8 * 8)

    stages = (replace(s, channels=round8(s.channels), depth=math.ceil(s.depth * depth)) for s in variant.stages)
    return replace(variant, stages=tuple(stages), stem=round8(variant.stem), last=round8(variant.last))


def base(*, width: float, depth: float, resolution: int, dropout: float) -> Variant:
    """The base network, scaled."""
    return rescaled(Variant(stages=BASE, stem=32, resolution=resolution, dropout=dropout, same=True), width, depth)


VARIANTS = {
    "efficientnet_v2_s": Variant(stages=S, stem=24, resolution=384, dropout=0.2),
    "efficientnet_v2_m": Variant(stages=M, stem=24, resolution=480, dropout=0.3),
    "efficientnet_v2_l": Variant(stages=L, stem=32, resolution=480, dropout=0.4),
    "efficientnet_v2_b0": base(width=1.0, depth=1.0, resolution=224, dropout=0.2),
    "efficientnet_v2_b1": base(width=1.0, depth=1.1, resolution=240, dropout=0.2),
    "efficientnet_v2_b2": base(width=1.1, depth=1.2, resolution=260, dropout=0.3),
    "efficientnet_v2_b3": base(width=1.2, depth=1.4, resolution=300, dropout=0.3),
}


@register(
    VARIANTS,
    family="efficientnet_v2",
    paper=Paper(
        title="EfficientNetV2: Smaller Models and Faster Training",
        authors="M. Tan, Q. V. Le",
        year=2021,
        url="https://arxiv.org/abs/2104.00298",
    ),
    summary="Searched for training speed: full convolutions early, where depthwise ones are slow, and growing images.",
    input_size=lambda variant: (3, variant.resolution, variant.resolution),
    published={
        "efficientnet_v2_s": {"top1": 83.9},
        "efficientnet_v2_m": {"top1": 85.2},
        "efficientnet_v2_l": {"top1": 85.7},
    },
    scaled=rescaled,
)
def efficientnet_v2(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float | None = None,
    stem: str = "imagenet",
    stochastic_depth: float = 0.2,
) -> EfficientNet:
    """EfficientNetV2; ``dropout`` is the variant's own if left out, ``stochastic_depth`` that of the last block."""
    return EfficientNet(
        variant.stages,
        stem=variant.stem,
        last=variant.last,
        stem_stride=1 if is_small(stem) else 2,
        num_classes=num_classes,
        in_channels=in_channels,
        dropout=variant.dropout if dropout is None else dropout,
        stochastic_depth=stochastic_depth,
        norm=partial(nn.BatchNorm2d, eps=0.001),
        activation=nn.SiLU,
        same=variant.same,
    )
