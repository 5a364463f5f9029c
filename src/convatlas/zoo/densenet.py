"""DenseNet: Huang et al., "Densely Connected Convolutional Networks" (2016, arXiv:1608.06993), Tables 1 and 2.

Parameter names are torchvision's; `densenet264` is Table 1's last column (265 layers, in truth). `densenet_*_cifar` are
Table 2's for 10 classes of 32 x 32 images: L layers, growth rate k, without bottlenecks and compression, or with both ("bc").

``memory_efficient`` computes a layer's concatenation, normalisation and bottleneck again in backward instead of keeping them:
what DenseNet is said to cost in memory is a matter of implementation (Pleiss et al. 2017, arXiv:1707.06990).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..accuracy import CIFAR10
from .layers.stages import deepened
from .layers.stem import is_small
from .network import Network
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class DenseNetVariant:
    """Layers in each dense block, channels that each layer adds, and the channels before the first block."""

    depths: tuple[int, ...]
    growth: int
    stem_channels: int
    bottleneck: bool = True
    compression: float = 0.5
    small: bool = False


@contextmanager
def statistics_kept(norm: nn.BatchNorm2d) -> Iterator[None]:
    """While inside, ``norm`` normalises by the batch and leaves its running statistics as they are."""
    momentum, counter = norm.momentum, norm.num_batches_tracked
    norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        norm.momentum, norm.num_batches_tracked = momentum, counter


class DenseLayer(nn.Module):
    """New channels of all that came before: norm, ReLU, 1x1 to 4 x growth, norm, ReLU, 3x3; or the 3x3 alone."""

    def __init__(self, in_channels: int, growth: int, *, bottleneck: bool, memory_efficient: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.bottleneck = bottleneck
        if bottleneck:
            self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(4 * growth)
            self.relu2 = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(4 * growth, growth, 3, 1, 1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth, 3, 1, 1, bias=False)
        self.memory_efficient = memory_efficient

    def first(self, *features: Tensor) -> Tensor:
        """Concatenate, normalise, activate, convolve."""
        result: Tensor = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return result

    def contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """For the first computation and for the one in backward, which has to see the batch but not to count it again."""
        return nullcontext(), statistics_kept(self.norm1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        if not (self.memory_efficient and self.training):
            x = self.first(*features)
        elif torch.compiler.is_compiling():  # counts the batch once as it is, and allows no contexts
            x = checkpoint(self.first, *features, use_reentrant=False)
        else:
            x = checkpoint(self.first, *features, use_reentrant=False, context_fn=self.contexts)
        return self.conv2(self.relu2(self.norm2(x))) if self.bottleneck else x


class DenseBlock(nn.ModuleDict):
    """Layers that each read the block's input and the output of every layer before."""

    def forward(self, x: Tensor) -> Tensor:
        features: tuple[Tensor, ...] = (x,)
        for layer in self.values():
            features = (*features, layer(features))
        return torch.cat(features, 1)


