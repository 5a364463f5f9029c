"""MobileNet: depthwise and pointwise convolutions instead of a standard one, in compute and in memory traffic."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from ...analysis.cost import Cost
from .. import measure as m
from ..claim import Claim, cell, less_than, more_than

if TYPE_CHECKING:
    from torch import nn

SIDE = 56


@cache
def block(kind: str, channels: int) -> Cost:
    """A depthwise, a pointwise or a standard 3x3 convolution from C to C channels, or the first two in turn."""
    from torch import nn

    def build() -> nn.Module:
        depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        standard = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        return {
            "depthwise": depthwise,
            "pointwise": pointwise,
            "standard": standard,
            "separable": nn.Sequential(depthwise, pointwise),
        }[kind]

    return m.module_cost(build, (1, channels, SIDE, SIDE))


def in_units(kind: str, power: int, channels: int = 64) -> float:
    """MACs in units of C^power x HW."""
    return float(block(kind, channels).macs / (channels**power * SIDE**2))


def speedup(channels: int) -> float:
    """MACs of the standard convolution against those of the separable one."""
    return block("standard", channels).macs / block("separable", channels).macs


def rest_after_pointwise(channels: int = 64) -> float:
    """What is left of (9C + C^2)HW after C^2HW, in units of CHW."""
    return (block("separable", channels).macs - block("pointwise", channels).macs) / (channels * SIDE**2)


def traffic_for_compute(kind: str) -> float:
    """Bytes moved for each MAC."""
    return block(kind, 256).bytes_moved / block(kind, 256).macs


_cell = partial(cell, "mobilenet")


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    _cell("depthwise", "depthwise 3x3: 9CHW", "Depthwise 3×3：9CHW", "9", "CHW", partial(in_units, "depthwise", 1)),
    _cell("pointwise", "pointwise 1x1: C^2HW", "Pointwise 1×1：C²HW", "1", "C^2HW", partial(in_units, "pointwise", 2)),
    _cell("separable", "both: (9C + C^2)HW, beyond the C^2HW", "两者之和 (9C + C²)HW 中除 C²HW 外", "9", "CHW", rest_after_pointwise),
    _cell("standard", "standard 3x3: 9C^2HW", "普通 3×3：9C²HW", "9", "C^2HW", partial(in_units, "standard", 2), "arithmetic"),
    *(_cell(f"speedup.{channels}", f"9C / (9 + C) times fewer FLOPs, C = {channels}", f"FLOPs 减少到 1/(9C/(9+C))，C = {channels}", text, "x", partial(speedup, channels), "arithmetic") for channels, text in ((64, "7.89"), (128, "8.41"), (256, "8.69"), (512, "8.84"))),
    _cell("speedup.limit", "which tends to 9 for many channels: C = 100,000", "通道数很多时趋于 9：C = 100000", "9", "x", partial(speedup, 100_000), "arithmetic", within=0.01),
    Claim(id="mobilenet.less", section="mobilenet", text_en="a light network: MACs of MobileNet V1 against ResNet-18", text_zh="轻量级网络：MobileNet V1 的乘加次数与 ResNet-18 之比", published=less_than("1", "x"), compute=lambda: m.cost("mobilenet_v1").macs / m.cost("resnet18").macs, found="text"),
    Claim(
        id="mobilenet.traffic",
        section="mobilenet",
        text_en="few FLOPs need not mean short times: bytes that a depthwise convolution moves for each MAC, against a standard one (C = 256)",
        text_zh="低 FLOPs 未必就有低推理时间：同等计算量下 Depthwise Convolution 的访存量与普通卷积之比（C = 256）",
        published=more_than("1", "x"),
        compute=lambda: traffic_for_compute("depthwise") / traffic_for_compute("standard"),
        found="text",
    ),
]
