"""ResNet: depth, stem, blocks, the table of networks in both stride placements, and Highway networks before it."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from .. import measure as m
from ..claim import MEASURED_EN, MEASURED_ZH, Claim, cell, less_than
from .alexnet_vgg import MISSING
from .tables import Row, cells

if TYPE_CHECKING:
    from torch import nn

CHANNELS, SIDE = 64, 56
STEM = [
    Row(label="conv", path="conv1", geometry="3x224 -> 64x112, k7 s2 p3", kb="3136", k_params="9", m_flop="118"),
    Row(label="max-pool", path="maxpool", geometry="64x112 -> 64x56, k3 s2 p1", kb="784", k_params="0", m_flop="2"),
]
# depth: blocks, slide's GFLOP and top-5 error, exact GMACs with the stride in the 3x3 and in the 1x1
TABLE = (
    (18, "2, 2, 2, 2", "1.8", "10.92", "1.814", ""),
    (34, "3, 4, 6, 3", "3.6", "8.58", "3.664", ""),
    (50, "3, 4, 6, 3", "3.8", "7.13", "4.089", "3.858"),
    (101, "3, 4, 23, 3", "7.6", "6.44", "7.801", "7.570"),
    (152, "3, 8, 36, 3", "11.3", "5.94", "11.514", "11.282"),
)
CUT = {
    34: ("cut off, not rounded: 3.664 G", "这里是截断而非四舍五入：3.664 G"),
    50: (
        "cut off, not rounded: 3.858 G with the paper's stride in the 1x1",
        "这里是截断而非四舍五入：按论文把步长放在 1×1 卷积上为 3.858 G",
    ),
}


def paper_name(depth: int) -> str:
    """The network as in the paper: with bottlenecks, the stride in the first 1x1."""
    return f"resnet{depth}_v1" if depth >= 50 else f"resnet{depth}"


def block(*layers: tuple[int, int, int]) -> nn.Module:
    """Convolutions of (in, out, kernel) that keep the size."""
    from torch import nn

    return nn.Sequential(*(nn.Conv2d(i, o, k, padding=k // 2, bias=False) for i, o, k in layers))


def in_hwc2(*layers: tuple[int, int, int]) -> float:
    """MACs of convolutions, their channels in units of C, in units of HWC^2."""
    wide = tuple((i * CHANNELS, o * CHANNELS, k) for i, o, k in layers)
    cost = m.module_cost(partial(block, *wide), (1, wide[0][0], SIDE, SIDE))
    return cost.macs / (SIDE**2 * CHANNELS**2)


def blocks(name: str) -> str:
    """Residual blocks in each stage."""
    found = {match.groups() for path in m.graph(name).modules if (match := re.fullmatch(r"layer(\d)\.(\d+)", path))}
    return ", ".join(str(sum(stage == number for stage, _ in found)) for number in "1234")


def input_widths(name: str) -> str:
    """Channels into the first block of each stage, in units of the stage's C."""
    firsts = [m.layer(name, f"layer{stage}.0.conv1") for stage in range(1, 5)]
    return ", ".join(str(layer.input_shape[1] // layer.output_shape[1]) for layer in firsts)


def output_width(name: str) -> int:
    """Channels out of a bottleneck, in units of its C."""
    return m.layer(name, "layer1.0.conv3").output_shape[1] // m.layer(name, "layer1.0.conv1").output_shape[1]


def shortcut_macs(name: str) -> int:
    """MACs of the 1x1 convolutions on shortcuts."""
    return m.macs_of(layer for layer in m.convolutions(name) if "downsample" in layer.name)


def months_between(earlier: str, later: str) -> int:
    """Months between two networks' papers, by their arXiv numbers (yymm)."""
    from ...zoo import entry

    dates = [re.search(r"(\d\d)(\d\d)\.\d+", entry(name).paper.url) for name in (earlier, later)]
    first, second = (12 * int(date[1]) + int(date[2]) for date in dates if date)
    return second - first


def highway_factor() -> float:
    """What a highway layer of the zoo makes of h(x) + x when its gate's weights are zero, so that T = 0.5."""
    import torch

    from ...zoo.highway import HighwayConv2d

    layer = HighwayConv2d(2, 3)
    with torch.no_grad():
        layer.gate.weight.zero_()
        layer.gate.bias.zero_()  # type: ignore[union-attr]
        layer.conv.weight.fill_(0.1)
        layer.conv.bias.zero_()  # type: ignore[union-attr]
        x = torch.ones(1, 2, 4, 4)
        return float((layer(x) / (layer.conv(x).relu() + x)).mean())


_cell = partial(cell, "resnet")


MEASURED = (MEASURED_EN, MEASURED_ZH)


# A claim a line, as in a table
# fmt: off
def _table() -> list[Claim]:
    claims = []
    for depth, stages, gflop, error, exact, exact_paper in TABLE:
        net, paper = f"resnet{depth}", paper_name(depth)
        claims += [
            _cell(f"{net}.blocks", f"ResNet-{depth}: blocks per stage", f"ResNet-{depth}：各阶段的块数", stages, "", partial(blocks, net)),
            _cell(f"{net}.depth", f"ResNet-{depth}: layers with weights", f"ResNet-{depth}：带权重的层数", str(depth), "layers", partial(m.depth, net)),
            _cell(f"{net}.gflop", f"ResNet-{depth}: FLOPs, as in the paper", f"ResNet-{depth}：FLOPs（论文的网络）", gflop, "G MACs", partial(m.macs, paper), why=CUT.get(depth, ("", ""))),
            _cell(f"{net}.error", f"ResNet-{depth}: top-5 error (torchvision's weights)", f"ResNet-{depth}：top-5 错误率（torchvision 权重）", error, "%", None, why=MEASURED),
            _cell(f"{net}.macs", f"ResNet-{depth}: MACs of torchvision's, stride in the 3x3", f"ResNet-{depth}：torchvision 版（步长在 3×3 上）的乘加次数", exact, "G MACs", partial(m.macs, net), "arithmetic"),
        ]
        if exact_paper:
            claims.append(_cell(f"{net}.macs_paper", f"ResNet-{depth}: MACs of the paper's, stride in the 1x1", f"ResNet-{depth}：论文版（步长在 1×1 上）的乘加次数", exact_paper, "G MACs", partial(m.macs, paper), "arithmetic"))
    return claims


CLAIMS = [
    _cell("depth", "an unprecedented depth", "将网络加深到了一个前所未有的深度", "152", "layers", partial(m.depth, "resnet152"), "text"),
    Claim(
        id="resnet.before",
        section="resnet",
        text_en="networks before it had twenty-odd layers at most: the deepest of AlexNet, VGG and GoogLeNet",
        text_zh="之前的网络最多就 20 多层：AlexNet、VGG 与 GoogLeNet 中最深者",
        published=less_than("30", "layers"),
        compute=lambda: max(m.depth(name) for name in ("alexnet_2012", "vgg19", "googlenet_2014")),
        found="text",
    ),
    _cell(
        "highway.months",
        "Highway networks came about four months before ResNet",
        "大概在 ResNet 提出前 4 个月出现了 Highway Network",
        "4",
        "months",
        partial(months_between, "highway19", "resnet50"),
        "text",
        ('five, from the preprint of the paper that the notes cite (arXiv, July 2015) to that of ResNet (December 2015); "Highway Networks" itself is of May', "从笔记所引论文的预印本（arXiv 2015 年 7 月）到 ResNet（2015 年 12 月）为五个月；最早的《Highway Networks》发表于 5 月"),
    ),
    _cell("highway.half", "at T(x) = 0.5 a highway layer is a scaled residual: y = 0.5 H + 0.5 x", "当 T(x) = 0.5 时，形式等价于缩放后的 residual：y = 0.5H + 0.5x", "0.5", "", highway_factor, "text"),
    *cells(STEM, table="resnet_stem", section="resnet", network="resnet50_v1"),
    _cell("stem.side", "the stem brings the image to a quarter of its side", "stem 将输入图像变为原图的 1/4", "4", "x", lambda: m.cost("resnet50").input_shape[-1] // m.layer("resnet50", "maxpool").output_shape[-1], "text"),
    _cell("basic.first", "basic block, first 3x3", "Basic Block 的第一个 3×3", "9", "HWC^2", partial(in_hwc2, (1, 1, 3))),
    _cell("basic", "basic block: 9 + 9", "Basic Block：9 + 9", "18", "HWC^2", partial(in_hwc2, (1, 1, 3), (1, 1, 3))),
    _cell("bottleneck.reduce", "bottleneck, 1x1 from 4C to C", "Bottleneck 的 1×1（4C→C）", "4", "HWC^2", partial(in_hwc2, (4, 1, 1))),
    _cell("bottleneck.middle", "bottleneck, 3x3 from C to C", "Bottleneck 的 3×3（C→C）", "9", "HWC^2", partial(in_hwc2, (1, 1, 3))),
    _cell("bottleneck.expand", "bottleneck, 1x1 from C to 4C", "Bottleneck 的 1×1（C→4C）", "4", "HWC^2", partial(in_hwc2, (1, 4, 1))),
    _cell("bottleneck", "bottleneck: 4 + 9 + 4", "Bottleneck：4 + 9 + 4", "17", "HWC^2", partial(in_hwc2, (4, 1, 1), (1, 1, 3), (1, 4, 1))),
    _cell("bottleneck.width", "a bottleneck has four times the channels of the basic block", "Bottleneck 的通道数增加到了四倍", "4", "x C", partial(output_width, "resnet50"), "text"),
    _cell(
        "bottleneck.input",
        "but into the first block of each stage come 2C",
        "除了每个 stage 第一个 residual 块的输入是 2C",
        "2, 2, 2, 2",
        "x C",
        partial(input_widths, "resnet50"),
        "text",
        ("true of stages 2 to 4; stage 1 gets the stem's 64 channels, which is C", "第 2 至 4 阶段如此；第 1 阶段的输入是 stem 的 64 通道，即 C"),
    ),
    *_table(),
    _cell("vgg.gflop", "VGG-16 in the same table: FLOPs", "同一表中的 VGG-16：FLOPs", "13.6", "G MACs", partial(m.macs, "vgg16"), why=MISSING),
    _cell("vgg.error", "VGG-16: top-5 error (torchvision's weights)", "VGG-16：top-5 错误率（torchvision 权重）", "9.62", "%", None, why=MEASURED),
    _cell("spoken.error", '"5.85 % down to 7.13 %" from ResNet-34 to ResNet-50', "从 ResNet-34 到 ResNet-50：“5.85% 降到 7.13%”", "5.85", "%", None, "spoken", ("a mis-hearing in the transcript: the slide has 8.58; " + MEASURED_EN, "转写听错：幻灯片上是 8.58；" + MEASURED_ZH)),
    Claim(id="resnet.efficiency", section="resnet", text_en="ResNets compute less than VGG-16: the deepest against it", text_zh="ResNet 相对于 VGG 有较高的计算效率：最深的 ResNet 与 VGG-16 之比", published=less_than("1", "x"), compute=lambda: m.cost("resnet152_v1").macs / m.cost("vgg16").macs, found="text"),
    Claim(
        id="resnet.fifty_shortcuts",
        section="resnet",
        text_en="ResNet-50 takes slightly more FLOPs than ResNet-34 (the notes: 32) because of its 1x1 convolutions on shortcuts: the two without these",
        text_zh="ResNet-50 的 FLOPs 略高于 ResNet-34（笔记误作 32），因为前者在 shortcut 上的 1×1 卷积更大：两者都去掉 shortcut 卷积之比",
        published=less_than("1", "x"),
        compute=lambda: (m.cost("resnet50_v1").macs - shortcut_macs("resnet50_v1")) / (m.cost("resnet34").macs - shortcut_macs("resnet34")),
        found="text",
    ),
]
