"""Networks of searched cells, stacked as NASNet's are: Zoph et al. 2017 (arXiv:1707.07012), Fig. 2 and 4.

A cell reads the outputs of the two cells before it. Each of its steps adds up two operations, each on one of the cell's inputs or on
a step before; what no later step reads is concatenated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .layers import ConvNorm, Head, initialise

OPERATIONS = ("identity", "mean3", "max3", "separable3", "separable5")


class Step(NamedTuple):
    """The sum of two operations. State 0 is the cell before last, 1 the last cell, 2 the first step, ..."""

    left: str
    left_state: int
    right: str
    right_state: int


class Separable(nn.Sequential):
    """ReLU, depthwise and 1x1 convolution, batch normalisation."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False),
            ConvNorm(channels, channels),
        )


class Fit(nn.Sequential):
    """ReLU, 1x1 convolution, batch normalisation: a cell's input at the cell's width; its stride halves a map that is too large."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__(nn.ReLU(), ConvNorm(inputs, channels, 1, stride))


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """One of `OPERATIONS` on maps (N, channels, H, W); an identity with a stride takes every other pixel."""
    if name == "identity":
        return nn.Identity() if stride == 1 else nn.MaxPool2d(1, stride)
    if name == "mean3":
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    if name == "max3":
        return nn.MaxPool2d(3, stride, 1)
    return Separable(channels, int(name[-1]), stride)


def unread(steps: Sequence[Step]) -> list[int]:
    """The states that a cell concatenates: its steps that no step reads."""
    read = {state for step in steps for state in (step.left_state, step.right_state)}
    return [state for state in range(2, len(steps) + 2) if state not in read]


class Cell(nn.Module):
    """One cell. ``before_stride`` halves the maps of the cell before last, where the last one has halved its own."""

    def __init__(self, steps: Sequence[Step], before: int, last: int, channels: int, stride: int, before_stride: int) -> None:
        super().__init__()
        self.steps = [Step(*step) for step in steps]
        self.fit_before, self.fit_last = Fit(before, channels, before_stride), Fit(last, channels, 1)
        self.left, self.right = nn.ModuleList(), nn.ModuleList()
        for step in self.steps:
            self.left.append(operation(step.left, channels, stride if step.left_state < 2 else 1))
            self.right.append(operation(step.right, channels, stride if step.right_state < 2 else 1))

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        states = [self.fit_before(before), self.fit_last(last)]
        for step, left, right in zip(self.steps, self.left, self.right, strict=True):
            states.append(left(states[step.left_state]) + right(states[step.right_state]))
        return torch.cat([states[state] for state in unread(self.steps)], 1)


class Cells(nn.Module):
    """A 3x3 convolution, three stages of normal cells with a reduction cell (which halves the maps and doubles the width) between them."""

    def __init__(
        self,
        input_size: tuple[int, int, int],
        num_classes: int,
        channels: int,
        stem_stride: int,
        repeats: int,
        normal: Sequence[Step],
        reduction: Sequence[Step],
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.stem = ConvNorm(input_size[0], channels, 3, stem_stride)
        self.cells = nn.ModuleList()
        before = last = channels
        before_stride = 1
        for stage in range(3):
            for place in range(repeats + (stage > 0)):
                reduces = stage > 0 and place == 0
                steps = reduction if reduces else normal
                width = channels * 2**stage
                self.cells.append(Cell(steps, before, last, width, 2 if reduces else 1, before_stride))
                before, last, before_stride = last, width * len(unread([Step(*step) for step in steps])), 2 if reduces else 1
        self.act = nn.ReLU()
        self.head = Head(last, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        logits: Tensor = self.head(self.act(last))
        return logits
