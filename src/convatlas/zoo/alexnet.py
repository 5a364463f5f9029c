"""AlexNet: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks" (NIPS 2012).

`alexnet_2012` is the network of the paper's Fig. 2: conv2, conv4 and conv5 in two groups (each GPU saw its own half of
the channels), local response normalisation after conv1 and conv2, overlapping pooling. 60,965,224 parameters, which the
abstract calls 60 million, and 724,406,816 MACs. The paper says 224x224; its figures follow from 227x227.
`alexnet` is torchvision's: one tower of 64-192-384-256-256 maps, after Krizhevsky, "One weird trick for parallelizing
convolutional neural networks" (2014, arXiv:1404.5997), without normalisation.

Departures. An adaptive average pooling stands before the first fully connected layer, as in torchvision: at the
published size it is the identity. PyTorch divides alpha by the number of channels summed, the paper does not: its 1e-4
is 5e-4 here. Counts that include pooling and normalisation are higher: convnet-burden gives 727 M for `alexnet_2012`.
Without the groups the network has 62,378,344 parameters and 1,135,256,096 MACs (option `groups=1`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from .layers.plain import LocalResponseNorm, PlainNetwork, fully_connected
from .layers.stem import is_small
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Widths of the five convolutions, and what was common in 2012 only."""

    widths: tuple[int, int, int, int, int]
    groups: int = 1  # in conv2, conv4 and conv5
    normalise: bool = False  # local response normalisation after conv1 and conv2
    padding: int = 2  # of conv1
    input_size: int = 224


VARIANTS = {
    "alexnet": Variant(widths=(64, 192, 384, 256, 256)),
    "alexnet_2012": Variant(widths=(96, 256, 384, 384, 256), groups=2, normalise=True, padding=0, input_size=227),
}


class AlexNet(PlainNetwork):
    """Five convolutions and three fully connected layers."""

    def __init__(
        self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool, hidden: int = 4096
    ) -> None:
        c1, c2, c3, c4, c5 = variant.widths
        groups = variant.groups
        pool1: nn.Module
        if small:
            conv1, pool1 = nn.Conv2d(in_channels, c1, 3, padding=1), nn.Identity()
        else:
            conv1, pool1 = nn.Conv2d(in_channels, c1, 11, stride=4, padding=variant.padding), nn.MaxPool2d(3, stride=2)
        features = nn.Sequential(
            *(conv1, nn.ReLU(inplace=True), *_norm(variant), pool1),
            *(nn.Conv2d(c1, c2, 5, padding=2, groups=groups), nn.ReLU(inplace=True), *_norm(variant)),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c3, c4, 3, padding=1, groups=groups), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c4, c5, 3, padding=1, groups=groups), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
        )
        super().__init__(features, 6, fully_connected(c5, num_classes, dropout, hidden))
        self.published_in_2012 = variant.normalise

    def init_weights(self) -> None:
        """As published: N(0, 0.01), biases 1 in conv2, conv4, conv5 and the hidden layers; `alexnet`: PyTorch's."""
        layers = [module for module in self.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        for i, layer in enumerate(layers):
            if self.published_in_2012:
                nn.init.normal_(layer.weight, 0.0, 0.01)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, 1.0 if i in (1, 3, 4, 5, 6) else 0.0)
            else:
                layer.reset_parameters()


def _norm(variant: Variant) -> list[nn.Module]:
    return [LocalResponseNorm()] if variant.normalise else []


@register(
    VARIANTS,
    family="alexnet",
    paper=Paper(
        title="ImageNet Classification with Deep Convolutional Neural Networks",
        authors="A. Krizhevsky, I. Sutskever, G. E. Hinton",
        year=2012,
        url="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    ),
    summary="Showed that a deep convolutional network trained on GPUs, with ReLU and dropout, wins ImageNet by far.",
    input_size=lambda variant: (3, variant.input_size, variant.input_size),
    published={"alexnet_2012": {"top1": 59.3, "top5": 81.8}},
    evaluation="ten crops",
)
def alexnet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.5,
    stem: str = "imagenet",
    groups: int | None = None,
) -> AlexNet:
    """AlexNet; ``stem="small"`` is a 3x3 convolution without pooling; ``groups`` replaces the published number."""
    if groups is not None:
        variant = replace(variant, groups=groups)
    return AlexNet(variant, num_classes, in_channels, dropout, is_small(stem))
