"""The lecture's totals of AlexNet and VGG-16, and the VGG with a convolution too few that they come from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from ...analysis.cost import Cost, LayerCost
from .. import measure as m
from ..claim import cell

SIZE = 227  # the lecture's AlexNet
MISSING_EN = "the slide's VGG-16 has two convolutions in stage 3; the real one has three"
MISSING_ZH = "幻灯片上的 VGG-16 第 3 阶段只有两个卷积层，实际有三个"


@cache
def slide_vgg() -> Cost:
    """VGG-16 as on the slide, with two convolutions in stage 3."""
    from ...zoo.vgg import VGG, Variant

    build = partial(VGG, Variant(depths=(2, 2, 2, 3, 3)), num_classes=1000, in_channels=3, dropout=0.5)
    return m.module_cost(build, (1, 3, 224, 224))


@cache
def c3d() -> Cost:
    """C3D (Tran et al. 2015): eight 3x3x3 convolutions on 16 frames of 112x112, and three linear layers."""
    from torch import nn

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        previous = 3
        for width, pool in ((64, (1, 2, 2)), (128, 2), (256, 0), (256, 2), (512, 0), (512, 2), (512, 0), (512, 2)):
            layers += [nn.Conv3d(previous, width, 3, padding=1), nn.ReLU()]
            if pool:
                layers.append(nn.MaxPool3d(pool, ceil_mode=True))
            previous = width
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8192, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 487))

    return m.module_cost(build, (1, 3, 16, 112, 112))


def alexnet() -> Cost:
    """AlexNet at the lecture's size."""
    return m.cost("alexnet", SIZE)


def vgg() -> Cost:
    """The real VGG-16."""
    return m.cost("vgg16")


def conv_memory(cost: Cost, *more: str) -> int:
    """Bytes that the convolutions (and layers of ``more`` ops) put out."""
    return m.memory_of(m.of_ops(cost, "conv2d", *more))


def of_stage(quantity: Callable[[list[LayerCost]], int], stage: str) -> int:
    """A sum over the convolutions of one stage of the slide's VGG."""
    return quantity([layer for layer in m.of_ops(slide_vgg(), "conv2d") if layer.stage == stage])


_cell = partial(cell, "alexnet_vgg")


