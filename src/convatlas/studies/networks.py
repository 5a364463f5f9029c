"""The studies' networks: blocks and networks of the zoo, at widths and depths that a CPU trains in seconds to minutes.

Each maps (N, in_channels, H, W) to (N, num_classes). The images are small (14 to 32 pixels), so no stem divides them. They are
initialised as their papers' networks are in the zoo (He-normal), unless a function says otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..zoo.alexnet import AlexNet
from ..zoo.alexnet import Variant as AlexNetVariant
from ..zoo.cifar_resnet import CifarResNet, ZeroPaddedShortcut
from ..zoo.densenet import DenseNet, for_cifar
from ..zoo.googlenet import INCEPTIONS
from ..zoo.layers.conv import conv_norm_act
from ..zoo.layers.inception import BasicConv2d
from ..zoo.layers.preactivation import PreActBasic, PreActNetwork, PreActVariant
from ..zoo.layers.residual import BasicBlock, BlockOptions, Bottleneck, make_stage
from ..zoo.network import init_module
from ..zoo.preact_resnet import ShortcutBlock, ShortcutResNet
from ..zoo.vgg import VARIANTS as VGG_VARIANTS
from ..zoo.vgg import WIDTHS as VGG_WIDTHS


def residual(
    in_channels: int,
    num_classes: int,
    *,
    depth: int,
    width: int = 16,
    shortcut: bool = True,
    reduction: int | None = None,
) -> nn.Module:
    """The CIFAR residual network of 6 n + 2 layers, or (``shortcut`` false) its plain twin; ``reduction`` adds SE."""
    options = BlockOptions(residual=shortcut, reduction=reduction)

    def block(inputs: int, channels: int, stride: int) -> BasicBlock:
        changes = shortcut and (stride != 1 or inputs != channels)
        return BasicBlock(inputs, channels, stride, ZeroPaddedShortcut(inputs, channels, stride) if changes else None, options)

    network = CifarResNet(_blocks(depth), block, num_classes=num_classes, in_channels=in_channels, dropout=0.0, width=width)
    network.init_weights()
    return network


def with_shortcut(in_channels: int, num_classes: int, *, means: str, depth: int, width: int = 16) -> nn.Module:
    """The residual network with a shortcut that is no identity: `scaled`, `exclusive_gate`, `conv`, `dropout`, ..."""

    def block(inputs: int, channels: int, stride: int) -> ShortcutBlock:
        return ShortcutBlock(inputs, channels, stride, means, 0.5, None)

    network = ShortcutResNet(_blocks(depth), block, num_classes=num_classes, in_channels=in_channels, dropout=0.0, width=width)
    network.init_weights()
    return network


def preactivated(in_channels: int, num_classes: int, *, depth: int, width: int = 16) -> nn.Module:
    """The residual network with normalisation and activation before each convolution."""
    variant = PreActVariant(block=PreActBasic, depths=(_blocks(depth),) * 3, stem_channels=width, width=width)
    network = PreActNetwork(variant, num_classes=num_classes, in_channels=in_channels, dropout=0.0, small=True, reduction=None)
    network.init_weights()
    return network


def bottlenecks(in_channels: int, num_classes: int, *, groups: int, base_width: int, blocks: int = 2, width: int = 16) -> nn.Module:
    """Three stages of bottlenecks with grouped 3x3 convolutions, ResNeXt's; ``base_width`` is for a stage of 64 channels."""
    options = BlockOptions(groups=groups, base_width=base_width)
    stages: list[nn.Module] = conv_norm_act(in_channels, 4 * width)
    channels = 4 * width
    for index in range(3):
        stages.append(make_stage(Bottleneck, channels, width * 2**index, blocks, 1 if index == 0 else 2, options))
        channels = 4 * width * 2**index
    return _pooled(stages, channels, num_classes)


def kernels(in_channels: int, num_classes: int, *, kernel: int, repeats: int, width: int = 16) -> nn.Module:
    """Three stages of ``repeats`` convolutions of one kernel: two of 3x3 see what one of 5x5 sees."""
    layers: list[nn.Module] = []
    channels = in_channels
    for index in range(3):
        for _ in range(repeats):
            layers += conv_norm_act(channels, width * 2**index, kernel)
            channels = width * 2**index
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return _pooled(layers, channels, num_classes)


def separable(in_channels: int, num_classes: int, *, depthwise: bool, width: int, blocks: int = 2) -> nn.Module:
    """Three stages of 3x3 convolutions, dense, or depthwise with a 1x1 behind (MobileNet's)."""
    layers: list[nn.Module] = conv_norm_act(in_channels, width)
    channels = width
    for index in range(3):
        for position in range(blocks):
            out, stride = width * 2**index, 2 if index and not position else 1
            if depthwise:
                layers += conv_norm_act(channels, channels, 3, stride=stride, groups=channels)
                layers += conv_norm_act(channels, out, 1)
            else:
                layers += conv_norm_act(channels, out, 3, stride=stride)
            channels = out
    return _pooled(layers, channels, num_classes)


