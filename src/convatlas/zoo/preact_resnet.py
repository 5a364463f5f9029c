"""Pre-activation ResNet: He et al., "Identity Mappings in Deep Residual Networks" (2016, arXiv:1603.05027), Fig. 1b, 2, Tables 1-5.

`preact_resnet*` have timm's parameter names (its `resnetv2_*` with batch normalisation), and as there a bottleneck's stride lies
in its 3x3; the first convolution is not normalised before the first block does it. The CIFAR networks have 9 n + 2 layers of
bottlenecks (164, 1001) or 6 n + 2 of basic blocks (110). ResNet-1001 has 10.33 M parameters where the paper prints 10.2 M.

`resnet110_cifar_*` are Table 1's shortcuts, on the original ResNet-110: constant scaling (of the shortcut, and of both), the
exclusive gate x (1 - g) + F(x) g, the shortcut-only gate, a 1x1 convolution, and dropout. A gate is a 1x1 convolution and a
sigmoid on what the shortcut carries, and starts nearly shut (bias -6, the paper's best), so that training begins near the
identity; the paper leaves open how it treats the two blocks that change the width.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..accuracy import CIFAR10, WHOLE_IMAGES
from .cifar_resnet import CifarResNet, ZeroPaddedShortcut
from .layers.preactivation import PreActBasic, PreActBottleneck, PreActNetwork, PreActVariant, preact_network_cifar
from .layers.residual import BasicBlock, BlockOptions
from .layers.stem import is_small
from .registry import Paper, register

PAPER = Paper(
    title="Identity Mappings in Deep Residual Networks",
    authors="K. He, X. Zhang, S. Ren, J. Sun",
    year=2016,
    url="https://arxiv.org/abs/1603.05027",
)

VARIANTS = {
    "preact_resnet18": PreActVariant(block=PreActBasic, depths=(2, 2, 2, 2)),
    "preact_resnet34": PreActVariant(block=PreActBasic, depths=(3, 4, 6, 3)),
    "preact_resnet50": PreActVariant(block=PreActBottleneck, depths=(3, 4, 6, 3)),
    "preact_resnet101": PreActVariant(block=PreActBottleneck, depths=(3, 4, 23, 3)),
    "preact_resnet152": PreActVariant(block=PreActBottleneck, depths=(3, 8, 36, 3)),
    "preact_resnet200": PreActVariant(block=PreActBottleneck, depths=(3, 24, 36, 3)),
}
CIFAR_VARIANTS = {
    "preact_resnet110_cifar": PreActVariant(block=PreActBasic, depths=(18, 18, 18), stem_channels=16, width=16),
    "preact_resnet164_cifar": PreActVariant(block=PreActBottleneck, depths=(18, 18, 18), stem_channels=16, width=16),
    "preact_resnet1001_cifar": PreActVariant(block=PreActBottleneck, depths=(111, 111, 111), stem_channels=16, width=16),
}


GATE_BIAS = -6.0


class ShortcutBlock(BasicBlock):
    """A basic block whose shortcut is changed by one of Table 1's means."""

    def __init__(self, in_channels: int, channels: int, stride: int, means: str, dropout: float, reduction: int | None) -> None:
        changes = stride != 1 or in_channels != channels
        shortcut: nn.Module | None = ZeroPaddedShortcut(in_channels, channels, stride) if changes else None
        if means == "conv":
            shortcut = nn.Conv2d(in_channels, channels, 1, stride)
        super().__init__(in_channels, channels, stride, shortcut, BlockOptions(reduction=reduction))
        self.means = means
        self.gate = nn.Conv2d(channels, channels, 1) if means in ("exclusive_gate", "shortcut_gate") else None
        self.dropout = nn.Dropout(dropout) if means == "dropout" else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut: Tensor = x if self.downsample is None else self.downsample(x)
        out = self.gated(x)
        if self.means in ("scaled", "scaled_both"):
            shortcut = shortcut * 0.5
        if self.means == "scaled_both":
            out = out * 0.5
        if self.gate is not None:
            opened = self.gate(shortcut).sigmoid()
            shortcut = shortcut * (1 - opened)
            out = out * opened if self.means == "exclusive_gate" else out
        if self.dropout is not None:
            shortcut = self.dropout(shortcut)
        result: Tensor = self.relu(out + shortcut)
        return result


class ShortcutResNet(CifarResNet):
    """ResNet-110 of blocks with such shortcuts."""

    def init_weights(self) -> None:
        super().init_weights()
        for module in self.modules():
            if isinstance(module, ShortcutBlock) and module.gate is not None and module.gate.bias is not None:
                nn.init.constant_(module.gate.bias, GATE_BIAS)


SHORTCUTS = {
    f"resnet110_cifar_{means}": means for means in ("scaled", "scaled_both", "exclusive_gate", "shortcut_gate", "conv", "dropout")
}


@register(
    VARIANTS,
    family="preact_resnet",
    paper=PAPER,
    summary="Moves normalisation and activation before the convolutions: a shortcut without obstacles, for 1001 layers.",
    published={"preact_resnet152": {"top1": 78.9, "top5": 94.5}, "preact_resnet200": {"top1": 79.3, "top5": 94.7}},
    evaluation="one crop of 320 px",
)
def preact_resnet(
    variant: PreActVariant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
    reduction: int | None = None,
) -> PreActNetwork:
    """Pre-activation ResNet for ImageNet; accuracies are on 320 pixels (Table 5); ``reduction`` adds squeeze-and-excitation."""
    small = is_small(stem)
    return PreActNetwork(
        variant, num_classes=num_classes, in_channels=in_channels, dropout=dropout, small=small, reduction=reduction
    )


preact_resnet_cifar = register(
    CIFAR_VARIANTS,
    family="preact_resnet",
    paper=PAPER,
    summary="The same for small images.",
    input_size=(3, 32, 32),
    dataset=CIFAR10,
    evaluation=WHOLE_IMAGES,
    published={
        "preact_resnet110_cifar": {"top1": 93.63},
        "preact_resnet164_cifar": {"top1": 94.54},
        "preact_resnet1001_cifar": {"top1": 95.08},
    },
)(preact_network_cifar)


@register(
    SHORTCUTS,
    family="preact_resnet",
    paper=PAPER,
    summary="ResNet-110 with a shortcut that is no identity: each of them trains worse (Table 1).",
    input_size=(3, 32, 32),
    dataset=CIFAR10,
    evaluation=WHOLE_IMAGES,
)
def resnet110_with_shortcut(
    means: str,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    dropout: float | None = None,
    reduction: int | None = None,
) -> ShortcutResNet:
    """ResNet-110 with one of Table 1's shortcuts; ``reduction`` adds squeeze-and-excitation to the residual.

    ``dropout`` is the shortcut's (0.5) where that drops, else the head's (0).
    """
    drops = means == "dropout"
    rate = (0.5 if drops else 0.0) if dropout is None else dropout

    def make_block(inputs: int, channels: int, stride: int) -> ShortcutBlock:
        return ShortcutBlock(inputs, channels, stride, means, rate, reduction)

    head_rate = 0.0 if drops else rate
    return ShortcutResNet(18, make_block, num_classes=num_classes, in_channels=in_channels, dropout=head_rate)
