"""ResNeXt: the equal-cost equation and its solutions, grouped and depthwise convolutions."""

from __future__ import annotations

from functools import cache, partial
from math import sqrt
from typing import TYPE_CHECKING

from ...analysis.cost import Cost
from .. import measure as m
from ..claim import MEASURED_EN, MEASURED_ZH, Claim, cell, printed

if TYPE_CHECKING:
    from torch import nn

CHANNELS, SIDE = 64, 56  # the slide's C; the side cancels out
# groups: width of a group as solved, on the slide or in the paper
SOLUTIONS = ((2, "39.95", "40"), (4, "23.93", "24"), (8, "13.70", "14"), (32, "3.97", "4"))


def bottleneck(groups: int, width: int) -> nn.Module:
    """1x1 from 4C to ``groups`` x ``width``, 3x3 in groups, 1x1 to 4C."""
    from torch import nn

    middle = groups * width
    return nn.Sequential(
        nn.Conv2d(4 * CHANNELS, middle, 1, bias=False),
        nn.Conv2d(middle, middle, 3, padding=1, groups=groups, bias=False),
        nn.Conv2d(middle, 4 * CHANNELS, 1, bias=False),
    )


@cache
def block_cost(groups: int, width: int) -> Cost:
    """The cost of such a bottleneck."""
    return m.module_cost(partial(bottleneck, groups, width), (1, 4 * CHANNELS, SIDE, SIDE))


def macs(groups: int, width: int) -> float:
    """MACs of such a bottleneck for each position of the map."""
    return block_cost(groups, width).macs / SIDE**2


def solved_width(groups: int) -> float:
    """The width at which ``groups`` groups cost as much as the plain bottleneck.

    The cost is quadratic in the width and nothing at zero, so that two built blocks determine it.
    """
    at_one, at_two = macs(groups, 1), macs(groups, 2)
    square = (at_two - 2 * at_one) / 2
    linear = at_one - square
    return (sqrt(linear**2 + 4 * square * macs(1, CHANNELS)) - linear) / (2 * square)


def coefficient(kind: str) -> float:
    """Of one path's cost (8Cc + 9c^2): the factor of Cc, or of c^2."""
    width = 4
    cost = block_cost(1, width)
    edges = m.macs_of([cost.layers[0], cost.layers[2]]) / SIDE**2
    return edges / (CHANNELS * width) if kind == "Cc" else cost.layers[1].macs / SIDE**2 / width**2


def grouped(groups: int, channels: int = 64) -> Cost:
    """A 3x3 convolution in groups."""
    from torch import nn

    return m.module_cost(lambda: nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False), (1, channels, SIDE, SIDE))


def saving(groups: int) -> float:
    """MACs of an ordinary 3x3 convolution against those of a grouped one."""
    return grouped(1).macs / grouped(groups).macs


def whole_width(groups: int) -> int:
    """The solution as a whole number of channels."""
    return round(solved_width(groups))


def without_g(groups: int) -> float:
    """Cost of the block that solves 8Cc + 9c^2 - 17C^2 = 0, the equation without G, against the plain bottleneck's."""
    width = round(solved_width(1))
    return macs(groups, width) / macs(1, CHANNELS)


def largest_departure(depth: int) -> float:
    """How far the networks of the equal-cost series depart from ResNet's MACs, at most."""
    base = m.cost(f"resnext{depth}_1x64d").macs
    series = (f"resnext{depth}_{variant}" for variant in ("2x40d", "4x24d", "8x14d", "32x4d"))
    return max(abs(m.cost(name).macs / base - 1) for name in series)


_cell = partial(cell, "resnext")