def vgg(in_channels: int, num_classes: int, *, depth: int, batch_norm: bool, divisor: int = 8) -> nn.Module:
    """VGG-11 or -16 with its widths divided, one hidden layer in its head, and the initialisation of its time.

    That is Glorot and Bengio's (2010), which the paper names in its Section 3.1: a layer with ReLU shrinks what passes it by 0.7.
    He-normal (2015) was made against that; PyTorch's default shrinks by 0.4, with which VGG-11 does not learn in so few steps either.
    Poolings round up, so that maps of 14 pixels last for five.
    """
    layers: list[tuple[str, nn.Module]] = []
    channels = in_channels
    for stage, (repeats, width) in enumerate(zip(VGG_VARIANTS[f"vgg{depth}"].depths, VGG_WIDTHS, strict=True), start=1):
        for position in range(1, repeats + 1):
            out = width // divisor
            layers.append((f"conv{stage}_{position}", nn.Conv2d(channels, out, 3, padding=1)))
            layers += [(f"norm{stage}_{position}", nn.BatchNorm2d(out))] if batch_norm else []
            layers.append((f"relu{stage}_{position}", nn.ReLU(inplace=True)))
            channels = out
        layers.append((f"pool{stage}", nn.MaxPool2d(2, ceil_mode=True)))
    layers += [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("fc1", nn.Linear(channels, channels))]
    layers += [("relu", nn.ReLU(inplace=True)), ("fc2", nn.Linear(channels, num_classes))]
    network = nn.Sequential()
    for name, layer in layers:
        network.add_module(name, layer)
    return _as_glorot(network)


def alexnet(in_channels: int, num_classes: int, *, dropout: float, width: int = 8, hidden: int = 512) -> nn.Module:
    """AlexNet for small images with its widths divided, and its head of two hidden layers, each behind a dropout."""
    variant = AlexNetVariant(widths=(width, 3 * width, 6 * width, 4 * width, 4 * width))
    network = AlexNet(variant, num_classes, in_channels, dropout, small=True, hidden=hidden)
    network.init_weights()
    return network


class GoogLeNetOutputs(NamedTuple):
    """What training returns, as the zoo's GoogLeNet does: each (N, num_classes)."""

    logits: Tensor
    aux2: Tensor
    aux1: Tensor


class SmallGoogLeNet(nn.Module):
    """GoogLeNet's nine Inception modules with their widths divided, behind one 3x3, with both auxiliary classifiers or none."""

    def __init__(self, in_channels: int, num_classes: int, *, auxiliary: bool, batch_norm: bool, divisor: int) -> None:
        super().__init__()
        self.stem = BasicConv2d(in_channels, 192 // divisor, 3, padding=1, batch_norm=batch_norm)
        self.inceptions = nn.ModuleDict(
            {name: _Inception([width // divisor for width in widths], batch_norm) for name, widths in INCEPTIONS.items()}
        )
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.aux1 = _auxiliary(512 // divisor, num_classes) if auxiliary else None
        self.aux2 = _auxiliary(528 // divisor, num_classes) if auxiliary else None
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(1024 // divisor, num_classes))

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        x, aux = self.stem(x), {}
        for name, inception in self.inceptions.items():
            if name in ("inception4a", "inception5a"):
                x = self.pool(x)
            x = inception(x)
            aux[name] = x
        logits: Tensor = self.head(x)
        if self.aux1 is None or self.aux2 is None or not self.training:
            return logits
        return GoogLeNetOutputs(logits, self.aux2(aux["inception4d"]), self.aux1(aux["inception4a"]))


class _Inception(nn.Module):
    """1x1, 3x3, 5x5 and a pooling side by side, as published: with the 5x5 kernel."""

    def __init__(self, widths: list[int], batch_norm: bool) -> None:
        super().__init__()
        width, direct, reduce3, out3, reduce5, out5, projection = widths

        def conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
            return BasicConv2d(inputs, outputs, kernel, padding=kernel // 2, batch_norm=batch_norm)

        self.branches = nn.ModuleList(
            [
                conv(width, direct, 1),
                nn.Sequential(conv(width, reduce3, 1), conv(reduce3, out3, 3)),
                nn.Sequential(conv(width, reduce5, 1), conv(reduce5, out5, 5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv(width, projection, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def _auxiliary(in_channels: int, num_classes: int) -> nn.Module:
    return nn.Sequential(
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * in_channels, 128), nn.ReLU(inplace=True)),
        *(nn.Dropout(0.7), nn.Linear(128, num_classes)),
    )


def googlenet(in_channels: int, num_classes: int, *, auxiliary: bool, batch_norm: bool, divisor: int = 8) -> nn.Module:
    """A GoogLeNet for small images, in the initialisation of its time; in training with ``auxiliary`` it returns three logits.

    In PyTorch's own initialisation it does not learn in so few steps without batch normalisation, with or without auxiliary ones.
    """
    return _as_glorot(SmallGoogLeNet(in_channels, num_classes, auxiliary=auxiliary, batch_norm=batch_norm, divisor=divisor))


def _as_glorot(network: nn.Module) -> nn.Module:
    """The network with its weights as Glorot and Bengio (2010) draw them, and biases of 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def _pooled(layers: list[nn.Module], channels: int, num_classes: int) -> nn.Module:
    """The layers, a mean over the map, and a linear layer; He-normal."""
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))
    for module in network.modules():
        init_module(module)
    return network


def _blocks(depth: int) -> int:
    assert depth % 6 == 2, depth
    return (depth - 2) // 6


def densenet(in_channels: int, num_classes: int, *, memory_efficient: bool, depth: int = 40, growth: int = 12) -> nn.Module:
    """DenseNet-BC for small images, keeping its concatenations for backward or computing them again."""
    network = DenseNet(
        for_cifar(depth, growth, bc=True),
        num_classes=num_classes,
        in_channels=in_channels,
        dropout=0.0,
        small=True,
        memory_efficient=memory_efficient,
    )
    network.init_weights()
    return network
