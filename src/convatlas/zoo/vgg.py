"""VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2014).

arXiv:1409.1556, Table 1: configurations A (`vgg11`), B (`vgg13`), C (`vgg16_c`, whose third convolutions are 1x1), D
(`vgg16`) and E (`vgg19`); the `_bn` ones, with batch normalisation, are later than the paper. Named and built as in
torchvision, whose adaptive average pooling before the first fully connected layer is the identity at 224x224.
Accuracies are Table 3's, of one network evaluated densely at one scale.

Departures. He et al. (arXiv:1512.03385) state 15.3 G for VGG-16: its convolutions have 15.35 and all its layers 15.47.
convnet-burden counts 16 G, with ReLU and pooling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from .layers.conv import round_channels
from .layers.plain import PlainNetwork
from .layers.stages import deepened
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How many 3x3 convolutions each of the five stages has, what follows them, and a multiplier of their channels."""

    depths: tuple[int, int, int, int, int]
    pointwise: bool = False  # a 1x1 convolution at the end of stages 3, 4 and 5
    batch_norm: bool = False
    width: float = 1.0


VARIANTS = {
    "vgg11": Variant(depths=(1, 1, 2, 2, 2)),
    "vgg11_bn": Variant(depths=(1, 1, 2, 2, 2), batch_norm=True),
    "vgg13": Variant(depths=(2, 2, 2, 2, 2)),
    "vgg13_bn": Variant(depths=(2, 2, 2, 2, 2), batch_norm=True),
    "vgg16": Variant(depths=(2, 2, 3, 3, 3)),
    "vgg16_bn": Variant(depths=(2, 2, 3, 3, 3), batch_norm=True),
    "vgg16_c": Variant(depths=(2, 2, 2, 2, 2), pointwise=True),
    "vgg19": Variant(depths=(2, 2, 4, 4, 4)),
    "vgg19_bn": Variant(depths=(2, 2, 4, 4, 4), batch_norm=True),
}
WIDTHS = (64, 128, 256, 512, 512)


def rescaled(variant: Variant, width: float, depth: float) -> Variant:
    """The convolutions' channels, and how many each stage has, rounded up; the linear layers stay."""
    one, two, three, four, five = deepened(variant.depths, depth)
    return replace(variant, width=variant.width * width, depths=(one, two, three, four, five))


class VGG(PlainNetwork):
    """Stages of 3x3 convolutions; each ends with a pooling that halves the map, and the next has twice the width."""

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float) -> None:
        features: list[nn.Module] = []
        previous = in_channels
        for stage, (depth, base) in enumerate(zip(variant.depths, WIDTHS, strict=True)):
            width = round_channels(base * variant.width)
            kernels = [3] * depth + [1] * (variant.pointwise and stage >= 2)
            for kernel in kernels:
                features.append(nn.Conv2d(previous, width, kernel, padding=kernel // 2))
                if variant.batch_norm:
                    features.append(nn.BatchNorm2d(width))
                features.append(nn.ReLU(inplace=True))
                previous = width
            features.append(nn.MaxPool2d(2, stride=2))
        classifier = nn.Sequential(
            *(nn.Linear(previous * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(4096, num_classes),
        )
        super().__init__(nn.Sequential(*features), 7, classifier)


@register(
    VARIANTS,
    family="vgg",
    paper=Paper(
        title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
        authors="K. Simonyan, A. Zisserman",
        year=2014,
        url="https://arxiv.org/abs/1409.1556",
    ),
    summary="Replaced large kernels by stacks of 3x3 ones, and hand-tuned layers by one rule for every stage.",
    published={
        "vgg11": {"top1": 70.4, "top5": 89.6},
        "vgg13": {"top1": 71.3, "top5": 90.1},
        "vgg16_c": {"top1": 72.7, "top5": 91.2},
        "vgg16": {"top1": 74.4, "top5": 91.9},
        "vgg19": {"top1": 74.5, "top5": 92.0},
    },
    evaluation="all positions of the whole image, at one scale",
    scaled=rescaled,
)
def vgg(variant: Variant, *, num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> VGG:
    """VGG; it halves its map five times, so small images need no other stem."""
    return VGG(variant, num_classes, in_channels, dropout)
