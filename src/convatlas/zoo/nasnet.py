"""NASNet-A: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition" (2017, arXiv:1707.07012),
Fig. 4 for the cells, Fig. 2 for how they are stacked: 4 @ 1056 (mobile) and 6 @ 4032 (large).

Every cell reads the outputs of the two cells before it. Parameter names are timm's (`nasnetalarge`); mobile counts its
cells on. As in the official code, the cell after a reduction reads, beside it, the last cell before it in mobile, the
one before that in large.

Departures. No auxiliary classifier and no scheduled drop-path in training, as in timm. Strided pooling pads as
TensorFlow does, but its mean counts the padding, as in timm. Published figures: the official README has 88.9 M
parameters for large; timm's port of its weights has 88,753,150, as here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers.same import SamePad
from .layers.stem import is_small
from .network import Network
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A cell: five steps, each the sum of two operations on states, and the states that are concatenated.

    State 0 is the cell before last, 1 the last cell, 2 to 6 are the steps. The stride applies to states 0 and 1.
    """

    stride: int
    steps: tuple[tuple[str, int, str, int], ...]
    outputs: tuple[int, ...]


NORMAL = Plan(  # Fig. 4, left
    stride=1,
    steps=(
        ("separable5", 1, "separable3", 0),
        ("separable5", 0, "separable3", 0),
        ("mean", 1, "identity", 0),
        ("mean", 0, "mean", 0),
        ("separable3", 1, "identity", 1),
    ),
    outputs=(0, 2, 3, 4, 5, 6),
)
REDUCTION = Plan(  # Fig. 4, right
    stride=2,
    steps=(
        ("separable5", 1, "separable7", 0),
        ("max", 1, "separable7", 0),
        ("mean", 1, "separable5", 0),
        ("identity", 3, "mean", 2),
        ("separable3", 2, "max", 1),
    ),
    outputs=(3, 4, 5, 6),
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Normal cells in each of three stages, channels before the classifier, and of the first convolution."""

    cells: int
    features: int
    stem: int
    resolution: int
    skip_reduction: bool  # whether the cell after a reduction leaves out the last cell before it


VARIANTS = {
    "nasnetamobile": Variant(cells=4, features=1056, stem=32, resolution=224, skip_reduction=False),
    "nasnetalarge": Variant(cells=6, features=4032, stem=96, resolution=331, skip_reduction=True),
}


def named(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=0.001)


def pointwise(in_channels: int, channels: int) -> nn.Sequential:
    """ReLU, 1x1 convolution, batch norm."""
    return named(act=nn.ReLU(), conv=nn.Conv2d(in_channels, channels, 1, bias=False), bn=norm(channels))


def separable(in_channels: int, channels: int, kernel: int, stride: int) -> nn.Sequential:
    """ReLU, depthwise and 1x1 convolution, batch norm, twice; the stride is in the first."""

    def once(in_channels: int, stride: int) -> nn.Sequential:
        pointwise = nn.Conv2d(in_channels, channels, 1, bias=False)
        if stride == 1:
            depthwise = nn.Conv2d(in_channels, in_channels, kernel, padding=kernel // 2, groups=in_channels, bias=False)
            return named(depthwise_conv2d=depthwise, pointwise_conv2d=pointwise)
        depthwise = nn.Conv2d(in_channels, in_channels, kernel, stride, groups=in_channels, bias=False)
        return named(pad=SamePad(kernel, stride), depthwise_conv2d=depthwise, pointwise_conv2d=pointwise)

    return named(
        act_1=nn.ReLU(),
        separable_1=once(in_channels, stride),
        bn_sep_1=norm(channels),
        act_2=nn.ReLU(inplace=True),
        separable_2=once(channels, 1),
        bn_sep_2=norm(channels),
    )


def operation(name: str, in_channels: int, channels: int, stride: int) -> nn.Module:
    """The operation of a step, by its name in the tables."""
    if name == "identity":
        return nn.Identity()
    if name == "mean" and stride == 1:
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    if name == "mean":
        return nn.Sequential(SamePad(3, stride), nn.AvgPool2d(3, stride))
    if name == "max":
        return nn.Sequential(SamePad(3, stride, value=float("-inf")), nn.MaxPool2d(3, stride))
    return separable(in_channels, channels, int(name[-1]), stride)


class Cell(nn.Module):
    """One cell; ``prepare`` is how the cell before last is made to fit: "project", "halve" its maps, or "leave" it."""

    def __init__(self, plan: Plan, in_channels: int, before: int, channels: int, prepare: str) -> None:
        super().__init__()
        self.plan = plan
        self.prepare = prepare
        self.conv_1x1 = pointwise(in_channels, channels)
        if prepare == "project":
            self.conv_prev_1x1 = pointwise(before, channels)
        elif prepare == "halve":  # by two convolutions, each of every other pixel, the second's a pixel further on
            half = channels // 2
            first, second = nn.AvgPool2d(1, stride=2), nn.AvgPool2d(1, stride=2)
            self.act = nn.ReLU()
            self.path_1 = named(avgpool=first, conv=nn.Conv2d(before, half, 1, bias=False))
            shift = nn.ZeroPad2d((-1, 1, -1, 1))
            self.path_2 = named(pad=shift, avgpool=second, conv=nn.Conv2d(before, half, 1, bias=False))
            self.final_path_bn = norm(channels)
        for i, (left, left_state, right, right_state) in enumerate(plan.steps):
            for side, name, state in (("left", left, left_state), ("right", right, right_state)):
                width = before if state == 0 and prepare == "leave" else channels
                stride = plan.stride if state < 2 else 1
                self.add_module(f"comb_iter_{i}_{side}", operation(name, width, channels, stride))

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        if self.prepare == "project":
            before = self.conv_prev_1x1(before)
        elif self.prepare == "halve":
            before = self.act(before)
            before = self.final_path_bn(torch.cat([self.path_1(before), self.path_2(before)], dim=1))
        states = [before, self.conv_1x1(x)]
        for i, (_, left, _, right) in enumerate(self.plan.steps):
            a, b = getattr(self, f"comb_iter_{i}_left"), getattr(self, f"comb_iter_{i}_right")
            states.append(a(states[left]) + b(states[right]))
        return torch.cat([states[i] for i in self.plan.outputs], dim=1)


class NASNet(Network):
    """A 3x3 convolution, two reduction cells, and three stages of normal cells with a reduction cell between them."""

    stem_conv = "conv0.conv"
    classifier_path = "last_linear"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, small: bool) -> None:
        super().__init__()
        stem, cells, channels = variant.stem, variant.cells, variant.features // 24
        first = nn.Conv2d(in_channels, stem, 3, 1 if small else 2, 1 if small else 0, bias=False)
        self.conv0 = named(conv=first, bn=norm(stem))
        layout = {
            "stem_cell0": [("cell_stem_0", REDUCTION, channels // 4)],
            "stem_cell1": [("cell_stem_1", REDUCTION, channels // 2)],
        }
        for i in range(3):
            width = channels * 2**i
            reduction = [(f"reduction_cell_{i - 1}", REDUCTION, width)] if i else []
            layout[f"stage{i + 1}"] = reduction + [(f"cell_{i * cells + j}", NORMAL, width) for j in range(cells)]
        self.skipped = {"reduction_cell_0", "reduction_cell_1"} if variant.skip_reduction else set()
        self.cells = {stage: [name for name, *_ in rows] for stage, rows in layout.items()}
        last = before = (stem, 0)  # channels, and how often the maps were halved
        for name, plan, width in (row for rows in layout.values() for row in rows):
            prepare = "leave" if before is last else "halve" if before[1] < last[1] else "project"
            self.add_module(name, Cell(plan, last[0], before[0], width, prepare))
            before = before if name in self.skipped else last
            last = (width * len(plan.outputs), last[1] + plan.stride - 1)
        self.act = nn.ReLU(inplace=True)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.head_drop = nn.Dropout(dropout)
        self.last_linear = nn.Linear(last[0], num_classes)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """The stages; call them in order, for each hands on what the cell before its last one made."""
        handed: dict[str, Tensor] = {}

        def stage(names: list[str]) -> Callable[[Tensor], Tensor]:
            def run(x: Tensor) -> Tensor:
                for name in names:
                    y = getattr(self, name)(x, handed.get("before", x))
                    if name not in self.skipped:
                        handed["before"] = x
                    x = y
                return self.act(x) if names is self.cells["stage3"] else x

            return run

        return {"stem": self.conv0, **{name: stage(cells) for name, cells in self.cells.items()}}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x: Tensor = self.head_drop(self.global_pool(features).flatten(1))
        return x if pre_logits else self.last_linear(x)


@register(
    VARIANTS,
    family="nasnet",
    paper=Paper(
        title="Learning Transferable Architectures for Scalable Image Recognition",
        authors="B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le",
        year=2017,
        url="https://arxiv.org/abs/1707.07012",
    ),
    summary="Searched a small cell on small images, and stacked it into networks for large ones.",
    input_size=lambda variant: (3, variant.resolution, variant.resolution),
    published={
        "nasnetamobile": {"top1": 74.0, "top5": 91.6},
        "nasnetalarge": {"top1": 82.7, "top5": 96.2},
    },
)
def nasnet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.0,
    stem: str = "imagenet",
) -> NASNet:
    """NASNet-A; ``stem="small"`` is the first convolution with stride 1."""
    return NASNet(variant, num_classes, in_channels, dropout, is_small(stem))
