"""GoogLeNet's stem and head against VGG-16's, and what stands behind the pooling of an Inception module."""

from __future__ import annotations

from functools import partial

from ...analysis.cost import LayerCost
from .. import measure as m
from ..claim import cell
from .alexnet_vgg import MISSING, slide_vgg
from .tables import Row, cells

NET = "googlenet_2014"
POOL = (
    "the paper's network rounds sizes up instead of padding (`ceil_mode`); the maps are of the same size",
    "论文网络不补零，而是向上取整（`ceil_mode`）；特征图大小相同",
)
FC_MEMORY = (
    "1000 outputs take 3.9 KB; the table prints 4 KB for VGG-16's fc8",
    "1000 个输出占 3.9KB；表中 VGG-16 的 fc8 写的是 4KB",
)
STEM = [
    Row(label="conv1", path="conv1.conv", geometry="3x224 -> 64x112, k7 s2 p3", kb="3136", k_params="9", m_flop="118"),
    Row(
        label="max-pool1",
        path="maxpool1",
        geometry="64x112 -> 64x56, k3 s2 p1",
        kb="784",
        k_params="0",
        m_flop="2",
        whys={"geometry": POOL},
    ),
    Row(label="conv2", path="conv2.conv", geometry="64x56 -> 64x56, k1 s1 p0", kb="784", k_params="4", m_flop="13"),
    Row(label="conv3", path="conv3.conv", geometry="64x56 -> 192x56, k3 s1 p1", kb="2352", k_params="111", m_flop="347"),
    Row(
        label="max-pool2",
        path="maxpool2",
        geometry="192x56 -> 192x28, k3 s2 p1",
        kb="588",
        k_params="0",
        m_flop="1",
        whys={"geometry": POOL},
    ),
]
HEAD = [
    Row(label="avg-pool", path="avgpool", geometry="1024x7 -> 1024x1, k7 s7 p0", kb="4", k_params="0", m_flop="0"),
    Row(label="fc", path="fc", geometry="1024 -> 1000", kb="0", k_params="1025", m_flop="1", whys={"memory": FC_MEMORY}),
]
VGG_HEAD = [
    Row(label="flatten", path="", geometry="512x7 -> 25088", kb="98", k_params="0", m_flop="0"),
    Row(label="fc6", path="classifier.0", geometry="25088 -> 4096", kb="16", k_params="102760", m_flop="103", bias=False),
    Row(label="fc7", path="classifier.3", geometry="4096 -> 4096", kb="16", k_params="16777", m_flop="17", bias=False),
    Row(label="fc8", path="classifier.6", geometry="4096 -> 1000", kb="4", k_params="4096", m_flop="4", bias=False),
]


def stem() -> list[LayerCost]:
    """GoogLeNet from the image to its first map of 28x28."""
    return m.until_map(NET, 28)


def vgg() -> list[LayerCost]:
    """VGG-16's convolutions up to the same size."""
    return [layer for layer in m.until_map("vgg16", 28) if layer.op == "conv2d"]


def vgg_of_slide() -> list[LayerCost]:
    """The same of the slide's VGG, which lacks one."""
    return [layer for layer in m.of_ops(slide_vgg(), "conv2d") if layer.stage in ("224x224", "112x112", "56x56")]


def halved() -> float:
    """The stem's MACs if its first convolution cost half."""
    return m.macs_of(stem()) - m.macs_of(stem()[:1]) / 2


def projections_that_widen() -> int:
    """Inception modules whose 1x1 convolution behind the pooling has more outputs than inputs."""
    found = [layer for layer in m.convolutions(NET) if ".branch4." in layer.name]
    return sum(layer.output_shape[1] > layer.input_shape[1] for layer in found)


_cell = partial(cell, "googlenet")


