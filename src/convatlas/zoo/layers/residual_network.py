"""The trunk of the ImageNet residual networks: a stem, four stages of residual blocks, and a pooled head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from .heads import PooledNetwork
from .residual import BasicBlock, BlockOptions, Bottleneck, make_stage
from .stem import is_small


@dataclass(frozen=True, kw_only=True)
class ResidualVariant:
    """A column of a paper's table: the block, how many in each stage, and what the paper varies in it."""

    block: type[BasicBlock] | type[Bottleneck]
    depths: tuple[int, int, int, int]
    options: BlockOptions = field(default_factory=BlockOptions)


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
        self.conv1 = nn.Conv2d(in_channels, 64, *((3, 1, 1) if small else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        channels = 64
        for index, depth in enumerate(variant.depths):
            width = 64 * 2**index
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
