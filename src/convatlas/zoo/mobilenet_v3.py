"""MobileNetV3: Howard et al., "Searching for MobileNetV3" (2019, arXiv:1905.02244), Tables 1 and 2.

`_075` scales the widths by 0.75. `_minimal` is the official repository's "minimalistic" network: 3x3 kernels and ReLU
only, no squeeze-and-excitation. Parameter names are torchvision's.

Departures. Strided convolutions are padded on all sides alike (TensorFlow pads the far side only), as in torchvision.
The width multiplier leaves the hidden layer of the head as it is, as the official repository does. Published figures:
the paper gives Small as 66 M MACs and 2.9 M parameters in its first version (and the official README still does) and as
56 M and 2.5 M in the later ones, which are right (56.5 M, 2.54 M). The 5.4 M parameters of Large are 5.48 M rounded
down, its 219 M MACs are 217 M in the README; the 44 M of Small 0.75 are 43.4 M. The README's 65 M for the minimalistic
Small would be more than Small itself needs: 52.3 M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from torch import Tensor, nn

from ..errors import ConvatlasError
from .layers.conv import ConvNormAct, positive_width, round_channels
from .layers.inverted_residual import InvertedResidual
from .layers.squeeze_excitation import SqueezeExcitation
from .layers.stages import split
from .layers.stem import is_small
from .network import Network
from .registry import Paper, register

Row = tuple[int, int, int, bool, bool, int]  # kernel, expanded channels, channels, squeeze-and-excitation, Hardswish, stride

LARGE: tuple[Row, ...] = (  # Table 1
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
SMALL: tuple[Row, ...] = (  # Table 2
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The blocks, the units of the head's hidden layer, the width multiplier, and whether only plain parts are used."""

    blocks: tuple[Row, ...]
    hidden: int
    width: float = 1.0
    minimal: bool = False


VARIANTS = {
    "mobilenet_v3_large": Variant(blocks=LARGE, hidden=1280),
    "mobilenet_v3_small": Variant(blocks=SMALL, hidden=1024),
    "mobilenet_v3_large_075": Variant(blocks=LARGE, hidden=1280, width=0.75),
    "mobilenet_v3_small_075": Variant(blocks=SMALL, hidden=1024, width=0.75),
    "mobilenet_v3_large_minimal": Variant(blocks=LARGE, hidden=1280, minimal=True),
    "mobilenet_v3_small_minimal": Variant(blocks=SMALL, hidden=1024, minimal=True),
}


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """The variant with its multiplier multiplied.

    Raises:
        ConvatlasError: another depth, for which there is no rule: the search found each block by itself.

    """
    if depth != 1.0:
        raise ConvatlasError(f"MobileNetV3 has no rule for its depth (={depth:g}): each of its blocks was searched by itself")
    return replace(variant, width=variant.width * width)


class MobileNetV3(Network):
    """A 3x3 convolution, inverted residuals, a 1x1 convolution, and a head with one hidden layer."""

    stem_conv = "features.0.0"
    classifier_path = "classifier.3"

    def __init__(self, variant: Variant, width: float, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        hardswish = nn.ReLU if variant.minimal else nn.Hardswish
        base = 16
        channels = round_channels(base * width)
        stem_stride = 1 if small else 2
        features: list[nn.Module] = [ConvNormAct(in_channels, channels, stride=stem_stride, norm=norm, activation=hardswish)]
        for kernel, expanded, out_channels, squeeze, swish, stride in variant.blocks:
            # The width multiplier keeps each block's expansion of the channels that it reads.
            expanded = round_channels(channels * expanded / base)
            base, out_channels = out_channels, round_channels(out_channels * width)
            attention = None
            if squeeze and not variant.minimal:
                attention = SqueezeExcitation(expanded, round_channels(expanded // 4), gate=nn.Hardsigmoid)
            block = InvertedResidual(
                channels,
                out_channels,
                expanded=expanded,
                kernel=3 if variant.minimal else kernel,
                stride=stride,
                attention=attention,
                norm=norm,
                activation=hardswish if swish else nn.ReLU,
            )
            features.append(block)
            channels = out_channels
        features.append(ConvNormAct(channels, 6 * channels, 1, norm=norm, activation=hardswish))
        self.features = nn.Sequential(*features)
        self.starts = [i for i, row in enumerate(variant.blocks, 1) if row[-1] == 2 or i == 1] + [len(features) - 1]
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * channels, variant.hidden),
            hardswish(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(variant.hidden, num_classes),
        )

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return split(self.features, self.starts)

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        hidden, activation, dropout, linear = self.classifier
        x: Tensor = dropout(activation(hidden(self.avgpool(features).flatten(1))))
        return x if pre_logits else cast(Tensor, linear(x))


@register(
    VARIANTS,
    family="mobilenet_v3",
    paper=Paper(
        title="Searching for MobileNetV3",
        authors="A. Howard, M. Sandler, G. Chu, L.-C. Chen, B. Chen, M. Tan, W. Wang, Y. Zhu, and others",
        year=2019,
        url="https://arxiv.org/abs/1905.02244",
    ),
    summary="Searched the layers of a mobile network, and made its nonlinearity, its attention and its head cheap.",
    published={
        "mobilenet_v3_large": {"top1": 75.2},
        "mobilenet_v3_small": {"top1": 67.4},
        "mobilenet_v3_large_075": {"top1": 73.3},
        "mobilenet_v3_small_075": {"top1": 65.4},
    },
    scaled=rescaled,
)
def mobilenet_v3(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.2,
    stem: str = "imagenet",
    width: float | None = None,
) -> MobileNetV3:
    """MobileNetV3; ``width`` replaces the variant's multiplier, ``stem="small"`` is the stem with stride 1.

    Raises:
        ConvatlasError: ``width`` is not positive, or there is no such stem.

    """
    width = positive_width(variant.width if width is None else width)
    return MobileNetV3(variant, width, num_classes, in_channels, dropout, is_small(stem))
