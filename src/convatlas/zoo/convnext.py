"""ConvNeXt: Liu et al., "A ConvNet for the 2020s" (2022, arXiv:2201.03545), section 3 and Fig. 4; T, S, B, L and XL.

Parameter names are torchvision's (those of timm differ). `published` accuracies are those of ImageNet-1k training at
224 pixels; XL was published with ImageNet-22k pre-training only.

Departures. The normalisation before the classifier keeps the map's layout, as in torchvision. Published figures: the
official README gives T as 28 M parameters in one table and 29 M in another (28,589,128), and B at 384 pixels as 45.0 G
and as 47.0 G; it is 45.1 G.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers.conv import round_channels
from .layers.stages import deepened
from .layers.stem import is_small
from .layers.stochastic_depth import StochasticDepth
from .network import Network, init_module
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Channels and blocks of the four stages, and the stochastic depth of the last block."""

    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int] = (3, 3, 27, 3)
    stochastic_depth: float = 0.5


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """Channels to multiples of 8, and blocks in each stage, rounded up."""
    one, two, three, four = (round_channels(channels * width) for channels in variant.channels)
    first, second, third, fourth = deepened(variant.depths, depth)
    return replace(variant, channels=(one, two, three, four), depths=(first, second, third, fourth))


VARIANTS = {
    "convnext_tiny": Variant(channels=(96, 192, 384, 768), depths=(3, 3, 9, 3), stochastic_depth=0.1),
    "convnext_small": Variant(channels=(96, 192, 384, 768), stochastic_depth=0.4),
    "convnext_base": Variant(channels=(128, 256, 512, 1024)),
    "convnext_large": Variant(channels=(192, 384, 768, 1536)),
    "convnext_xlarge": Variant(channels=(256, 512, 1024, 2048)),
}

LAYER_SCALE = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation of each pixel over its channels, for maps (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Permute(nn.Module):
    """The axes in another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)


class Block(nn.Module):
    """x + scale * f(x); f is a depthwise 7x7 convolution, layer norm, and two linear layers, wide inside."""

    def __init__(self, channels: int, stochastic_depth: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            Permute(0, 2, 3, 1),
            nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
            Permute(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.empty(channels, 1, 1))
        self.stochastic_depth = StochasticDepth(stochastic_depth)

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.stochastic_depth(self.layer_scale * self.block(x)))


class ConvNeXt(Network):
    """Patches of 4x4, four stages with a 2x2 convolution of stride 2 in between, a norm and one linear layer."""

    stem_conv = "features.0.0"
    classifier_path = "classifier.2"

    def __init__(
        self,
        variant: Variant,
        num_classes: int,
        in_channels: int,
        dropout: float,
        stochastic_depth: float,
        small: bool,
    ) -> None:
        super().__init__()
        width, *_, last = variant.channels
        patches = nn.Conv2d(in_channels, width, 3, padding=1) if small else nn.Conv2d(in_channels, width, 4, stride=4)
        self.features = nn.Sequential(nn.Sequential(patches, LayerNorm2d(width, eps=1e-6)))
        built, blocks = 0, sum(variant.depths)
        for channels, depth in zip(variant.channels, variant.depths, strict=True):
            if built:
                halve = nn.Conv2d(width, channels, 2, stride=2)
                self.features.append(nn.Sequential(LayerNorm2d(width, eps=1e-6), halve))
            # The drop rises linearly from 0 at the first block to its full value at the last.
            drops = [stochastic_depth * i / (blocks - 1) for i in range(built, built + depth)]
            self.features.append(nn.Sequential(*(Block(channels, drop) for drop in drops)))
            built += depth
            width = channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Sequential(LayerNorm2d(last, eps=1e-6), nn.Flatten(1), nn.Linear(last, num_classes))

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        names = ["stem", "stage1"]
        for i in (2, 3, 4):
            names += [f"halve{i}", f"stage{i}"]
        return dict(zip(names, self.features, strict=True))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        norm, flatten, linear = self.classifier
        x: Tensor = self.dropout(flatten(norm(self.avgpool(features))))
        return x if pre_logits else cast(Tensor, linear(x))

    def init_weights(self) -> None:
        """As published: convolutions and linear layers truncated N(0, 0.02), biases 0, scales of branches 1e-6."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, Block):
                nn.init.constant_(module.layer_scale, LAYER_SCALE)
            else:
                init_module(module)


@register(
    VARIANTS,
    family="convnext",
    paper=Paper(
        title="A ConvNet for the 2020s",
        authors="Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie",
        year=2022,
        url="https://arxiv.org/abs/2201.03545",
    ),
    summary="Modernised a ResNet step by step until it equalled vision transformers: patches, large kernels.",
    published={
        "convnext_tiny": {"top1": 82.1},
        "convnext_small": {"top1": 83.1},
        "convnext_base": {"top1": 83.8},
        "convnext_large": {"top1": 84.3},
    },
    scaled=rescaled,
)
def convnext(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
    stochastic_depth: float | None = None,
) -> ConvNeXt:
    """ConvNeXt; ``stem="small"`` is a 3x3 convolution, ``stochastic_depth`` is the variant's own if left out."""
    drop = variant.stochastic_depth if stochastic_depth is None else stochastic_depth
    return ConvNeXt(variant, num_classes, in_channels, dropout, drop, is_small(stem))
