"""LeNet-5: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition" (1998).

Fig. 2 and Table I: subsampling with a trainable coefficient and bias a map, squashing by 1.7159 tanh(2x/3), convolution
C3 connected to some of S2's maps only, and an output of radial basis units, which has no trainable parameter. Exactly
60,000 parameters: C1 156, S2 12, C3 1,516, S4 32, C5 48,120, F6 10,164. Images are 1x32x32.

Departures. A logit is the negative of the unit's squared distance, so that the greatest one wins and cross-entropy
applies. The units' codes are random -1 and +1, which the paper names as an alternative to its drawn 7x12 bitmaps: they
serve any number of classes. ``output="linear"`` puts an ordinary linear layer there (850 parameters more). A widespread
simplification, with C3 connected to everything and nothing trainable in the subsampling, has 61,706: not this network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ..accuracy import MNIST, WHOLE_IMAGES
from ..errors import ConvatlasError
from .network import Network
from .registry import Paper, register

# Table I: the maps of S2 that each map of C3 sees, by how many they are.
THREE = tuple(tuple((first + i) % 6 for i in range(3)) for first in range(6))
FOUR = (*(tuple((first + i) % 6 for i in range(4)) for first in range(6)), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5))
SIX = ((0, 1, 2, 3, 4, 5),)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What each map of C3 is connected to, and the units of C5 and F6."""

    connections: tuple[tuple[tuple[int, ...], ...], ...]  # in groups of maps with equally many inputs
    units: tuple[int, int]


VARIANTS = {"lenet5": Variant(connections=(THREE, FOUR, SIX), units=(120, 84))}


class Squash(nn.Module):
    """The paper's sigmoid: 1.7159 tanh(2x/3)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """The sum over each 2x2 window, times one coefficient a map, plus one bias a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2, divisor_override=1)
        self.weight = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.pool(x) * self.weight + self.bias)


class PartialConv2d(nn.Module):
    """A 5x5 convolution whose output maps each see some of the input maps.

    Maps with equally many inputs make one grouped convolution, which reads a copy of the input maps in its order.
    """

    def __init__(self, connections: tuple[tuple[tuple[int, ...], ...], ...]) -> None:
        super().__init__()
        self.sources = [[i for inputs in maps for i in inputs] for maps in connections]
        self.convs = nn.ModuleList(
            nn.Conv2d(len(sources), len(maps), 5, groups=len(maps)) for sources, maps in zip(self.sources, connections, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = x.chunk(x.shape[1], 1)
        gathered = [torch.cat([maps[i] for i in sources], 1) for sources in self.sources]
        return torch.cat([conv(inputs) for conv, inputs in zip(self.convs, gathered, strict=True)], 1)


class RadialBasis(nn.Module):
    """Minus the squared distance of x (N, units) to each class's fixed code of -1 and +1."""

    weight: Tensor

    def __init__(self, units: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(num_classes, units))

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.bernoulli_().mul_(2).sub_(1)

    def forward(self, x: Tensor) -> Tensor:
        return -(x.unsqueeze(1) - self.weight).square().sum(2)


class LeNet5(Network):
    """Three convolutions with two subsamplings between them, a hidden layer, and radial basis units."""

    classifier_path = "output"
    stem_conv = "c1"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, linear: bool) -> None:
        super().__init__()
        maps = sum(len(group) for group in variant.connections)
        hidden, codes = variant.units
        self.squash = Squash()
        self.c1 = nn.Conv2d(in_channels, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = PartialConv2d(variant.connections)
        self.s4 = Subsampling(maps)
        self.c5 = nn.Conv2d(maps, hidden, 5)
        self.f6 = nn.Linear(hidden, codes)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(codes, num_classes) if linear else RadialBasis(codes, num_classes)

    def _stage1(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.squash(self.s2(self.squash(self.c1(x)))))

    def _stage2(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.squash(self.s4(self.squash(self.c3(x)))))

    def _stage3(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.squash(self.c5(x)))

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stage1": self._stage1, "stage2": self._stage2, "stage3": self._stage3}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x = self.dropout(self.squash(self.f6(features.flatten(1))))
        return cast(Tensor, x if pre_logits else self.output(x))

    def reset_classifier(self, num_classes: int) -> None:
        """Give the output fresh codes (or a fresh linear layer) for ``num_classes`` classes."""
        if isinstance(self.output, nn.Linear) or num_classes < 1:
            super().reset_classifier(num_classes)
        else:
            self.output = RadialBasis(self.f6.out_features, num_classes).to(self.output.weight)
            self.output.reset_parameters()

    def init_weights(self) -> None:
        """As published: uniform between -2.4 and 2.4 over the unit's number of inputs."""
        for module in self.modules():
            if isinstance(module, RadialBasis):
                module.reset_parameters()
            elif isinstance(module, nn.Conv2d | nn.Linear | Subsampling):
                inputs = 4 if isinstance(module, Subsampling) else module.weight[0].numel()
                for parameter in module.parameters(recurse=False):
                    nn.init.uniform_(parameter, -2.4 / inputs, 2.4 / inputs)


@register(
    VARIANTS,
    family="lenet",
    paper=Paper(
        title="Gradient-Based Learning Applied to Document Recognition",
        authors="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
        year=1998,
        url="https://doi.org/10.1109/5.726791",
    ),
    summary="Set the pattern: convolution and subsampling in turn, with ever more and smaller maps, all trained.",
    input_size=(1, 32, 32),
    dataset=MNIST,
    evaluation=WHOLE_IMAGES,
    published={"lenet5": {"top1": 99.05}},
)
def lenet(variant: Variant, *, num_classes: int = 10, in_channels: int = 1, dropout: float = 0.0, output: str = "rbf") -> LeNet5:
    """LeNet-5; ``output`` is "rbf", the paper's, or "linear"."""
    if output not in ("rbf", "linear"):
        raise ConvatlasError(f'`output` (={output!r}) must be "rbf" or "linear"')
    return LeNet5(variant, num_classes, in_channels, dropout, output == "linear")