MISSING = (MISSING_EN, MISSING_ZH)
OF_ROUNDED = (
    "13.6 / 0.7 of the rounded values; exact values of the same two networks give 19.0",
    "由四舍五入后的 13.6/0.7 得到；同样两个网络的精确值之比为 19.0",
)


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    _cell("memory.alexnet", "memory of AlexNet's convolutions (pools left out)", "AlexNet 卷积层的内存（不含池化）", "1.9", "MB", lambda: conv_memory(alexnet())),
    _cell("memory.alexnet.exact", "memory of AlexNet's convolutions (pools left out), with more digits", "AlexNet 卷积层的内存（不含池化），更多位数", "1.877", "MB", lambda: conv_memory(alexnet()), "arithmetic"),
    _cell("memory.alexnet.fc", "memory of AlexNet's convolutions (pools left out), with linear layers", "AlexNet 卷积层的内存（不含池化），含全连接层", "1.912", "MB", lambda: conv_memory(alexnet(), "linear"), "arithmetic"),
    _cell("memory.vgg", "memory of VGG-16's convolutions", "VGG-16 卷积层的内存", "48.6", "MB", lambda: conv_memory(vgg()), why=MISSING),
    _cell("memory.slide_vgg", "memory of VGG-16's convolutions (VGG-16 as on the slide)", "VGG-16 卷积层的内存（幻灯片版 VGG）", "48.6", "MB", lambda: conv_memory(slide_vgg())),
    _cell("memory.slide_vgg.exact", "memory of VGG-16's convolutions (VGG-16 as on the slide), with more digits", "VGG-16 卷积层的内存（幻灯片版 VGG），更多位数", "48.617", "MB", lambda: conv_memory(slide_vgg()), "arithmetic"),
    _cell("memory.slide_vgg.fc", "memory of VGG-16's convolutions (VGG-16 as on the slide), with linear layers", "VGG-16 卷积层的内存（幻灯片版 VGG），含全连接层", "48.652", "MB", lambda: conv_memory(slide_vgg(), "linear"), "arithmetic"),
    _cell("memory.vgg.exact", "memory of the real VGG-16's convolutions", "真实 VGG-16 卷积层的内存", "51.68", "MB", lambda: conv_memory(vgg()), "arithmetic"),
    _cell("memory.vgg.all", "memory of the real VGG-16's convolutions, with linear layers and poolings", "真实 VGG-16 卷积层的内存，含全连接层与池化层", "57.55", "MB", lambda: conv_memory(vgg(), "linear", "max_pool2d"), "arithmetic"),
    _cell("memory.ratio", "memory, VGG-16 against AlexNet", "内存，VGG-16 与 AlexNet 之比", "25", "x", lambda: conv_memory(vgg()) / conv_memory(alexnet()), why=MISSING),
    _cell("memory.slide_ratio", "memory, VGG-16 against AlexNet (VGG-16 as on the slide)", "内存，VGG-16 与 AlexNet 之比（幻灯片版 VGG）", "25", "x", lambda: conv_memory(slide_vgg()) / conv_memory(alexnet()), why=("25.9: cut off, or taken with the linear layers (25.4)", "实为 25.9：被截断，或计入了全连接层（25.4）")),
    _cell("memory.slide_ratio.fc", "memory, VGG-16 against AlexNet (VGG-16 as on the slide), with linear layers", "内存，VGG-16 与 AlexNet 之比（幻灯片版 VGG），含全连接层", "25", "x", lambda: conv_memory(slide_vgg(), "linear") / conv_memory(alexnet(), "linear")),
    _cell("params.alexnet", "parameters of AlexNet", "AlexNet 的参数量", "61", "M params", lambda: alexnet().params),
    _cell("params.alexnet.exact", "parameters of AlexNet, exact", "AlexNet 的参数量，精确值", "61,100,840", "params", lambda: alexnet().params, "arithmetic"),
    _cell("params.vgg", "parameters of VGG-16", "VGG-16 的参数量", "138", "M params", lambda: vgg().params),
    _cell("params.vgg.exact", "parameters of VGG-16, exact", "VGG-16 的参数量，精确值", "138,357,544", "params", lambda: vgg().params, "arithmetic"),
    _cell("params.slide_vgg.exact", "parameters of VGG-16 (VGG-16 as on the slide)", "VGG-16 的参数量（幻灯片版 VGG）", "137,767,464", "params", lambda: slide_vgg().params, "arithmetic"),
    _cell("params.ratio", "parameters, VGG-16 against AlexNet", "参数量，VGG-16 与 AlexNet 之比", "2.3", "x", lambda: vgg().params / alexnet().params),
    _cell("macs.alexnet", "FLOPs of AlexNet (1 = multiply + add)", "AlexNet 的 FLOPs（乘加算一次）", "0.7", "G MACs", lambda: alexnet().macs),
    _cell("macs.alexnet.exact", "FLOPs of AlexNet (1 = multiply + add), with more digits", "AlexNet 的 FLOPs（乘加算一次），更多位数", "0.7168", "G MACs", lambda: alexnet().macs, "arithmetic"),
    _cell("macs.vgg", "FLOPs of VGG-16", "VGG-16 的 FLOPs", "13.6", "G MACs", lambda: vgg().macs, why=MISSING),
    _cell("macs.slide_vgg", "FLOPs of VGG-16 (VGG-16 as on the slide)", "VGG-16 的 FLOPs（幻灯片版 VGG）", "13.6", "G MACs", lambda: slide_vgg().macs),
    _cell("macs.slide_vgg.exact", "FLOPs of VGG-16 (VGG-16 as on the slide), with more digits", "VGG-16 的 FLOPs（幻灯片版 VGG），更多位数", "13.6206", "G MACs", lambda: slide_vgg().macs, "arithmetic"),
    _cell("macs.vgg.exact", "FLOPs of the real VGG-16", "真实 VGG-16 的 FLOPs", "15.470", "G MACs", lambda: vgg().macs, "arithmetic"),
    _cell("macs.vgg.short", "FLOPs of the real VGG-16, as often quoted", "真实 VGG-16 的 FLOPs，常见引用值", "15.47", "G MACs", lambda: vgg().macs, "arithmetic"),
    _cell("macs.ratio", "FLOPs, VGG-16 against AlexNet", "FLOPs，VGG-16 与 AlexNet 之比", "19.4", "x", lambda: vgg().macs / alexnet().macs, why=MISSING),
    _cell("macs.slide_ratio", "FLOPs, VGG-16 against AlexNet (VGG-16 as on the slide)", "FLOPs，VGG-16 与 AlexNet 之比（幻灯片版 VGG）", "19.4", "x", lambda: slide_vgg().macs / alexnet().macs, why=OF_ROUNDED),
    _cell("macs.slide_ratio.exact", "FLOPs, VGG-16 against AlexNet (VGG-16 as on the slide), from exact values", "FLOPs，VGG-16 与 AlexNet 之比（幻灯片版 VGG），由精确值计算", "19.0", "x", lambda: slide_vgg().macs / alexnet().macs, "arithmetic"),
    _cell("macs.ratio.exact", "the real VGG-16 against AlexNet", "真实 VGG-16 与 AlexNet 之比", "21.6", "x", lambda: vgg().macs / alexnet().macs, "arithmetic"),
    _cell("macs.ratio.224", "the real VGG-16 against AlexNet, with AlexNet at 224", "真实 VGG-16 与 AlexNet 之比，AlexNet 输入 224", "21.66", "x", lambda: vgg().macs / m.cost("alexnet").macs, "arithmetic"),
    _cell(
        "macs.c3d", "FLOPs of C3D, on 16 frames of 112x112", "C3D 的 FLOPs（16 帧 112×112）", "39.5", "G MACs", lambda: c3d().macs, "other notes", why=("its convolutions have 38.50 G and its linear layers 0.05 G; where the other 0.9 G come from was not found", "卷积层 38.50 G，全连接层 0.05 G；其余 0.9 G 的来源不明")
    ),
    _cell("bars.conv3.memory", "bar chart: memory of stage 3", "柱状图：第 3 阶段的内存", "6,270", "KB", lambda: of_stage(m.memory_of, "56x56"), within=5),
    _cell("bars.conv3.macs", "bar chart: FLOPs of stage 3", "柱状图：第 3 阶段的 FLOPs", "2,775", "M MACs", lambda: of_stage(m.macs_of, "56x56"), within=5),
    _cell("bars.conv4.macs", "bar chart: FLOPs of stage 4", "柱状图：第 4 阶段的 FLOPs", "4,620", "M MACs", lambda: of_stage(m.macs_of, "28x28"), within=5),
]
