"""Blocks with numbers to choose: what the papers' blocks compute beside their shortcuts, and what they read by default."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import nn

from ..zoo.densenet import DenseBlock, DenseLayer
from ..zoo.layers.conv import ConvNormAct
from ..zoo.layers.inverted_residual import InvertedResidual
from ..zoo.layers.squeeze_excitation import squeeze

Make = Callable[..., nn.Module]


class Block(NamedTuple):
    """A block.

    Attributes:
        make: it, from its numbers by their names.
        side: of the maps that it reads in its paper, in pixels.
        summary: in words.

    """

    make: Make
    side: int
    summary: str

    @property
    def numbers(self) -> Mapping[str, int]:
        """The names of its numbers, and their defaults; "channels" is what it reads."""
        return {name: parameter.default for name, parameter in inspect.signature(self.make).parameters.items()}


def bottleneck(channels: int = 256, width: int = 64, groups: int = 1) -> nn.Module:
    """1x1 to ``groups`` x ``width`` channels, 3x3 in groups, 1x1 back: ResNet's with one group, ResNeXt's with more."""
    inner = groups * width
    return nn.Sequential(
        ConvNormAct(channels, inner, 1), ConvNormAct(inner, inner, groups=groups), ConvNormAct(inner, channels, 1, activation=None)
    )


def resnext(channels: int = 256, width: int = 4, groups: int = 32) -> nn.Module:
    """The same with ResNeXt's numbers."""
    return bottleneck(channels, width, groups)


def se_bottleneck(channels: int = 256, width: int = 64, groups: int = 1, reduction: int = 16) -> nn.Module:
    """A bottleneck that squeezes and excites."""
    return nn.Sequential(bottleneck(channels, width, groups), squeeze(channels, reduction))


def inverted_residual(channels: int = 24, expansion: int = 6, kernel: int = 3) -> nn.Module:
    """1x1 to ``expansion`` x ``channels``, depthwise, 1x1 back."""
    return InvertedResidual(channels, channels, expanded=expansion * channels, kernel=kernel)


def dense_block(channels: int = 64, growth: int = 32, layers: int = 6) -> nn.Module:
    """Layers that each add ``growth`` channels by a 1x1 to 4 x ``growth`` and a 3x3."""
    block = DenseBlock()
    for layer in range(layers):
        block[f"denselayer{layer + 1}"] = DenseLayer(channels + layer * growth, growth, bottleneck=True, memory_efficient=False)
    return block


BLOCKS = {
    "bottleneck": Block(bottleneck, 56, "ResNet's bottleneck"),
    "resnext": Block(resnext, 56, "ResNeXt's bottleneck in groups"),
    "se_bottleneck": Block(se_bottleneck, 56, "a bottleneck that squeezes and excites"),
    "inverted_residual": Block(inverted_residual, 56, "MobileNetV2's inverted residual"),
    "dense_block": Block(dense_block, 56, "DenseNet's block"),
}
