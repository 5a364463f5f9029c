"""ResNet: He et al., "Deep Residual Learning for Image Recognition" (2015, arXiv:1512.03385), Table 1 and Section 3.3.

`resnet50`, `resnet101` and `resnet152` are torchvision's ("v1.5"): a bottleneck's stride lies in its 3x3 convolution, and they
cost 4.09, 7.80 and 11.51 GMAC. The paper puts it in the first 1x1: `resnet50_v1`, `resnet101_v1` and `resnet152_v1` cost 3.86,
7.57 and 11.28 GMAC, where Table 1 prints 3.8, 7.6 and 11.3. Its 3.8, and 3.6 for ResNet-34 (3.66), depart: they look cut off,
not rounded. `resnet200_v1` is of the follow-up paper's Table 5. `plain18` and `plain34` are the twins without shortcuts. Parameter names are torchvision's.

Accuracies: the authors' single-crop top-1 of their released ResNet-50, 101 and 152 (github.com/KaimingHe).
"""

from __future__ import annotations

from .layers.residual import BasicBlock, BlockOptions, Bottleneck
from .layers.residual_network import ResidualVariant, rescaled, residual_network
from .registry import Paper, register

AS_PUBLISHED = BlockOptions(stride_in_1x1=True)
PLAIN = BlockOptions(residual=False)

VARIANTS = {
    "resnet18": ResidualVariant(block=BasicBlock, depths=(2, 2, 2, 2)),
    "resnet34": ResidualVariant(block=BasicBlock, depths=(3, 4, 6, 3)),
    "resnet50": ResidualVariant(block=Bottleneck, depths=(3, 4, 6, 3)),
    "resnet101": ResidualVariant(block=Bottleneck, depths=(3, 4, 23, 3)),
    "resnet152": ResidualVariant(block=Bottleneck, depths=(3, 8, 36, 3)),
    "resnet50_v1": ResidualVariant(block=Bottleneck, depths=(3, 4, 6, 3), options=AS_PUBLISHED),
    "resnet101_v1": ResidualVariant(block=Bottleneck, depths=(3, 4, 23, 3), options=AS_PUBLISHED),
    "resnet152_v1": ResidualVariant(block=Bottleneck, depths=(3, 8, 36, 3), options=AS_PUBLISHED),
    "resnet200_v1": ResidualVariant(block=Bottleneck, depths=(3, 24, 36, 3), options=AS_PUBLISHED),
    "plain18": ResidualVariant(block=BasicBlock, depths=(2, 2, 2, 2), options=PLAIN),
    "plain34": ResidualVariant(block=BasicBlock, depths=(3, 4, 6, 3), options=PLAIN),
}


resnet = register(
    VARIANTS,
    family="resnet",
    paper=Paper(
        title="Deep Residual Learning for Image Recognition",
        authors="K. He, X. Zhang, S. Ren, J. Sun",
        year=2015,
        url="https://arxiv.org/abs/1512.03385",
    ),
    summary="Lets a block learn the change to its input instead of its output, so that 152 layers train as easily as 18.",
    published={
        "resnet50_v1": {"top1": 75.3, "top5": 92.2},
        "resnet101_v1": {"top1": 76.4, "top5": 92.9},
        "resnet152_v1": {"top1": 77.0, "top5": 93.3},
    },
    scaled=rescaled,
)(residual_network)