def transition(in_channels: int, out_channels: int) -> nn.Sequential:
    """Between two blocks: norm, ReLU, 1x1, and the mean of 2x2."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["norm"] = nn.BatchNorm2d(in_channels)
    layers["relu"] = nn.ReLU(inplace=True)
    layers["conv"] = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    layers["pool"] = nn.AvgPool2d(2, 2)
    return nn.Sequential(layers)


class DenseNet(Network):
    """A stem, dense blocks with transitions between them, a last normalisation, and one linear layer."""

    classifier_path = "classifier"
    stem_conv = "features.conv0"

    def __init__(
        self,
        variant: DenseNetVariant,
        *,
        num_classes: int,
        in_channels: int,
        dropout: float,
        small: bool,
        memory_efficient: bool,
    ) -> None:
        super().__init__()
        channels = variant.stem_channels
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["conv0"] = nn.Conv2d(in_channels, channels, *((3, 1, 1) if small else (7, 2, 3)), bias=False)
        if not variant.small:
            layers["norm0"] = nn.BatchNorm2d(channels)
            layers["relu0"] = nn.ReLU(inplace=True)
        if not small:
            layers["pool0"] = nn.MaxPool2d(3, 2, 1)
        self.stem_layers = tuple(layers)
        for index, depth in enumerate(variant.depths, start=1):
            block = DenseBlock()
            for position in range(1, depth + 1):
                block[f"denselayer{position}"] = DenseLayer(
                    channels, variant.growth, bottleneck=variant.bottleneck, memory_efficient=memory_efficient
                )
                channels += variant.growth
            layers[f"denseblock{index}"] = block
            if index < len(variant.depths):
                compressed = int(channels * variant.compression)
                layers[f"transition{index}"] = transition(channels, compressed)
                channels = compressed
        last = f"norm{len(variant.depths) + 1}"
        layers[last] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.last_norm = last
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)

    def stem(self, x: Tensor) -> Tensor:
        """What comes before the first dense block."""
        for name in self.stem_layers:
            x = self.features.get_submodule(name)(x)
        return x

    def last(self, x: Tensor) -> Tensor:
        """The last normalisation and ReLU."""
        result: Tensor = self.relu(self.features.get_submodule(self.last_norm)(x))
        return result

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        stages: dict[str, Callable[[Tensor], Tensor]] = {"stem": self.stem}
        for name, module in self.features.named_children():
            if name.startswith(("denseblock", "transition")):
                stages[name] = module
        return stages | {"last": self.last}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x: Tensor = self.dropout(self.avgpool(features).flatten(1))
        return x if pre_logits else self.classifier(x)


def rescaled(variant: DenseNetVariant, width: float, depth: float) -> DenseNetVariant:
    """The growth rate and the stem so many times as wide, the blocks so many times as deep, rounded up."""
    growth, stem = (max(1, round(channels * width)) for channels in (variant.growth, variant.stem_channels))
    return replace(variant, growth=growth, stem_channels=stem, depths=deepened(variant.depths, depth))


def for_cifar(layers: int, growth: int, *, bc: bool) -> DenseNetVariant:
    """Table 2's network of so many layers."""
    depth = (layers - 4) // (6 if bc else 3)
    return DenseNetVariant(
        depths=(depth,) * 3,
        growth=growth,
        stem_channels=2 * growth if bc else 16,
        bottleneck=bc,
        compression=0.5 if bc else 1.0,
        small=True,
    )


PAPER = Paper(
    title="Densely Connected Convolutional Networks",
    authors="G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger",
    year=2016,
    url="https://arxiv.org/abs/1608.06993",
)
SUMMARY = "Every layer reads the outputs of all layers before it, so that few new channels a layer are enough."

VARIANTS = {
    "densenet121": DenseNetVariant(depths=(6, 12, 24, 16), growth=32, stem_channels=64),
    "densenet169": DenseNetVariant(depths=(6, 12, 32, 32), growth=32, stem_channels=64),
    "densenet201": DenseNetVariant(depths=(6, 12, 48, 32), growth=32, stem_channels=64),
    "densenet264": DenseNetVariant(depths=(6, 12, 64, 48), growth=32, stem_channels=64),
    "densenet161": DenseNetVariant(depths=(6, 12, 36, 24), growth=48, stem_channels=96),
}
CIFAR_VARIANTS = {
    "densenet40_k12_cifar": for_cifar(40, 12, bc=False),
    "densenet100_k12_cifar": for_cifar(100, 12, bc=False),
    "densenet100_k24_cifar": for_cifar(100, 24, bc=False),
    "densenet_bc100_k12_cifar": for_cifar(100, 12, bc=True),
    "densenet_bc250_k24_cifar": for_cifar(250, 24, bc=True),
    "densenet_bc190_k40_cifar": for_cifar(190, 40, bc=True),
}


@register(VARIANTS, family="densenet", paper=PAPER, summary=SUMMARY, published={
    "densenet121": {"top1": 74.98, "top5": 92.29}, "densenet169": {"top1": 76.2, "top5": 93.15},
    "densenet201": {"top1": 77.42, "top5": 93.66}, "densenet264": {"top1": 77.85, "top5": 93.88},
}, scaled=rescaled)  # fmt: skip
def densenet(
    variant: DenseNetVariant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
    memory_efficient: bool = False,
) -> DenseNet:
    """DenseNet for ImageNet; ``stem="small"`` is a 3x3 convolution of stride 1 without pooling."""
    small = is_small(stem)
    return DenseNet(
        variant, num_classes=num_classes, in_channels=in_channels, dropout=dropout, small=small, memory_efficient=memory_efficient
    )


@register(CIFAR_VARIANTS, family="densenet", paper=PAPER, summary=SUMMARY, input_size=(3, 32, 32), dataset=CIFAR10, scaled=rescaled)
def densenet_cifar(
    variant: DenseNetVariant,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    dropout: float = 0.0,
    memory_efficient: bool = False,
) -> DenseNet:
    """DenseNet for CIFAR."""
    return DenseNet(
        variant, num_classes=num_classes, in_channels=in_channels, dropout=dropout, small=True, memory_efficient=memory_efficient
    )
