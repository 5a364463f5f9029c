"""EfficientNet: how compute grows with depth, width and resolution, the compound coefficients, and B0 to B7."""

from __future__ import annotations

from functools import cache, partial

from .. import measure as m
from ..claim import Claim, printed

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15  # the paper's depth, width and resolution for one step
TABLE = (  # the paper's Table 2: parameters in M, "FLOPS" (MACs) in G
    ("b0", "5.3", "0.39"),
    ("b1", "7.8", "0.70"),
    ("b2", "9.2", "1.0"),
    ("b3", "12", "1.8"),
    ("b4", "19", "4.2"),
    ("b5", "30", "9.9"),
    ("b6", "43", "19"),
    ("b7", "66", "37"),
)
WHYS = {
    ("b2", "params"): ("9.11 M: the official code gives this network 9.11 M as well", "9.11 M：官方代码得到的也是 9.11 M"),
    ("b1", "macs"): (
        "0.687 G of convolutions and linear layers, as torchvision counts too",
        "卷积与全连接共 0.687 G；torchvision 的计数相同",
    ),
    ("b4", "macs"): (
        "4.39 G of convolutions and linear layers, as pycls and torchvision count too",
        "卷积与全连接共 4.39 G；pycls 与 torchvision 的计数相同",
    ),
    ("b5", "macs"): (
        "10.27 G of convolutions and linear layers, as pycls and torchvision count too",
        "卷积与全连接共 10.27 G；pycls 与 torchvision 的计数相同",
    ),
    ("b7", "macs"): ("37.75 G, cut off in the paper", "37.75 G，论文作了截断"),
}


@cache
def scaled(depth: float, width: float, resolution: float) -> int:
    """MACs of B0, scaled."""
    from ...zoo.efficientnet import Variant, efficientnet

    size = round(224 * resolution)
    variant = Variant(width=width, depth=depth, resolution=size, dropout=0.2)
    return m.module_cost(partial(efficientnet, variant), (1, 3, size, size)).macs


def growth(depth: float, width: float, resolution: float) -> float:
    """MACs of B0, scaled, against B0's."""
    return scaled(depth, width, resolution) / scaled(1.0, 1.0, 1.0)


def steps(count: int) -> float:
    """Growth for each of ``count`` steps of the compound coefficients."""
    return float(growth(ALPHA**count, BETA**count, GAMMA**count) ** (1 / count))


CLAIMS = [
    *(
        Claim(
            id=f"efficientnet.{axis}",
            section="efficientnet",
            text_en=f"twice the {en} takes {text} times the compute: B0",
            text_zh=f"{zh}加倍，计算量变为 {text} 倍：B0",
            published=printed(text, "x", within=within),
            compute=partial(growth, *scale),
            found="paper",
            why_en=why_en,
            why_zh=why_zh,
        )
        for axis, en, zh, text, scale, within, why_en, why_zh in (
            ("depth", "depth", "深度", "2", (2.0, 1.0, 1.0), 0.1, "", ""),
            (
                "width",
                "width",
                "宽度",
                "4",
                (1.0, 2.0, 1.0),
                0.1,
                "less, as depthwise convolutions and the stem grow with the width, not with its square",
                "略少，因为 depthwise 卷积和 stem 随宽度线性增长，而非平方",
            ),
            ("resolution", "resolution", "分辨率", "4", (1.0, 1.0, 2.0), 0.1, "", ""),
        )
    ),
    Claim(
        id="efficientnet.step",
        section="efficientnet",
        text_en="a step of depth 1.2, width 1.1 and resolution 1.15 takes about twice the compute (1.2 x 1.1^2 x 1.15^2 = 1.92): first step from B0",
        text_zh="深度 1.2、宽度 1.1、分辨率 1.15 的一步使计算量约为两倍（1.2×1.1²×1.15² = 1.92）：从 B0 起的第一步",
        published=printed("2", "x", within=0.2),
        compute=partial(steps, 1),
        found="paper",
        why_en="layers and channels are rounded to whole ones, layers always up: the one layer of the first stage becomes two; over more steps it evens out",
        why_zh="层数与通道数都要取整，层数总是向上取：第一阶段的一层变成两层；步数多了便趋于平均",
    ),
    Claim(
        id="efficientnet.steps",
        section="efficientnet",
        text_en="a step of depth 1.2, width 1.1 and resolution 1.15 takes about twice the compute (1.2 x 1.1^2 x 1.15^2 = 1.92): mean of four steps from B0",
        text_zh="深度 1.2、宽度 1.1、分辨率 1.15 的一步使计算量约为两倍（1.2×1.1²×1.15² = 1.92）：从 B0 起四步的平均",
        published=printed("2", "x", within=0.2),
        compute=partial(steps, 4),
        found="paper",
    ),
    *(
        Claim(
            id=f"efficientnet.{name}.{what}",
            section="efficientnet",
            text_en=f"EfficientNet-{name.upper()}: {en}",
            text_zh=f"EfficientNet-{name.upper()}：{zh}",
            published=printed(text, unit),
            compute=compute,
            found="paper",
            why_en=WHYS.get((name, what), ("", ""))[0],
            why_zh=WHYS.get((name, what), ("", ""))[1],
        )
        for name, params, macs in TABLE
        for what, en, zh, text, unit, compute in (
            ("params", "parameters", "参数量", params, "M params", partial(m.params, f"efficientnet_{name}")),
            ("macs", "FLOPs (MACs)", "FLOPs（乘加次数）", macs, "G MACs", partial(m.macs, f"efficientnet_{name}")),
        )
    ),
]