ERRORS = (
    (50, (("1x64", "23.9"), ("2x40", "23.0"), ("4x24", "22.6"), ("8x14", "22.3"), ("32x4", "22.2"))),
    (101, (("1x64", "22.0"), ("2x40", "21.7"), ("4x24", "21.4"), ("8x14", "21.3"), ("32x4", "21.2"))),
)


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    _cell("plain", "bottleneck with C = 64: 17C^2 for each position", "C = 64 的 Bottleneck：每个位置 17C²", "69,632", "MACs", lambda: int(macs(1, CHANNELS)), "arithmetic"),
    _cell("path.edges", "a path: 4HWCc and 4HWCc of its 1x1 convolutions", "一条路径：两个 1×1 卷积各 4HWCc", "8", "HWCc", partial(coefficient, "Cc")),
    _cell("path.middle", "a path: 9HWc^2 of its 3x3 convolution", "一条路径：3×3 卷积 9HWc²", "9", "HWc^2", partial(coefficient, "cc")),
    _cell("equation", "G paths cost (8Cc + 9c^2)HWG: G = 4, c = 24, for each position", "G 条路径：(8Cc + 9c²)HWG；G = 4、c = 24 时每个位置", "69,888", "MACs", lambda: int(macs(4, 24)), "arithmetic"),
    _cell("equation.32", "G paths cost (8Cc + 9c^2)HWG: G = 32, c = 4, for each position", "G 条路径：(8Cc + 9c²)HWG；G = 32、c = 4 时每个位置", "70,144", "MACs", lambda: int(macs(32, 4)), "arithmetic"),
    _cell("excess.4", "G = 4, c = 24 costs more than the bottleneck by", "G = 4、c = 24 比 Bottleneck 多", "0.37", "%", lambda: macs(4, 24) / macs(1, CHANNELS) - 1, "arithmetic"),
    _cell("excess.32", "G = 32, c = 4 costs more than the bottleneck by", "G = 32、c = 4 比 Bottleneck 多", "0.74", "%", lambda: macs(32, 4) / macs(1, CHANNELS) - 1, "arithmetic"),
    *(
        claim
        for groups, solved, whole in SOLUTIONS
        for claim in (
            _cell(f"solution.{groups}", f"9Gc^2 + 8GCc - 17C^2 = 0 for C = 64, G = {groups}: c", f"9Gc² + 8GCc − 17C² = 0，C = 64、G = {groups}：c", solved, "channels", partial(solved_width, groups), "arithmetic"),
            _cell(f"width.{groups}", f"C = 64, G = {groups}: c as a whole number", f"C = 64、G = {groups}：取整后的 c", whole, "channels", partial(whole_width, groups), "slide" if groups in (4, 32) else "paper"),
        )
    ),
    Claim(id="resnext.gc", section="resnext", text_en="Gc is not C: its value for G = 4, against C = 64", text_zh="注意这里 Gc ≠ C：G = 4 时的值与 C = 64 之比", published=printed("1", "x", relation=">"), compute=lambda: 4 * round(solved_width(4)) / CHANNELS, found="text"),
    _cell(
        "without_g",
        "8Cc + 9c^2 - 17C^2 = 0, without G: cost of its solution at G = 4",
        "8Cc + 9c² − 17C² = 0（漏掉 G）：其解在 G = 4 时的计算量",
        "1",
        "x",
        partial(without_g, 4),
        "other notes",
        ("right for G = 1 only, where c = C; with four groups that c costs four times as much", "只在 G = 1 时成立（此时 c = C）；四组时该 c 的计算量是四倍"),
    ),
    *(_cell(f"grouped.{groups}", f"a grouped convolution costs C_out·C_in·K²·HW / G: saving with G = {groups}", f"分组卷积计算量为 C_out·C_in·K²·HW / G：G = {groups} 时降低", str(groups), "x", partial(saving, groups), "slide") for groups in (4, 32)),
    _cell("depthwise", "a depthwise convolution is the grouped one with G = C_in: saving with 64 channels", "Depthwise Convolution 就是 G = C_in 的分组卷积：64 通道时降低", "64", "x", partial(saving, CHANNELS), "text"),
    *(
        Claim(
            id=f"resnext.equal{depth}",
            section="resnext",
            text_en=f"at equal compute, more groups: largest departure of 2x40d to 32x4d from 1x64d, at {depth} layers",
            text_zh=f"在同等计算量下增加分组数：{depth} 层时 2x40d 至 32x4d 与 1x64d 的最大偏差",
            published=printed("5", "%", relation="<"),
            compute=partial(largest_departure, depth),
            found="text",
        )
        for depth in (50, 101)
    ),
    *(_cell(f"error.{depth}.{variant}", f"ResNeXt-{depth} {variant}d: top-1 error", f"ResNeXt-{depth} {variant}d：top-1 错误率", text, "%", None, why=(MEASURED_EN, MEASURED_ZH)) for depth, row in ERRORS for variant, text in row),
]
