"""MnasNet: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile" (2018, arXiv:1807.11626).

`mnasnet0_5` to `mnasnet1_3` are the B1 network of the official repository (no squeeze-and-excitation) in torchvision's
widths and by torchvision's names. `mnasnet_a1` is the paper's Fig. 7a with squeeze-and-excitation, `mnasnet_small` the
official repository's smallest; both carry the same names for the same parts (timm calls them `semnasnet_100` and
`mnasnet_small`).

Departures. Strided convolutions are padded on all sides alike (TensorFlow pads the far side only). Published figures:
the official README states A1 as 312 M MACs in its text and as 315.2 M in its table, and all rows of that table are 1 %
to 3 % above the multiplications of convolutions and linear layers (311.6 M for A1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from torch import Tensor, nn

from .layers.conv import conv_norm_act, round_channels
from .layers.heads import PooledNetworkWithClassifier
from .layers.inverted_residual import InvertedResidual
from .layers.squeeze_excitation import SqueezeExcitation
from .layers.stages import deepened, split
from .layers.stem import is_small
from .registry import Paper, register

Row = tuple[int, int, int, int, int, bool]  # expansion, kernel, channels, depth, stride, squeeze-and-excitation

B1: tuple[Row, ...] = (
    (3, 3, 24, 3, 2, False),
    (3, 5, 40, 3, 2, False),
    (6, 5, 80, 3, 2, False),
    (6, 3, 96, 2, 1, False),
    (6, 5, 192, 4, 2, False),
    (6, 3, 320, 1, 1, False),
)
A1: tuple[Row, ...] = (  # Fig. 7a
    (6, 3, 24, 2, 2, False),
    (3, 5, 40, 3, 2, True),
    (6, 3, 80, 4, 2, False),
    (6, 3, 112, 2, 1, True),
    (6, 5, 160, 3, 2, True),
    (6, 3, 320, 1, 1, False),
)
SMALL: tuple[Row, ...] = (
    (3, 3, 16, 1, 2, False),
    (6, 3, 16, 2, 2, False),
    (6, 5, 32, 4, 2, True),
    (6, 3, 32, 3, 1, True),
    (6, 5, 88, 3, 2, True),
    (6, 3, 144, 1, 1, False),
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A width multiplier, the stages, and the channels of the first convolution and of the first block."""

    stages: tuple[Row, ...]
    width: float = 1.0
    stem: tuple[int, int] = (32, 16)


VARIANTS = {
    "mnasnet0_5": Variant(stages=B1, width=0.5),
    "mnasnet0_75": Variant(stages=B1, width=0.75),
    "mnasnet1_0": Variant(stages=B1),
    "mnasnet1_3": Variant(stages=B1, width=1.3),
    "mnasnet_a1": Variant(stages=A1),
    "mnasnet_a1_035": Variant(stages=A1, width=0.35),
    "mnasnet_a1_050": Variant(stages=A1, width=0.5),
    "mnasnet_a1_075": Variant(stages=A1, width=0.75),
    "mnasnet_a1_140": Variant(stages=A1, width=1.4),
    "mnasnet_small": Variant(stages=SMALL, stem=(8, 8)),
}


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """The variant with its multiplier multiplied, and so many times as many blocks a stage, rounded up."""
    depths = deepened([row[3] for row in variant.stages], depth)
    stages = tuple((*row[:3], blocks, *row[4:]) for row, blocks in zip(variant.stages, depths, strict=True))
    return replace(variant, width=variant.width * width, stages=stages)


class Block(InvertedResidual):
    """The inverted residual by the names that torchvision gives its parts."""

    name_of_f = "layers"
    whole = 0


class MNASNet(PooledNetworkWithClassifier):
    """A 3x3 and a depthwise separable convolution, six stages of inverted residuals, a 1x1 convolution, a head."""

    stem_conv = "layers.0"
    _version = 2  # of state dicts: torchvision's first had a stem that did not scale, and its loader asks

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        # The paper's decay of the statistics is 0.9997; PyTorch's momentum is its complement.
        norm = partial(nn.BatchNorm2d, momentum=1 - 0.9997)
        stem, channels = (round_channels(base * variant.width) for base in variant.stem)
        layers = conv_norm_act(in_channels, stem, stride=1 if small else 2, norm=norm)
        if stem == channels:  # then the first block has a shortcut
            layers.append(Block(stem, channels, expanded=stem, norm=norm))
        else:
            layers += conv_norm_act(stem, stem, groups=stem, norm=norm)
            layers += conv_norm_act(stem, channels, 1, norm=norm, activation=None)
        first = len(layers)
        for expansion, kernel, base, depth, stride, squeeze in variant.stages:
            stage = []
            for i in range(depth):
                expanded = channels * expansion
                block = Block(
                    channels,
                    out_channels := round_channels(base * variant.width),
                    expanded=expanded,
                    kernel=kernel,
                    stride=stride if i == 0 else 1,
                    attention=SqueezeExcitation(expanded, round(channels / 4)) if squeeze else None,
                    norm=norm,
                )
                stage.append(block)
                channels = out_channels
            layers.append(nn.Sequential(*stage))
        self.starts = [3, *range(first, len(layers) + 1)]
        self.layers = nn.Sequential(*layers, *conv_norm_act(channels, 1280, 1, norm=norm))
        self.make_head(1280, num_classes, dropout)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return split(self.layers, self.starts)

    def init_weights(self) -> None:
        """As the official repository: the linear layer uniform by its fan-out."""
        super().init_weights()
        linear = cast(nn.Linear, self.get_submodule(self.classifier_path))
        nn.init.kaiming_uniform_(linear.weight, mode="fan_out", nonlinearity="sigmoid")


@register(
    VARIANTS,
    family="mnasnet",
    paper=Paper(
        title="MnasNet: Platform-Aware Neural Architecture Search for Mobile",
        authors="M. Tan, B. Chen, R. Pang, V. Vasudevan, M. Sandler, A. Howard, Q. V. Le",
        year=2018,
        url="https://arxiv.org/abs/1807.11626",
    ),
    summary="Searched each stage of a network for accuracy and for latency measured on a phone.",
    published={"mnasnet_a1": {"top1": 75.2, "top5": 92.5}},
    scaled=rescaled,
)
def mnasnet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.2,
    stem: str = "imagenet",
) -> MNASNet:
    """MnasNet; ``stem="small"`` is the stem with stride 1."""
    return MNASNet(variant, num_classes, in_channels, dropout, is_small(stem))
