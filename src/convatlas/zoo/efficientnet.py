"""EfficientNet: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019,
arXiv:1905.11946), Table 1 for B0 and the compound scaling of section 3.3 for B1 to B7; and EfficientNet-Lite, the
official repository's variant for phones: no squeeze-and-excitation, ReLU6, a stem, head and outer stages that do not
scale.

Parameter names are torchvision's; those of Lite follow them (timm: `tf_efficientnet_lite0`).

Departures. B0 to B7 pad strided convolutions on all sides alike, and B0 to B4 keep PyTorch's settings of the batch
norms, as torchvision does; Lite pads the far side only, as published. Published figures: the paper's 9.2 M parameters
for B2 are 9.11 M, and its 4.2 G, 9.9 G and 37 G FLOPs for B4, B5 and B7 are 4.39 G, 10.27 G and 37.75 G multiplications
of convolutions and linear layers (pycls and torchvision count the same). The MAdds of Lite's README are 3 % to 6 %
above these. pycls' exact counts add one operation for each bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Unpack

from torch import Tensor, nn

from .layers.conv import ConvNormAct, ConvOptions, round_channels
from .layers.heads import PooledNetworkWithClassifier
from .layers.inverted_residual import InvertedResidual
from .layers.squeeze_excitation import SqueezeExcitation
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Blocks of one width; the first has the stride."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    depth: int
    fused: bool = False
    squeeze: bool = True  # squeeze-and-excitation to a quarter of the block's input channels


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The compound coefficients, and what comes with them."""

    width: float
    depth: float
    resolution: int
    dropout: float
    lite: bool = False
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d


B0 = (  # Table 1
    Stage(expansion=1, kernel=3, stride=1, channels=16, depth=1),
    Stage(expansion=6, kernel=3, stride=2, channels=24, depth=2),
    Stage(expansion=6, kernel=5, stride=2, channels=40, depth=2),
    Stage(expansion=6, kernel=3, stride=2, channels=80, depth=3),
    Stage(expansion=6, kernel=5, stride=1, channels=112, depth=3),
    Stage(expansion=6, kernel=5, stride=2, channels=192, depth=4),
    Stage(expansion=6, kernel=3, stride=1, channels=320, depth=1),
)

_tensorflow_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_lite = partial(Variant, lite=True, norm=_tensorflow_norm)

VARIANTS = {
    "efficientnet_b0": Variant(width=1.0, depth=1.0, resolution=224, dropout=0.2),
    "efficientnet_b1": Variant(width=1.0, depth=1.1, resolution=240, dropout=0.2),
    "efficientnet_b2": Variant(width=1.1, depth=1.2, resolution=260, dropout=0.3),
    "efficientnet_b3": Variant(width=1.2, depth=1.4, resolution=300, dropout=0.3),
    "efficientnet_b4": Variant(width=1.4, depth=1.8, resolution=380, dropout=0.4),
    "efficientnet_b5": Variant(width=1.6, depth=2.2, resolution=456, dropout=0.4, norm=_tensorflow_norm),
    "efficientnet_b6": Variant(width=1.8, depth=2.6, resolution=528, dropout=0.5, norm=_tensorflow_norm),
    "efficientnet_b7": Variant(width=2.0, depth=3.1, resolution=600, dropout=0.5, norm=_tensorflow_norm),
    "efficientnet_lite0": _lite(width=1.0, depth=1.0, resolution=224, dropout=0.2),
    "efficientnet_lite1": _lite(width=1.0, depth=1.1, resolution=240, dropout=0.2),
    "efficientnet_lite2": _lite(width=1.1, depth=1.2, resolution=260, dropout=0.3),
    "efficientnet_lite3": _lite(width=1.2, depth=1.4, resolution=280, dropout=0.3),
    "efficientnet_lite4": _lite(width=1.4, depth=1.8, resolution=300, dropout=0.3),
}


