"""ResNeXt: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks" (2016, arXiv:1611.05431), Tables 1 to 4.

The equal-cost series of Table 3 is 1x64d (ResNet itself), 2x40d, 4x24d, 8x14d and 32x4d, at depths 50 and 101. Its printed 4.1
and 7.8 GFLOPs and 25 and 44 M parameters are one figure for all settings; exactly they are 4.09 to 4.27 and 7.80 to 8.08 GMAC,
25.3 to 25.6 and 44.2 to 45.1 M. ResNeXt-101 64x4d has 15.46 GMAC where the authors' release says "~15.6".
Parameter names are torchvision's.
"""

from __future__ import annotations

from .layers.residual import BlockOptions, Bottleneck
from .layers.residual_network import ResidualVariant, rescaled, residual_network
from .registry import Paper, register

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
SETTINGS = {
    50: ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4)),
    101: ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4), (32, 8), (64, 4)),
}

VARIANTS = {
    f"resnext{depth}_{groups}x{width}d": ResidualVariant(
        block=Bottleneck, depths=DEPTHS[depth], options=BlockOptions(groups=groups, base_width=width)
    )
    for depth, settings in SETTINGS.items()
    for groups, width in settings
}

# Top-1 errors (percent, single crop) of Table 3
ERRORS = {
    "resnext50_1x64d": 23.9,
    "resnext50_2x40d": 23.0,
    "resnext50_4x24d": 22.6,
    "resnext50_8x14d": 22.3,
    "resnext50_32x4d": 22.2,
    "resnext101_1x64d": 22.0,
    "resnext101_2x40d": 21.7,
    "resnext101_4x24d": 21.4,
    "resnext101_8x14d": 21.3,
    "resnext101_32x4d": 21.2,
    "resnext101_64x4d": 20.4,
}


resnext = register(
    VARIANTS,
    family="resnext",
    paper=Paper(
        title="Aggregated Residual Transformations for Deep Neural Networks",
        authors="S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He",
        year=2016,
        url="https://arxiv.org/abs/1611.05431",
    ),
    summary="Splits a bottleneck into many parallel ones (grouped convolution): more accurate at equal cost.",
    published={name: {"top1": round(100 - error, 1)} for name, error in ERRORS.items()},
    scaled=rescaled,
)(residual_network)
