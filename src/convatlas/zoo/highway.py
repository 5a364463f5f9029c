"""Highway networks: Srivastava, Greff and Schmidhuber, "Training Very Deep Networks" (2015, arXiv:1507.06228).

Convolutional highway networks for CIFAR. `highway19` is Table 3's, as in the authors' released Caffe configuration: the
widths of Fitnet B (32, 80, 128), and after the last highway layer a 1x1 convolution to 100 maps and a global average.
With 10 classes 2,256,838 parameters, with 100 (as in the authors' log) 2,265,928: the paper's 2.3 M. `highway32` is
Table 2's Highway C: kernels of 3x3 and 1x1 in turn, 1.25 M parameters.

Departures. The accuracy of `highway19` is Table 2's best run of Highway B, whose end is fully connected. The widths of
Highway C were not published: 48, 64 and 88, in stages of ten layers, make the published number of parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ..accuracy import CIFAR10, WHOLE_IMAGES
from .network import Network
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Width of each stage, the kernels of its highway layers, and where the gates start."""

    widths: tuple[int, int, int]
    kernels: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    gate_bias: float  # the paper suggests -1, -2 and -3 for about 10, 20 and 30 layers


ALTERNATING = (1, 3, 1, 3, 1, 3, 1, 3, 1)  # after the stage's first convolution, of 3x3
VARIANTS = {
    "highway19": Variant(widths=(32, 80, 128), kernels=((3,) * 4, (3,) * 5, (3,) * 5), gate_bias=-2.0),
    "highway32": Variant(widths=(48, 64, 88), kernels=(ALTERNATING,) * 3, gate_bias=-3.0),
}


class HighwayConv2d(nn.Module):
    """Highway layer: t * h(x) + (1 - t) * x, with h a convolution and ReLU, and t a convolution and sigmoid."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.relu = nn.ReLU(inplace=True)
        self.gate = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        transform = torch.sigmoid(self.gate(x))
        return cast(Tensor, transform * self.relu(self.conv(x)) + (1 - transform) * x)


class HighwayNetwork(Network):
    """Three stages, each of a plain convolution that sets the width and highway layers that keep it."""

    stem_conv = "stage1.conv"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float) -> None:
        super().__init__()
        self.gate_bias = variant.gate_bias
        previous = in_channels
        for i, (width, kernels) in enumerate(zip(variant.widths, variant.kernels, strict=True)):
            stage = nn.Sequential()
            stage.add_module("dropout", nn.Dropout(dropout))
            stage.add_module("conv", nn.Conv2d(previous, width, 3, padding=1))
            stage.add_module("relu", nn.ReLU(inplace=True))
            for j, kernel in enumerate(kernels):
                stage.add_module(f"highway{j + 1}", HighwayConv2d(width, kernel))
            if i < 2:
                stage.add_module("pool", nn.MaxPool2d(2, stride=2))
            self.add_module(f"stage{i + 1}", stage)
            previous = width
        self.conv = nn.Conv2d(previous, 100, 1)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(100, num_classes)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {name: self.get_submodule(name) for name in ("stage1", "stage2", "stage3")}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x = self.avgpool(self.relu(self.conv(features))).flatten(1)
        x = self.dropout(x)
        return cast(Tensor, x if pre_logits else self.fc(x))

    def init_weights(self) -> None:
        """As released: Xavier, biases 0, but the gates' negative, so that at first a layer passes on what it reads."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.constant_(module.bias, self.gate_bias if name.endswith(".gate") else 0.0)


@register(
    VARIANTS,
    family="highway",
    paper=Paper(
        title="Training Very Deep Networks",
        authors="R. K. Srivastava, K. Greff, J. Schmidhuber",
        year=2015,
        url="https://arxiv.org/abs/1507.06228",
    ),
    summary="Made very deep networks trainable, by gates that choose between a layer's output and its input.",
    input_size=(3, 32, 32),
    dataset=CIFAR10,
    evaluation=WHOLE_IMAGES,
    published={"highway19": {"top1": 92.46}, "highway32": {"top1": 91.2}},
)
def highway(variant: Variant, *, num_classes: int = 10, in_channels: int = 3, dropout: float = 0.2) -> HighwayNetwork:
    """Convolutional highway network for small images; ``dropout`` is also that of each stage's input."""
    return HighwayNetwork(variant, num_classes, in_channels, dropout)
