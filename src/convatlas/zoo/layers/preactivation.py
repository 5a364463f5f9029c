"""Pre-activation residual networks: normalise and activate first, so that the shortcut stays a pure sum."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ..network import Network
from .squeeze_excitation import squeeze


class Norm(nn.BatchNorm2d):
    """Batch normalisation with its ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(super().forward(x), inplace=True)


class PreActBlock(nn.Module):
    """shortcut + gate(f(a)) with a = relu(norm(x)); the gate is squeeze-and-excitation where there is a ``reduction``.

    The shortcut is x, or a 1x1 convolution of a where size or width changes.
    """

    expansion = 1

    def __init__(self, in_channels: int, out_channels: int, stride: int, reduction: int | None) -> None:
        super().__init__()
        self.norm1 = Norm(in_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(OrderedDict(conv=conv))
        self.se_module = None if reduction is None else squeeze(out_channels, reduction)

    def f(self, a: Tensor) -> Tensor:
        """The residual function of the activated input."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        a = self.norm1(x)
        shortcut: Tensor = x if self.downsample is None else self.downsample(a)
        out = self.f(a)
        if self.se_module is not None:
            out = self.se_module(out)
        out += shortcut
        return out


class PreActBasic(PreActBlock):
    """f is two 3x3 convolutions, with dropout between them if there is any."""

    def __init__(self, in_channels: int, channels: int, stride: int, dropout: float, reduction: int | None) -> None:
        super().__init__(in_channels, channels, stride, reduction)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.norm2 = Norm(channels)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)

    def f(self, a: Tensor) -> Tensor:
        x = self.norm2(self.conv1(a))
        if self.dropout is not None:
            x = self.dropout(x)
        result: Tensor = self.conv2(x)
        return result


class PreActBottleneck(PreActBlock):
    """f is 1x1, 3x3 (with the stride) and 1x1 to 4 x channels."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, dropout: float, reduction: int | None) -> None:
        super().__init__(in_channels, channels * self.expansion, stride, reduction)
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.norm2 = Norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.norm3 = Norm(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)

    def f(self, a: Tensor) -> Tensor:
        result: Tensor = self.conv3(self.norm3(self.conv2(self.norm2(self.conv1(a)))))
        return result


@dataclass(frozen=True, kw_only=True)
class PreActVariant:
    """Blocks in each stage, and the first stage's channels; the widths double from stage to stage.

    Attributes:
        stem_channels: of the first convolution.
        width: channels of the first stage, before a bottleneck's expansion.
        block_dropout: the dropout lies in the blocks (Wide ResNet) instead of the head.

    """

    block: type[PreActBasic] | type[PreActBottleneck]
    depths: tuple[int, ...]
    stem_channels: int = 64
    width: int = 64
    block_dropout: bool = False


class PreActNetwork(Network):
    """A convolution, stages of pre-activation blocks, a last normalisation, and a classifier of 1x1."""

    classifier_path = "head.fc"
    stem_conv = "stem.conv"

    def __init__(
        self,
        variant: PreActVariant,
        *,
        num_classes: int,
        in_channels: int,
        dropout: float,
        small: bool,
        reduction: int | None,
    ) -> None:
        super().__init__()
        channels = variant.stem_channels
        stem: OrderedDict[str, nn.Module] = OrderedDict()
        stem["conv"] = nn.Conv2d(in_channels, channels, *((3, 1, 1) if small else (7, 2, 3)), bias=False)
        if not small:
            stem["pool"] = nn.MaxPool2d(3, 2, 1)
        self.stem = nn.Sequential(stem)
        stages = []
        for index, depth in enumerate(variant.depths):
            width = variant.width * 2**index
            blocks = []
            for position in range(depth):
                stride = 2 if position == 0 and index > 0 else 1
                block_dropout = dropout if variant.block_dropout else 0.0
                blocks.append(variant.block(channels, width, stride, block_dropout, reduction))
                channels = width * variant.block.expansion
            stages.append(nn.Sequential(OrderedDict(blocks=nn.Sequential(*blocks))))
        self.stages = nn.Sequential(*stages)
        self.norm = Norm(channels)
        head: OrderedDict[str, nn.Module] = OrderedDict()
        head["global_pool"] = nn.AdaptiveAvgPool2d(1)
        head["drop"] = nn.Dropout(0.0 if variant.block_dropout else dropout)
        head["fc"] = nn.Conv2d(channels, num_classes, 1)
        self.head = nn.Sequential(head)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        names = [f"stage{index}" for index in range(1, len(self.stages) + 1)]
        stages: dict[str, Callable[[Tensor], Tensor]] = {"stem": self.stem}
        return stages | dict(zip(names, self.stages, strict=True)) | {"norm": self.norm}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        global_pool, drop, fc = self.head
        x: Tensor = drop(global_pool(features))
        return x.flatten(1) if pre_logits else fc(x).flatten(1)


def preact_network_cifar(
    variant: PreActVariant,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    dropout: float = 0.0,
    reduction: int | None = None,
) -> PreActNetwork:
    """A pre-activation network for small images; ``reduction`` adds squeeze-and-excitation."""
    return PreActNetwork(
        variant, num_classes=num_classes, in_channels=in_channels, dropout=dropout, small=True, reduction=reduction
    )
