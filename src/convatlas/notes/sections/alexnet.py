"""AlexNet: the lecture's table, cell by cell, at 3x227x227 in torchvision's widths, and where its costs lie."""

from __future__ import annotations

from functools import partial

from .. import measure as m
from ..claim import Claim, less_than, more_than, printed
from .tables import Row, cells

SIZE = 227
LAYERS = {"lenet5": "c1 c3 c5", "alexnet": "features.0 features.3 features.6 features.8 features.10"}  # convolutions
CONV4 = (
    "a slip of the table: 384 x 256 x 3 x 3 x 13 x 13 = 149.5 M; the slide's own bar chart shows 150",
    "表格笔误：384×256×3×3×13×13 = 149.5 M；同一张幻灯片的柱状图画的也是 150",
)
TABLE = [
    Row(label="conv1", path="features.0", geometry="3x227 -> 64x56, k11 s4 p2", kb="784", k_params="23", m_flop="73"),
    Row(label="pool1", path="features.2", geometry="64x56 -> 64x27, k3 s2 p0", kb="182", k_params="0", m_flop="0"),
    Row(label="conv2", path="features.3", geometry="64x27 -> 192x27, k5 s1 p2", kb="547", k_params="307", m_flop="224"),
    Row(label="pool2", path="features.5", geometry="192x27 -> 192x13, k3 s2 p0", kb="127", k_params="0", m_flop="0"),
    Row(label="conv3", path="features.6", geometry="192x13 -> 384x13, k3 s1 p1", kb="254", k_params="664", m_flop="112"),
    Row(
        label="conv4",
        path="features.8",
        geometry="384x13 -> 256x13, k3 s1 p1",
        kb="169",
        k_params="885",
        m_flop="145",
        whys={"flop": CONV4},
    ),
    Row(label="conv5", path="features.10", geometry="256x13 -> 256x13, k3 s1 p1", kb="169", k_params="590", m_flop="100"),
    Row(label="pool5", path="features.12", geometry="256x13 -> 256x6, k3 s2 p0", kb="36", k_params="0", m_flop="0"),
    Row(label="flatten", path="", geometry="256x6 -> 9216", kb="36", k_params="0", m_flop="0"),
    Row(label="fc6", path="classifier.1", geometry="9216 -> 4096", kb="16", k_params="37,749", m_flop="38", bias=False),
    Row(label="fc7", path="classifier.4", geometry="4096 -> 4096", kb="16", k_params="16,777", m_flop="17", bias=False),
    Row(label="fc8", path="classifier.6", geometry="4096 -> 1000", kb="4", k_params="4,096", m_flop="4", bias=False),
]


def share(quantity: str, *ops: str) -> float:
    """The share of a quantity that layers of these ops hold, among convolutions, poolings and linear layers."""
    sums = {"memory": m.memory_of, "params": m.params_of, "macs": m.macs_of}
    found = m.cost("alexnet", SIZE)
    return sums[quantity](m.of_ops(found, *ops)) / sums[quantity](m.of_ops(found, "conv2d", "max_pool2d", "linear"))


def pooling_share() -> float:
    """Operations of the poolings against those of the convolutions before them."""
    layers = m.cost("alexnet", SIZE).layers
    pools = m.total([layer for layer in layers if layer.op == "max_pool2d"], m.operations)
    return pools / m.macs_of(layers)


def exact(label: str, path: str, params: str, macs: str) -> list[Claim]:
    """The exact counts beside the rounded cells."""
    of = (partial(_params, path), partial(_macs, path))
    return [
        Claim(
            id=f"alexnet.{label}.exact_{what}",
            section="alexnet",
            text_en=f"{label}: {en}, exact",
            text_zh=f"{label}：{zh}，精确值",
            published=printed(text, what),
            compute=compute,
            found="arithmetic",
        )
        for what, en, zh, text, compute in (
            ("params", "parameters with bias", "参数量（含偏置）", params, of[0]),
            ("MACs", "multiply-accumulates", "乘加次数", macs, of[1]),
        )
    ]


def _params(path: str) -> int:
    return m.layer("alexnet", path, SIZE).params


def _macs(path: str) -> int:
    return m.operations(m.layer("alexnet", path, SIZE))


def conv1_closed_form() -> int:
    """C_out x H' x W' x C_in x K x K from the graph's shapes."""
    found = m.layer("alexnet", "features.0", SIZE)
    window = m.window("alexnet", "features.0", SIZE)
    return (
        found.output_shape[1]
        * found.output_shape[2]
        * found.output_shape[3]
        * found.input_shape[1]
        * window.kernel[0]
        * window.kernel[1]
    )


