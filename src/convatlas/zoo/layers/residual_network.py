"""The trunk of the ImageNet residual networks: a stem, four stages of residual blocks, and a pooled head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from .conv import round_channels
from .heads import PooledNetwork
from .residual import BasicBlock, BlockOptions, Bottleneck, make_stage
from .stages import deepened
from .stem import is_small


@dataclass(frozen=True, kw_only=True)
class ResidualVariant:
    """A column of a paper's table: the block, how many in each stage, what the paper varies in it, and a width multiplier."""

    block: type[BasicBlock] | type[Bottleneck]
    depths: tuple[int, int, int, int]
    options: BlockOptions = field(default_factory=BlockOptions)
    width: float = 1.0


def rescaled(variant: ResidualVariant, width: float, depth: float) -> ResidualVariant:
    """Channels of all stages and of the stem, and blocks in each stage, rounded up."""
    one, two, three, four = deepened(variant.depths, depth)
    return replace(variant, width=variant.width * width, depths=(one, two, three, four))


class ResidualNetwork(PooledNetwork):
    """7x7 convolution, max-pooling, stages of 64, 128, 256 and 512 x expansion channels, and one linear layer.

    With a ``reduction``, every block squeezes and excites.
    """

    def __init__(
        self,
        variant: ResidualVariant,
        *,
        num_classes: int,
        in_channels: int,
        dropout: float,
        stem: str,
        reduction: int | None,
    ) -> None:
        super().__init__()
        options = replace(variant.options, reduction=reduction)
        small = is_small(stem)
        channels = round_channels(64 * variant.width)
        self.conv1 = nn.Conv2d(in_channels, channels, *((3, 1, 1) if small else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        for index, depth in enumerate(variant.depths):
            width = round_channels(64 * 2**index * variant.width)
            stride = 1 if index == 0 else 2
            self.add_module(f"layer{index + 1}", make_stage(variant.block, channels, width, depth, stride, options))
            channels = width * variant.block.expansion
        self.make_head(channels, num_classes, dropout)

    def stem(self, x: Tensor) -> Tensor:
        """The first convolution and the pooling."""
        result: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return result

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self.stem, **{f"stage{i}": self.get_submodule(f"layer{i}") for i in range(1, 5)}}


def residual_network(
    variant: ResidualVariant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
    reduction: int | None = None,
) -> ResidualNetwork:
    """A residual network; ``reduction`` adds squeeze-and-excitation (16 in its paper), ``stem="small"`` is for small images."""
    return ResidualNetwork(
        variant, num_classes=num_classes, in_channels=in_channels, dropout=dropout, stem=stem, reduction=reduction
    )
