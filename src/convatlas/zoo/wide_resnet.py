"""Wide ResNet: Zagoruyko and Komodakis (2016, arXiv:1605.07146), Table 1 (CIFAR) and Section 3.4 (ImageNet).

`wide_resnet50_2` and `wide_resnet101_2` are torchvision's: bottlenecks whose inner 3x3 is twice as wide. `wrn_*_cifar` are Table
1's pre-activation networks, depth 6 n + 4 and widening factor k, for 10 classes of 32 x 32 images.
"""

from __future__ import annotations

from ..accuracy import CIFAR10
from .layers.preactivation import PreActBasic, PreActVariant, preact_network_cifar
from .layers.residual import BlockOptions, Bottleneck
from .layers.residual_network import ResidualVariant, rescaled, residual_network
from .registry import Paper, register

PAPER = Paper(
    title="Wide Residual Networks",
    authors="S. Zagoruyko, N. Komodakis",
    year=2016,
    url="https://arxiv.org/abs/1605.07146",
)
SUMMARY = "Fewer but wider residual blocks: as accurate as a thousand thin layers, and several times as fast."
TWICE = BlockOptions(base_width=128)

VARIANTS = {
    "wide_resnet50_2": ResidualVariant(block=Bottleneck, depths=(3, 4, 6, 3), options=TWICE),
    "wide_resnet101_2": ResidualVariant(block=Bottleneck, depths=(3, 4, 23, 3), options=TWICE),
}
CIFAR_VARIANTS = {
    f"wrn_{depth}_{k}_cifar": PreActVariant(
        block=PreActBasic, depths=((depth - 4) // 6,) * 3, stem_channels=16, width=16 * k, block_dropout=True
    )
    for depth, k in ((16, 4), (16, 8), (16, 10), (22, 8), (28, 10), (28, 12), (40, 4))
}


wide_resnet = register(VARIANTS, family="wide_resnet", paper=PAPER, summary=SUMMARY, scaled=rescaled)(residual_network)


# its dropout lies between the convolutions of each block, as in Section 3.3
wide_resnet_cifar = register(
    CIFAR_VARIANTS, family="wide_resnet", paper=PAPER, summary=SUMMARY, input_size=(3, 32, 32), dataset=CIFAR10
)(preact_network_cifar)
