"""ZFNet: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2013, arXiv:1311.2901).

`zfnet` is Fig. 3, `zfnet_512` is model (b) of Table 2, with 512, 1024 and 512 maps in layers 3, 4 and 5. Figure 3's map
sizes (110, 55, 26, 13, 6) need a padding of 1 in layer 1, and poolings that also cover what is left at the border
(`ceil_mode`). 62,357,608 and 107,627,624 parameters, 1.168 and 2.477 GMACs.

Departures. The paper does not give the constants of its contrast normalisation across maps: AlexNet's are used. An
adaptive average pooling stands before the first fully connected layer: at 224x224 it is the identity. imgclsmob's table
gives 1,170.33 and 2,479.13 M operations, as it counts more than convolutions and linear layers.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .layers.plain import LocalResponseNorm, PlainNetwork, fully_connected
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Widths of layers 3, 4 and 5."""

    widths: tuple[int, int, int]


VARIANTS = {
    "zfnet": Variant(widths=(384, 384, 256)),
    "zfnet_512": Variant(widths=(512, 1024, 512)),
}


class ZFNet(PlainNetwork):
    """AlexNet in one tower, with a first layer of 7x7 stride 2 and a second of stride 2."""

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float) -> None:
        c3, c4, c5 = variant.widths
        features = nn.Sequential(
            *(nn.Conv2d(in_channels, 96, 7, stride=2, padding=1), nn.ReLU(inplace=True)),
            *(nn.MaxPool2d(3, stride=2, ceil_mode=True), LocalResponseNorm()),
            *(nn.Conv2d(96, 256, 5, stride=2), nn.ReLU(inplace=True)),
            *(nn.MaxPool2d(3, stride=2, ceil_mode=True), LocalResponseNorm()),
            *(nn.Conv2d(256, c3, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c3, c4, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c4, c5, 3, padding=1), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        super().__init__(features, 6, fully_connected(c5, num_classes, dropout))

    def init_weights(self) -> None:
        """As published: every weight at scale 0.01, biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


@register(
    VARIANTS,
    family="zfnet",
    paper=Paper(
        title="Visualizing and Understanding Convolutional Networks",
        authors="M. D. Zeiler, R. Fergus",
        year=2013,
        url="https://arxiv.org/abs/1311.2901",
    ),
    summary="Found AlexNet's first layer too coarse by looking at what its features respond to, and refined it.",
    published={"zfnet": {"top1": 61.6, "top5": 83.5}, "zfnet_512": {"top1": 62.5, "top5": 84.0}},
    evaluation="ten crops",
)
def zfnet(variant: Variant, *, num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> ZFNet:
    """ZFNet."""
    return ZFNet(variant, num_classes, in_channels, dropout)