def scaled(variant: Variant) -> list[Stage]:
    """The stages of B0 with the variant's width and depth; Lite leaves the depth of the outer two as it is."""
    stages = []
    for i, stage in enumerate(B0):
        fixed = variant.lite and i in (0, len(B0) - 1)
        depth = stage.depth if fixed else math.ceil(stage.depth * variant.depth)
        channels = round_channels(stage.channels * variant.width)
        stages.append(replace(stage, channels=channels, depth=depth, squeeze=not variant.lite))
    return stages


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """The variant with its coefficients multiplied."""
    return replace(variant, width=variant.width * width, depth=variant.depth * depth)


class EfficientNet(PooledNetworkWithClassifier):
    """A 3x3 convolution, stages of inverted residuals, a 1x1 convolution, and one linear layer on the mean."""

    stem_conv = "features.0.0"

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        stem: int,
        last: int,
        stem_stride: int,
        num_classes: int,
        in_channels: int,
        dropout: float,
        stochastic_depth: float,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        features: list[nn.Module] = [ConvNormAct(in_channels, stem, stride=stem_stride, **options)]
        channels, built, blocks = stem, 0, sum(stage.depth for stage in stages)
        for stage in stages:
            layers = []
            for i in range(stage.depth):
                expanded = channels * stage.expansion
                attention = None
                if stage.squeeze:
                    attention = SqueezeExcitation(expanded, max(1, channels // 4), activation=nn.SiLU)
                block = InvertedResidual(
                    channels,
                    stage.channels,
                    expanded=expanded,
                    kernel=stage.kernel,
                    stride=stage.stride if i == 0 else 1,
                    attention=attention,
                    fused=stage.fused,
                    stochastic_depth=stochastic_depth * built / blocks,  # linear from 0 at the first block
                    **options,
                )
                layers.append(block)
                channels = stage.channels
                built += 1
            features.append(nn.Sequential(*layers))
        features.append(ConvNormAct(channels, last, 1, **options))
        self.features = nn.Sequential(*features)
        self.make_head(last, num_classes, dropout)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        stem, *middle, last = self.features
        return {"stem": stem, **{f"stage{i}": stage for i, stage in enumerate(middle, 1)}, "last": last}

    def init_weights(self) -> None:
        """As the official repository: the linear layer uniform within 1 / sqrt(num_classes)."""
        super().init_weights()
        bound = self.num_classes**-0.5
        nn.init.uniform_(self.get_parameter(f"{self.classifier_path}.weight"), -bound, bound)


@register(
    VARIANTS,
    family="efficientnet",
    paper=Paper(
        title="EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        authors="M. Tan, Q. V. Le",
        year=2019,
        url="https://arxiv.org/abs/1905.11946",
    ),
    summary="Scaled depth, width and resolution together, by one coefficient, from a searched baseline.",
    input_size=lambda variant: (3, variant.resolution, variant.resolution),
    published={
        "efficientnet_b0": {"top1": 77.1},
        "efficientnet_b1": {"top1": 79.1},
        "efficientnet_b2": {"top1": 80.1},
        "efficientnet_b3": {"top1": 81.6},
        "efficientnet_b4": {"top1": 82.9},
        "efficientnet_b5": {"top1": 83.6},
        "efficientnet_b6": {"top1": 84.0},
        "efficientnet_b7": {"top1": 84.3},
    },
    scaled=rescaled,
)
def efficientnet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float | None = None,
    stem: str = "imagenet",
    stochastic_depth: float = 0.2,
) -> EfficientNet:
    """EfficientNet; ``dropout`` is the variant's own if left out, ``stochastic_depth`` that of the last block."""
    return EfficientNet(
        scaled(variant),
        stem=32 if variant.lite else round_channels(32 * variant.width),
        last=1280 if variant.lite else round_channels(1280 * variant.width),
        stem_stride=1 if is_small(stem) else 2,
        num_classes=num_classes,
        in_channels=in_channels,
        dropout=variant.dropout if dropout is None else dropout,
        stochastic_depth=stochastic_depth,
        norm=variant.norm,
        activation=nn.ReLU6 if variant.lite else nn.SiLU,
        same=variant.lite,
    )
