"""Residual blocks: relu(x + f(x)). ResNet, Wide ResNet, ResNeXt and their squeeze-and-excitation kin share them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .squeeze_excitation import squeeze


@dataclass(frozen=True, kw_only=True)
class BlockOptions:
    """What the papers vary in a block.

    Attributes:
        groups: groups of the 3x3 convolution (ResNeXt's cardinality).
        base_width: channels of a bottleneck's 3x3 convolution in each group, for a stage of 64.
        stride_in_1x1: a bottleneck's stride lies in its first convolution (as published) or in its 3x3 (torchvision).
        residual: False leaves the shortcut out: a plain network.
        reduction: squeeze-and-excitation to this fraction of the channels; None is without.

    """

    groups: int = 1
    base_width: int = 64
    stride_in_1x1: bool = False
    residual: bool = True
    reduction: int | None = None


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + gate(f(x))); a subclass says what f is. The shortcut is x itself where ``downsample`` is None."""

    expansion = 1

    def __init__(self, channels: int, downsample: nn.Module | None, options: BlockOptions) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.residual = options.residual
        if options.reduction is not None:
            self.se_module = squeeze(channels, options.reduction)
        self.squeezes = options.reduction is not None

    def f(self, x: Tensor) -> Tensor:
        """The residual function, up to its last normalisation."""
        raise NotImplementedError

    def gated(self, x: Tensor) -> Tensor:
        """gate(f(x)): what is added to the shortcut."""
        out = self.f(x)
        return self.se_module(out) if self.squeezes else out

    def forward(self, x: Tensor) -> Tensor:
        out = self.gated(x)
        if self.residual:
            out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)
        return result


class BasicBlock(ResidualBlock):
    """f is two 3x3 convolutions of ``channels``."""

    def __init__(self, in_channels: int, channels: int, stride: int, downsample: nn.Module | None, options: BlockOptions) -> None:
        super().__init__(channels, downsample, options)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def f(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        result: Tensor = self.bn2(self.conv2(x))
        return result


class Bottleneck(ResidualBlock):
    """f is 1x1, 3x3 (in groups) and 1x1; the last one has 4 x ``channels``."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, downsample: nn.Module | None, options: BlockOptions) -> None:
        out_channels = channels * self.expansion
        super().__init__(out_channels, downsample, options)
        width = int(channels * options.base_width / 64) * options.groups
        first, second = (stride, 1) if options.stride_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, 1, groups=options.groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)

    def f(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        result: Tensor = self.bn3(self.conv3(x))
        return result


def projection(in_channels: int, out_channels: int, stride: int, kernel: int = 1) -> nn.Module | None:
    """The shortcut where size or width changes: a convolution and its normalisation (option B); None where nothing does."""
    if stride == 1 and in_channels == out_channels:
        return None
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


def make_stage(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    channels: int,
    depth: int,
    stride: int,
    options: BlockOptions,
    kernel: int = 1,
) -> nn.Sequential:
    """``depth`` blocks; the first one takes the stride, and a projection of that ``kernel`` as its shortcut."""
    out_channels = channels * block.expansion
    downsample = projection(in_channels, out_channels, stride, kernel) if options.residual else None
    blocks = [block(in_channels, channels, stride, downsample, options)]
    blocks += [block(out_channels, channels, 1, None, options) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)