CLAIMS = [
    *cells(TABLE, table="alexnet", section="alexnet", network="alexnet", size=SIZE),
    Claim(
        id="alexnet.conv1.formula",
        section="alexnet",
        text_en="conv1: output map times the work for one of its elements, C_out·H'·W'·C_in·K·K",
        text_zh="conv1：输出特征图大小与得到其中每个元素所需计算量之积，C_out·H'·W'·C_in·K·K",
        published=printed("72,855,552", "MACs"),
        compute=conv1_closed_form,
        found="slide",
    ),
    Claim(
        id="alexnet.conv1.kernel",
        section="alexnet",
        text_en="the first layer is a convolution with a large kernel of 11 x 11",
        text_zh="第一层是有着 11×11 的大卷积核的卷积层",
        published=printed("11", "px"),
        compute=lambda: m.window("alexnet", "features.0").kernel[0],
        found="text",
    ),
    Claim(
        id="alexnet.pool1.operations",
        section="alexnet",
        text_en="pool1 takes 0.4 M operations",
        text_zh="pool1 需要 0.4 M 次运算",
        published=printed("0.4", "M operations"),
        compute=partial(_macs, "features.2"),
        found="slide",
    ),
    Claim(
        id="alexnet.conv1.at_224",
        section="alexnet",
        text_en="torchvision's AlexNet takes images of 224 x 224, and its first map is 55 x 55",
        text_zh="torchvision 的 AlexNet 输入为 224×224，第一个特征图为 55×55",
        published=printed("55", "px"),
        compute=lambda: m.layer("alexnet", "features.0").output_shape[-1],
        found="arithmetic",
    ),
    *exact("conv1", "features.0", "23,296", "72,855,552"),
    *exact("pool1", "features.2", "0", "419,904"),
    *exact("conv2", "features.3", "307,392", "223,948,800"),
    *exact("pool2", "features.5", "0", "292,032"),
    *exact("conv3", "features.6", "663,936", "112,140,288"),
    *exact("conv4", "features.8", "884,992", "149,520,384"),
    *exact("conv5", "features.10", "590,080", "99,680,256"),
    *exact("pool5", "features.12", "0", "82,944"),
    *exact("fc6", "classifier.1", "37,752,832", "37,748,736"),
    *exact("fc7", "classifier.4", "16,781,312", "16,777,216"),
    *exact("fc8", "classifier.6", "4,097,000", "4,096,000"),
    *(
        Claim(
            id=f"alexnet.{label}.no_bias",
            section="alexnet",
            text_en=f"{label}: parameters without bias, exact; the slide counts biases of convolutions but not of linear layers",
            text_zh=f"{label}：不含偏置的参数量，精确值；幻灯片对卷积层计入偏置，对全连接层却不计",
            published=printed(text, "params"),
            compute=partial(m.weight_params, "alexnet", path),
            found="arithmetic",
        )
        for label, path, text in (
            ("fc6", "classifier.1", "37,748,736"),
            ("fc7", "classifier.4", "16,777,216"),
            ("fc8", "classifier.6", "4,096,000"),
        )
    ),
    Claim(
        id="alexnet.fc6.spoken",
        section="alexnet",
        text_en="fc6 alone has almost 38 million parameters",
        text_zh="仅 fc6 就有将近 3800 万个参数",
        published=printed("38", "M params", within=0.5),
        compute=partial(_params, "classifier.1"),
        found="spoken",
    ),
    Claim(
        id="alexnet.fc6.typo",
        section="alexnet",
        text_en="fc6 has 37,725,832 parameters",
        text_zh="fc6 有 37,725,832 个参数",
        published=printed("37,725,832", "params"),
        compute=partial(_params, "classifier.1"),
        found="other notes",
        why_en="two digits changed places: 9216 x 4096 weights and 4096 biases",
        why_zh="数字写错了位置：应为 9216×4096 个权重加 4096 个偏置",
    ),
    Claim(
        id="alexnet.shares.memory",
        section="alexnet",
        text_en="the convolutions are most of the memory",
        text_zh="卷积部分占了内存占用的大头",
        published=more_than("50", "%"),
        compute=partial(share, "memory", "conv2d"),
        found="text",
    ),
    Claim(
        id="alexnet.shares.macs",
        section="alexnet",
        text_en="the convolutions are most of the compute",
        text_zh="卷积部分占了计算量的大头",
        published=more_than("50", "%"),
        compute=partial(share, "macs", "conv2d"),
        found="text",
    ),
    Claim(
        id="alexnet.shares.params",
        section="alexnet",
        text_en="the fully connected layers are most of the parameters",
        text_zh="全连接部分占了参数量的大头",
        published=more_than("50", "%"),
        compute=partial(share, "params", "linear"),
        found="text",
    ),
    Claim(
        id="alexnet.shares.linear_macs",
        section="alexnet",
        text_en="the fully connected layers have many parameters, but not much compute",
        text_zh="全连接层参数量很大，但是计算量并不高",
        published=less_than("10", "% of the MACs"),
        compute=partial(share, "macs", "linear"),
        found="text",
    ),
    Claim(
        id="alexnet.shares.pooling",
        section="alexnet",
        text_en="a pooling has no parameters, and so few operations beside a convolution that they may be ignored",
        text_zh="池化层没有参数，flop 与卷积层相比太小而可以忽略不计",
        published=less_than("1", "% of the MACs"),
        compute=pooling_share,
        found="text",
    ),
    *(
        Claim(
            id=f"{network}.sizes",
            section="alexnet",
            text_en=f"{name}: maps shrink from layer to layer",
            text_zh=f"{name}：特征图大小逐层减小",
            published=printed("never grow"),
            compute=partial(m.trend, network, LAYERS[network], 2, "never grow", -1),
            found="text",
        )
        for network, name in (("lenet5", "LeNet"), ("alexnet", "AlexNet"))
    ),
    Claim(
        id="lenet5.channels",
        section="alexnet",
        text_en="LeNet: channels grow from layer to layer",
        text_zh="LeNet：通道数逐层增加",
        published=printed("always grow"),
        compute=partial(m.trend, "lenet5", LAYERS["lenet5"], 1, "always grow", 1),
        found="text",
    ),
    Claim(
        id="alexnet.channels",
        section="alexnet",
        text_en="AlexNet: channels grow from layer to layer",
        text_zh="AlexNet：通道数逐层增加",
        published=printed("always grow"),
        compute=partial(m.trend, "alexnet", LAYERS["alexnet"], 1, "always grow", 1),
        found="text",
        why_en="only up to conv3; conv4 has fewer channels and conv5 as many as conv4",
        why_zh="只到 conv3 为止；conv4 的通道数减少，conv5 与 conv4 相同",
    ),
]
