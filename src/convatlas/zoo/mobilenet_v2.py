"""MobileNetV2: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018, arXiv:1801.04381), Table
2.

Widths are those of the official repository. A multiplier above 1 also widens the last convolution, one below leaves it
at 1280. Parameter names are torchvision's, and the same at every width.

Departures. Strided convolutions are padded on all sides alike (TensorFlow pads the far side only), as in torchvision.
Published figures: the parameters of the official README and of the paper leave the batch norms' weights out (3.47 M,
which the paper cuts to 3.4 M, against 3.50 M with them), and many of their MACs are rounded down (300 M for 300.8 M).
The paper's 6.9 M parameters and 585 M MACs for width 1.4 disagree with the README's 6.06 M and 582 M, which are right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from .layers.conv import ConvNormAct, positive_width, round_channels
from .layers.heads import PooledNetworkWithClassifier
from .layers.inverted_residual import InvertedResidual
from .layers.stages import deepened, split
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Multipliers of the width, and of the blocks in a stage."""

    width: float = 1.0
    depth: float = 1.0


VARIANTS = {
    "mobilenet_v2": Variant(),
    "mobilenet_v2_035": Variant(width=0.35),
    "mobilenet_v2_050": Variant(width=0.5),
    "mobilenet_v2_075": Variant(width=0.75),
    "mobilenet_v2_130": Variant(width=1.3),
    "mobilenet_v2_140": Variant(width=1.4),
}

STAGES = (  # Table 2: expansion, channels, depth, stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """The variant with its multipliers multiplied."""
    return Variant(width=variant.width * width, depth=variant.depth * depth)


class Bottleneck(InvertedResidual):
    """The inverted residual by the names that torchvision gives its parts."""

    name_of_f = "conv"
    whole = -1


class MobileNetV2(PooledNetworkWithClassifier):
    """A 3x3 convolution, seventeen inverted residuals in seven stages, a 1x1 convolution, and one linear layer."""

    stem_conv = "features.0.0"

    def __init__(self, width: float, depth: float, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        channels = round_channels(32 * width)
        stem_stride = 1 if small else 2
        features: list[nn.Module] = [ConvNormAct(in_channels, channels, stride=stem_stride, activation=nn.ReLU6)]
        self.starts = []
        for (expansion, base, _, stride), blocks in zip(STAGES, deepened([row[2] for row in STAGES], depth), strict=True):
            self.starts.append(len(features))
            for i in range(blocks):
                block = Bottleneck(
                    channels,
                    out_channels := round_channels(base * width),
                    expanded=channels * expansion,
                    stride=stride if i == 0 else 1,
                    activation=nn.ReLU6,
                )
                features.append(block)
                channels = out_channels
        self.starts.append(len(features))
        last = round_channels(1280 * max(1.0, width))
        features.append(ConvNormAct(channels, last, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*features)
        self.make_head(last, num_classes, dropout)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return split(self.features, self.starts)


@register(
    VARIANTS,
    family="mobilenet_v2",
    paper=Paper(
        title="MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        authors="M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen",
        year=2018,
        url="https://arxiv.org/abs/1801.04381",
    ),
    summary="Introduced the inverted residual: shortcuts between thin layers, depthwise filters on wide ones.",
    published={"mobilenet_v2": {"top1": 72.0}, "mobilenet_v2_140": {"top1": 74.7}},
    scaled=rescaled,
)
def mobilenet_v2(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.2,
    stem: str = "imagenet",
    width: float | None = None,
) -> MobileNetV2:
    """MobileNetV2; ``width`` replaces the variant's multiplier, ``stem="small"`` is the stem with stride 1.

    Raises:
        ConvatlasError: ``width`` is not positive, or there is no such stem.

    """
    width = positive_width(variant.width if width is None else width)
    return MobileNetV2(width, variant.depth, num_classes, in_channels, dropout, is_small(stem))
