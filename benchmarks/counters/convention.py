"""What a counter includes, found by asking it: tiny networks, and how many operations it sees in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Count = Callable[[nn.Module, tuple[int, ...]], float]


class Probe(NamedTuple):
    """A layer behind a convolution: what it is, and how many elements or multiply-accumulates it works on."""

    layer: nn.Module
    amount: int
    essential: bool = False  # a matrix product or convolution, which every counter should see


class Function(nn.Module):
    """A call of a function, as networks make it in their forward pass."""

    def __init__(self, function: Callable[..., Tensor], **parameters: Tensor) -> None:
        super().__init__()
        self.function = function
        for name, tensor in parameters.items():
            self.register_parameter(name, nn.Parameter(tensor))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parameters())


class Bias(nn.Module):
    """A 1x1 convolution with a bias; `amount` is what the bias adds to one without."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


SIDE, CHANNELS = 6, 4
ELEMENTS = CHANNELS * SIDE * SIDE
SHAPE = (1, 3, SIDE, SIDE)
PROBES: dict[str, Probe] = {
    "bias": Probe(Bias(), ELEMENTS),
    "batch norm": Probe(nn.BatchNorm2d(CHANNELS), ELEMENTS),
    "ReLU": Probe(nn.ReLU(), ELEMENTS),
    "max pool": Probe(nn.MaxPool2d(2), ELEMENTS),
    "global pool": Probe(nn.AdaptiveAvgPool2d(1), ELEMENTS),
    "addition": Probe(Function(lambda x: x + x), ELEMENTS),
    "softmax": Probe(Function(lambda x: x.softmax(1)), ELEMENTS),
    "functional convolution": Probe(Function(lambda x, w: F.conv2d(x, w), w=torch.ones(2, CHANNELS, 1, 1)), 2 * ELEMENTS, True),
    "functional linear": Probe(Function(lambda x, w: F.linear(x, w), w=torch.ones(2, SIDE)), 2 * ELEMENTS, True),
    "matrix product": Probe(Function(lambda x: x @ x), ELEMENTS * SIDE, True),
    "attention": Probe(Function(lambda x: F.scaled_dot_product_attention(x, x, x)), 2 * ELEMENTS * SIDE, True),
}


def seen(count: Count, probe: Probe) -> float:
    """How much a counter adds for a probe, for each element or multiply-accumulate of it."""

    def stem() -> nn.Module:
        return nn.Conv2d(3, CHANNELS, 1, bias=False)

    base = count(nn.Sequential(stem()).eval(), SHAPE)
    if isinstance(probe.layer, Bias):
        base += ELEMENTS * CHANNELS
    return (count(nn.Sequential(stem(), probe.layer).eval(), SHAPE) - base) / probe.amount


def explain(count: Count) -> tuple[list[str], list[str]]:
    """What a counter adds to matrix products and convolutions, and which of these it misses."""
    adds, misses = [], []
    for name, probe in PROBES.items():
        try:
            weight = seen(count, probe)
        except Exception as error:  # a tool that fails on a layer says that much about it
            misses.append(f"{name} (fails: {type(error).__name__})")
            continue
        if probe.essential and not 0.9 < weight < 1.1:
            misses.append(name if abs(weight) < 0.1 else f"{name} (counts {weight:.2g}x)")
        elif not probe.essential and abs(weight) > 0.01:
            adds.append(f"{name} ({weight:.2g} an element)")
    return adds, misses
