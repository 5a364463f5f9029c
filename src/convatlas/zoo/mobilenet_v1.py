"""MobileNet: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications" (2017,
arXiv:1704.04861), Table 1; the width multiplier of Table 6 and the shallow network of Table 5 (less five 14x14x512
layers).

Each layer is a depthwise 3x3 and a pointwise convolution. The resolution multiplier of Table 7 is the size of the
input. Parameter names are timm's (`mobilenetv1_100`).

Departures. ReLU6 as in the official repository and timm, where the paper says ReLU; strided convolutions are padded on
all sides alike (TensorFlow pads the far side only). Published figures: of the official README, 4.24 M and 1.34 M
parameters for widths 1 and 0.5 are 0.01 M above the exact counts (the paper rounds to 4.2 M and 1.3 M); its MACs for
width 0.75 (317 M at 224 pixels) contradict the paper's 325 M, which is right; its 34 M for width 0.25 at 192 pixels
should be 30 M, and 150 M for width 0.5 is the paper's 149 M. The paper rounds 290.7 M at 160 pixels down. The 575 M of
MobileNetV2's paper are 569 M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from .layers.conv import positive_width, round_channels
from .layers.stages import deepened
from .layers.stem import is_small
from .network import Network
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A width multiplier, and how many layers there are of each width (Table 1)."""

    width: float = 1.0
    depths: tuple[int, ...] = (1, 2, 2, 6, 2)


CHANNELS = (64, 128, 256, 512, 1024)

VARIANTS = {
    "mobilenet_v1": Variant(),
    "mobilenet_v1_100": Variant(),
    "mobilenet_v1_075": Variant(width=0.75),
    "mobilenet_v1_050": Variant(width=0.5),
    "mobilenet_v1_025": Variant(width=0.25),
    "mobilenet_v1_shallow": Variant(depths=(1, 2, 2, 1, 2)),
}


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """Of each width so many times as many layers, rounded up."""
    return Variant(width=variant.width * width, depths=deepened(variant.depths, depth))


class DepthwiseSeparable(nn.Module):
    """A 3x3 filter for each channel, then a 1x1 convolution across channels; each with batch norm and ReLU6."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_pw = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.act2 = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.bn1(self.conv_dw(x)))
        return cast(Tensor, self.act2(self.bn2(self.conv_pw(x))))


class MobileNetV1(Network):
    """A 3x3 convolution, five stages of depthwise separable ones, and one linear layer on the mean."""

    classifier_path = "classifier"
    stem_conv = "conv_stem"

    def __init__(
        self, width: float, depths: tuple[int, ...], num_classes: int, in_channels: int, dropout: float, small: bool
    ) -> None:
        super().__init__()
        channels = round_channels(32 * width)
        self.conv_stem = nn.Conv2d(in_channels, channels, 3, 1 if small else 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU6(inplace=True)
        stages = []
        for i, (base, depth) in enumerate(zip(CHANNELS, depths, strict=True)):
            stage = []
            for j in range(depth):
                out_channels = round_channels(base * width)
                stage.append(DepthwiseSeparable(channels, out_channels, 2 if i and not j else 1))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)

    def stem(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.act1(self.bn1(self.conv_stem(x))))

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self.stem, **{f"stage{i}": stage for i, stage in enumerate(self.blocks, 1)}}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x: Tensor = self.dropout(self.global_pool(features).flatten(1))
        return x if pre_logits else self.classifier(x)


@register(
    VARIANTS,
    family="mobilenet_v1",
    paper=Paper(
        title="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
        authors="A. G. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam",
        year=2017,
        url="https://arxiv.org/abs/1704.04861",
    ),
    summary="Built a whole network of depthwise separable convolutions, with a multiplier to trade accuracy for cost.",
    published={
        "mobilenet_v1": {"top1": 70.6},
        "mobilenet_v1_100": {"top1": 70.6},
        "mobilenet_v1_075": {"top1": 68.4},
        "mobilenet_v1_050": {"top1": 63.7},
        "mobilenet_v1_025": {"top1": 50.6},
        "mobilenet_v1_shallow": {"top1": 65.3},
    },
    scaled=rescaled,
)
def mobilenet_v1(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
    width: float | None = None,
) -> MobileNetV1:
    """MobileNet; ``width`` replaces the variant's multiplier, ``stem="small"`` is the stem with stride 1.

    Raises:
        ConvatlasError: ``width`` is not positive, or there is no such stem.

    """
    width = positive_width(variant.width if width is None else width)
    return MobileNetV1(width, variant.depths, num_classes, in_channels, dropout, is_small(stem))
