"""Network in Network: Lin, Chen and Yan, "Network In Network" (2013, arXiv:1312.4400).

`nin_cifar` is Fig. 2's three mlpconv layers, with the widths of the authors' configuration: 966,986 parameters and
222,486,528 MACs on 32x32; its second pooling is an average, as released. `nin_imagenet` is the authors' ImageNet
network (their Caffe release, four mlpconv layers): a file of 29 MB, that is 7.6 M parameters.

Departures. The last convolution makes one map a class; a global average makes logits of them, for any input size. The
paper's accuracy of `nin_cifar` is CIFAR-10's, with augmentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from ..accuracy import CIFAR10, IMAGENET, WHOLE_IMAGES
from .layers.plain import split_at_pooling
from .network import Network
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class MlpConv:
    """A convolution, then 1x1 ones, then a pooling; the last 1x1 of all, which makes the classes, is not in here."""

    width: int
    kernel: int
    hidden: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    pool: str = ""  # "max" or "avg", 3x3 stride 2
    dropout: bool = False


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The mlpconv layers, and the size of image they were published for."""

    layers: tuple[MlpConv, ...]
    input_size: int


VARIANTS = {
    "nin_imagenet": Variant(
        layers=(
            MlpConv(width=96, kernel=11, stride=4, hidden=(96, 96), pool="max"),
            MlpConv(width=256, kernel=5, padding=2, hidden=(256, 256), pool="max"),
            MlpConv(width=384, kernel=3, padding=1, hidden=(384, 384), pool="max", dropout=True),
            MlpConv(width=1024, kernel=3, padding=1, hidden=(1024,)),
        ),
        input_size=224,
    ),
    "nin_cifar": Variant(
        layers=(
            MlpConv(width=192, kernel=5, padding=2, hidden=(160, 96), pool="max", dropout=True),
            MlpConv(width=192, kernel=5, padding=2, hidden=(192, 192), pool="avg", dropout=True),
            MlpConv(width=192, kernel=3, padding=1, hidden=(192,)),
        ),
        input_size=32,
    ),
}


class NetworkInNetwork(Network):
    """Convolutions each followed by a small perceptron at every position, that is by 1x1 convolutions."""

    classifier_path = "last"
    stem_conv = "features.0"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float) -> None:
        super().__init__()
        features: list[nn.Module] = []
        width = in_channels
        for layer in variant.layers:
            conv = nn.Conv2d(width, layer.width, layer.kernel, stride=layer.stride, padding=layer.padding)
            features += [conv, nn.ReLU(inplace=True)]
            width = layer.width
            for hidden in layer.hidden:
                features += [nn.Conv2d(width, hidden, 1), nn.ReLU(inplace=True)]
                width = hidden
            if layer.pool:
                pool = nn.MaxPool2d if layer.pool == "max" else nn.AvgPool2d
                features.append(pool(3, stride=2, ceil_mode=True))
            if layer.dropout:
                features.append(nn.Dropout(dropout))
        self.features = nn.Sequential(*features)
        self.last = nn.Conv2d(width, num_classes, 1)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return dict(split_at_pooling(self.features))

    def forward_features(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.features(x))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        if pre_logits:
            return features
        return cast(Tensor, self.avgpool(self.relu(self.last(features))).flatten(1))


@register(
    VARIANTS,
    family="nin",
    paper=Paper(title="Network In Network", authors="M. Lin, Q. Chen, S. Yan", year=2013, url="https://arxiv.org/abs/1312.4400"),
    summary="Introduced the 1x1 convolution, and global average pooling in place of fully connected layers.",
    input_size=lambda variant: (3, variant.input_size, variant.input_size),
    published={"nin_cifar": {"top1": 91.19}},
    dataset=lambda variant: CIFAR10 if variant.input_size == 32 else IMAGENET,
    evaluation=WHOLE_IMAGES,
)
def nin(variant: Variant, *, num_classes: int | None = None, in_channels: int = 3, dropout: float = 0.5) -> NetworkInNetwork:
    """Network in Network; ``num_classes`` is 1000 for `nin_imagenet` and 10 for `nin_cifar` unless given."""
    if num_classes is None:
        num_classes = 10 if variant.input_size == 32 else 1000
    return NetworkInNetwork(variant, num_classes, in_channels, dropout)
