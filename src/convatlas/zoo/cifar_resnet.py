"""ResNet for CIFAR: He et al. (2015, arXiv:1512.03385), Section 4.2 and Table 6.

6 n + 2 layers: a 3x3 convolution, three stages of n basic blocks with 16, 32 and 64 channels, a mean and a linear layer. The
shortcuts have no parameters (option A): where size and width change, every second pixel, and zeros for the new channels. The
plain twins have the same parameters and MACs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ..accuracy import CIFAR10, WHOLE_IMAGES
from .layers.heads import PooledNetwork
from .layers.residual import BasicBlock, BlockOptions
from .registry import Paper, register


class ZeroPaddedShortcut(nn.Module):
    """Option A: every ``stride``-th pixel, with zeros for the channels that are missing."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.missing = out_channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        before = self.missing // 2
        return nn.functional.pad(x, (0, 0, 0, 0, before, self.missing - before))


class CifarResNet(PooledNetwork):
    """The network of Section 4.2, with ``make_block`` for its blocks; ``width`` is the first stage's."""

    def __init__(
        self,
        blocks: int,
        make_block: Callable[[int, int, int], nn.Module],
        *,
        num_classes: int,
        in_channels: int,
        dropout: float,
        width: int = 16,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        channels = width
        for stage in (1, 2, 3):
            stage_width = width * 2 ** (stage - 1)
            layers = []
            for position in range(blocks):
                layers.append(make_block(channels, stage_width, 2 if stage > 1 and position == 0 else 1))
                channels = stage_width
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
        self.make_head(channels, num_classes, dropout)

    def stem(self, x: Tensor) -> Tensor:
        """The first convolution."""
        result: Tensor = self.relu(self.bn1(self.conv1(x)))
        return result

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self.stem, **{f"stage{i}": self.get_submodule(f"layer{i}") for i in (1, 2, 3)}}


@dataclass(frozen=True, kw_only=True)
class CifarVariant:
    """A row of Table 6: blocks in each stage, with shortcuts or without."""

    blocks: int
    residual: bool = True


DEPTHS = (20, 32, 44, 56, 110, 1202)
VARIANTS = {f"resnet{depth}_cifar": CifarVariant(blocks=(depth - 2) // 6) for depth in DEPTHS}
VARIANTS |= {f"plain{depth}_cifar": CifarVariant(blocks=(depth - 2) // 6, residual=False) for depth in (20, 32, 44, 56, 110)}

# Top-1 errors (percent, CIFAR-10) of Table 6
ERRORS = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}


@register(
    VARIANTS,
    family="cifar_resnet",
    paper=Paper(
        title="Deep Residual Learning for Image Recognition",
        authors="K. He, X. Zhang, S. Ren, J. Sun",
        year=2015,
        url="https://arxiv.org/abs/1512.03385",
    ),
    summary="The residual networks of the paper's CIFAR study, up to 1202 layers, and their plain twins.",
    input_size=(3, 32, 32),
    dataset=CIFAR10,
    evaluation=WHOLE_IMAGES,
    published={f"resnet{depth}_cifar": {"top1": round(100 - error, 2)} for depth, error in ERRORS.items()},
)
def cifar_resnet(
    variant: CifarVariant,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    dropout: float = 0.0,
    reduction: int | None = None,
) -> CifarResNet:
    """ResNet for small images, or its plain twin; ``reduction`` adds squeeze-and-excitation."""
    options = BlockOptions(residual=variant.residual, reduction=reduction)

    def make_block(inputs: int, channels: int, stride: int) -> BasicBlock:
        changes = variant.residual and (stride != 1 or inputs != channels)
        shortcut = ZeroPaddedShortcut(inputs, channels, stride) if changes else None
        return BasicBlock(inputs, channels, stride, shortcut, options)

    return CifarResNet(variant.blocks, make_block, num_classes=num_classes, in_channels=in_channels, dropout=dropout)