CONV1 = (
    "the rows add up to 478 (481 with the poolings); 418 comes out if the first convolution counts half",
    "各行之和为 478（含池化 481）；若第一个卷积只算一半才得到 418",
)


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    *cells(STEM, table="googlenet_stem", section="googlenet", network=NET),
    _cell("stem.memory", "stem, total memory (poolings included)", "stem 总内存（含池化）", "7.5", "MB", lambda: m.memory_of(stem())),
    _cell("stem.memory.kb", "stem, total memory (poolings included), in KB", "stem 总内存（含池化），以 KB 计", "7,644", "KB", lambda: m.memory_of(stem()), "arithmetic"),
    _cell("stem.memory.exact", "stem, total memory (poolings included), with more digits", "stem 总内存（含池化），更多位数", "7.46", "MB", lambda: m.memory_of(stem()), "arithmetic"),
    _cell("stem.params", "stem, total parameters", "stem 总参数量", "124", "k params", lambda: m.params_of(stem())),
    _cell("stem.params.exact", "stem, total parameters, exact", "stem 总参数量，精确值", "124,416", "params", lambda: m.params_of(stem()), "arithmetic"),
    _cell("stem.macs", "stem, total FLOPs", "stem 总 FLOPs", "418", "M MACs", lambda: m.macs_of(stem()), why=CONV1),
    _cell("stem.macs.exact", "stem, FLOPs of its convolutions", "stem 卷积层的 FLOPs", "478", "M MACs", lambda: m.macs_of(stem()), "arithmetic"),
    _cell("stem.macs.pools", "stem, FLOPs of its convolutions, with its poolings", "stem 卷积层的 FLOPs，含池化", "481", "M operations", lambda: m.total(stem(), m.operations), "arithmetic"),
    _cell("stem.macs.half_conv1", "stem, half of the first convolution's FLOPs", "stem 第一个卷积 FLOPs 的一半", "59", "M MACs", lambda: m.macs_of(stem()[:1]) / 2, "arithmetic"),
    _cell("stem.macs.halved", "the stem with half of its first convolution", "第一个卷积只算一半时的 stem", "419", "M MACs", halved, "arithmetic"),
    _cell("vgg.memory", "VGG-16 down to 28x28: memory", "VGG-16 降到 28×28：内存", "42.9", "MB", lambda: m.memory_of(vgg()), why=MISSING),
    _cell("vgg.memory.slide", "VGG-16 down to 28x28: memory (VGG-16 as on the slide)", "VGG-16 降到 28×28：内存（幻灯片版 VGG）", "42.9", "MB", lambda: m.memory_of(vgg_of_slide())),
    _cell("vgg.memory.slide.exact", "VGG-16 down to 28x28: memory (VGG-16 as on the slide), with more digits (poolings left out, unlike in the stem)", "VGG-16 降到 28×28：内存（幻灯片版 VGG），更多位数（不含池化，与 stem 不同）", "42.875", "MB", lambda: m.memory_of(vgg_of_slide()), "arithmetic"),
    _cell("vgg.memory.exact", "the real VGG-16 down to 28x28: memory", "真实 VGG-16 降到 28×28：内存", "45.94", "MB", lambda: m.memory_of(vgg()), "arithmetic"),
    _cell("vgg.params", "VGG-16 down to 28x28: parameters", "VGG-16 降到 28×28：参数量", "1.1", "M params", lambda: m.params_of(vgg()), why=MISSING),
    _cell("vgg.params.slide", "VGG-16 down to 28x28: parameters (VGG-16 as on the slide)", "VGG-16 降到 28×28：参数量（幻灯片版 VGG）", "1.1", "M params", lambda: m.params_of(vgg_of_slide())),
    _cell("vgg.params.slide.exact", "VGG-16 down to 28x28: parameters (VGG-16 as on the slide), exact", "VGG-16 降到 28×28：参数量（幻灯片版 VGG），精确值", "1,145,408", "params", lambda: m.params_of(vgg_of_slide()), "arithmetic"),
    _cell("vgg.params.exact", "the real VGG-16 down to 28x28: parameters", "真实 VGG-16 降到 28×28：参数量", "1,735,488", "params", lambda: m.params_of(vgg()), "arithmetic"),
    _cell("vgg.macs", "VGG-16 down to 28x28: FLOPs", "VGG-16 降到 28×28：FLOPs", "7485", "M MACs", lambda: m.macs_of(vgg()), why=MISSING),
    _cell("vgg.macs.slide", "VGG-16 down to 28x28: FLOPs (VGG-16 as on the slide)", "VGG-16 降到 28×28：FLOPs（幻灯片版 VGG）", "7485", "M MACs", lambda: m.macs_of(vgg_of_slide())),
    _cell("vgg.macs.slide.exact", "VGG-16 down to 28x28: FLOPs (VGG-16 as on the slide), exact", "VGG-16 降到 28×28：FLOPs（幻灯片版 VGG），精确值", "7,485,456,384", "MACs", lambda: m.macs_of(vgg_of_slide()), "arithmetic"),
    _cell("vgg.macs.exact", "the real VGG-16 down to 28x28: MACs", "真实 VGG-16 降到 28×28：乘加次数", "9,335,144,448", "MACs", lambda: m.macs_of(vgg()), "arithmetic"),
    _cell("ratio.memory", "memory, VGG-16 against the stem", "内存，VGG-16 与 stem 之比", "5.7", "x", lambda: m.memory_of(vgg()) / m.memory_of(stem()), why=MISSING),
    _cell("ratio.memory.slide", "memory, VGG-16 against the stem (VGG-16 as on the slide)", "内存，VGG-16 与 stem 之比（幻灯片版 VGG）", "5.7", "x", lambda: m.memory_of(vgg_of_slide()) / m.memory_of(stem())),
    _cell("ratio.params", "parameters, VGG-16 against the stem", "参数量，VGG-16 与 stem 之比", "8.9", "x", lambda: m.params_of(vgg()) / m.params_of(stem()), why=MISSING),
    _cell("ratio.params.slide", "parameters, VGG-16 against the stem (VGG-16 as on the slide)", "参数量，VGG-16 与 stem 之比（幻灯片版 VGG）", "8.9", "x", lambda: m.params_of(vgg_of_slide()) / m.params_of(stem()), why=("9.2; 8.9 is 1.1 M / 124 K of the rounded values", "应为 9.2；8.9 由四舍五入后的 1.1M/124K 得到")),
    _cell("ratio.macs", "FLOPs, VGG-16 against the stem", "FLOPs，VGG-16 与 stem 之比", "17.8", "x", lambda: m.macs_of(vgg()) / m.macs_of(stem()), why=("7485 and 418 are both wrong: 9335 / 478", "7485 与 418 都不对：应为 9335/478")),
    _cell("ratio.macs.printed", "7485 / 418 (VGG-16 as on the slide) against the stem with a halved first convolution", "7485/418，幻灯片版 VGG 与第一个卷积减半的 stem 之比", "17.9", "x", lambda: m.macs_of(vgg_of_slide()) / halved(), "arithmetic"),
    _cell("ratio.macs.slide", "7485 / 478 (VGG-16 as on the slide) against the stem", "7485/478，幻灯片版 VGG 与 stem 之比", "15.7", "x", lambda: m.macs_of(vgg_of_slide()) / m.macs_of(stem()), "arithmetic"),
    _cell("ratio.macs.exact", "the real VGG-16 against the stem", "真实 VGG-16 与 stem 之比", "19.5", "x", lambda: m.macs_of(vgg()) / m.macs_of(stem()), "arithmetic"),
    _cell("stem.side", "the stem brings the map down to 28 x 28", "stem 将特征图降到 28×28", "28", "px", lambda: stem()[-1].output_shape[-1], "text"),
    _cell("vgg.layers", "VGG's first four layers bring it to the same size", "降到同样的分辨率，与 VGG 前四层相比", "4", "convolutions", lambda: len(vgg()), "text", ("VGG-16 needs three stages for it, of seven convolutions", "VGG-16 需要三个阶段，共七个卷积层")),
    _cell(
        "inception.pool",
        "the pooling stands before the 1x1 convolution, as that adds channels: modules where it does",
        "池化层放在 1×1 卷积前面，因为后者会增加通道数：确实增加通道数的模块",
        "9",
        "modules",
        projections_that_widen,
        "text",
        ("in all nine modules the 1x1 convolution reduces the channels, so pooling after it would cost less; the order is not for economy", "九个模块中 1×1 卷积都在减少通道数，先卷积再池化反而更省；这一顺序不是为了减少计算量"),
    ),
    *cells(HEAD, table="googlenet_head", section="googlenet", network=NET),
    _cell("head.fc.memory", "fc: memory of its output", "fc：输出占用内存", "3.9", "KB", lambda: m.layer(NET, "fc").activation_bytes, "arithmetic"),
    _cell("head.fc.params", "fc: parameters with bias", "fc：参数量（含偏置）", "1,025,000", "params", lambda: m.layer(NET, "fc").params, "arithmetic"),
    *cells(VGG_HEAD, table="vgg_head", section="googlenet", network="vgg16"),
    *(
        _cell(f"vgg_head.{label}.no_bias", f"VGG-16, {label}: parameters without bias, exact; GoogLeNet's fc includes it", f"VGG-16 {label}：不含偏置的参数量，精确值；而 GoogLeNet 的 fc 计入偏置", text, "params", partial(m.weight_params, "vgg16", path), "arithmetic")
        for label, path, text in (("fc6", "classifier.0", "102,760,448"), ("fc7", "classifier.3", "16,777,216"), ("fc8", "classifier.6", "4,096,000"))
    ),
]
