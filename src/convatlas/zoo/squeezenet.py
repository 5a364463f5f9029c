"""SqueezeNet: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters" (2016, arXiv:1602.07360).

`squeezenet1_0` is Table 1 without bypass connections; `squeezenet1_1` is the authors' later release, with a smaller
first layer and earlier pooling. Named and built as in torchvision. 1,248,424 and 1,235,496 parameters.

Departures, torchvision's: the first convolution has no padding, so its map is 109x109 and not 111x111 at 224x224.
convnet-burden counts 837 and 360 M, with ReLU and pooling; the multiply-accumulates alone are 819 and 349 M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from .layers.plain import split_at_pooling
from .layers.stem import is_small
from .network import Network
from .registry import Paper, register

FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))  # squeeze, each expand


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The first convolution, and after which Fire modules (0: the convolution itself) a pooling stands."""

    stem_width: int
    stem_kernel: int
    pooled_after: tuple[int, ...]


VARIANTS = {
    "squeezenet1_0": Variant(stem_width=96, stem_kernel=7, pooled_after=(0, 3, 7)),
    "squeezenet1_1": Variant(stem_width=64, stem_kernel=3, pooled_after=(0, 2, 4)),
}


class Fire(nn.Module):
    """A 1x1 convolution that squeezes, then a 1x1 and a 3x3 that expand side by side."""

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        pointwise = self.expand1x1_activation(self.expand1x1(x))
        return torch.cat([pointwise, self.expand3x3_activation(self.expand3x3(x))], 1)


class SqueezeNet(Network):
    """A convolution, eight Fire modules, and a 1x1 convolution to the classes, averaged over the map."""

    classifier_path = "classifier.1"
    stem_conv = "features.0"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        width = variant.stem_width
        kernel, stride, padding = (3, 1, 1) if small else (variant.stem_kernel, 2, 0)
        features: list[nn.Module] = [
            nn.Conv2d(in_channels, width, kernel, stride=stride, padding=padding),
            nn.ReLU(inplace=True),
            nn.Identity() if small else nn.MaxPool2d(3, stride=2, ceil_mode=True),
        ]
        for i, (squeeze, expand) in enumerate(FIRES):
            features.append(Fire(width, squeeze, expand))
            width = 2 * expand
            if i + 1 in variant.pooled_after:
                features.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        self.features = nn.Sequential(*features)
        last = nn.Conv2d(width, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1))

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return dict(split_at_pooling(self.features))

    def forward_features(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.features(x))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        classifier = self.classifier
        return cast(Tensor, classifier[0](features) if pre_logits else classifier(features).flatten(1))

    def init_weights(self) -> None:
        """He-uniform; the convolution to the classes N(0, 0.01)."""
        last = self.get_submodule(self.classifier_path)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, 0.0, 0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


@register(
    VARIANTS,
    family="squeezenet",
    paper=Paper(
        title="SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
        authors="F. N. Iandola, S. Han, M. W. Moskewicz, K. Ashraf, W. J. Dally, K. Keutzer",
        year=2016,
        url="https://arxiv.org/abs/1602.07360",
    ),
    summary="Reached AlexNet's accuracy with 50 times fewer parameters: channels are squeezed before 3x3 kernels.",
    published={"squeezenet1_0": {"top1": 57.5, "top5": 80.3}},
)
def squeezenet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.5,
    stem: str = "imagenet",
) -> SqueezeNet:
    """SqueezeNet."""
    return SqueezeNet(variant, num_classes, in_channels, dropout, is_small(stem))
