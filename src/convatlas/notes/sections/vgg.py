"""VGG's rules: two 3x3 against one 5x5, equal cost per stage, and the slide's list of stages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...analysis.cost import Cost
from .. import measure as m
from ..claim import Claim, cell, printed

if TYPE_CHECKING:
    from torch import nn

CHANNELS, SIDE = 64, 56  # of the small modules; the coefficients do not depend on them


def stack(*kernels: int, channels: int = CHANNELS) -> nn.Module:
    """Convolutions without bias that keep size and channels."""
    from torch import nn

    return nn.Sequential(*(nn.Conv2d(channels, channels, k, padding=k // 2, bias=False) for k in kernels))


def stack_cost(*kernels: int, channels: int = CHANNELS, side: int = SIDE) -> Cost:
    """The cost of such a stack on a map of ``channels`` x ``side`` x ``side``."""
    return m.module_cost(partial(stack, *kernels, channels=channels), (1, channels, side, side))


def params_in_c2(*kernels: int) -> float:
    """Parameters of a stack, in units of C^2."""
    return stack_cost(*kernels).params / CHANNELS**2


def macs_in_c2hw(*kernels: int) -> float:
    """MACs of a stack, in units of C^2HW."""
    return stack_cost(*kernels).macs / (CHANNELS**2 * SIDE**2)


def field(*kernels: int) -> float:
    """Receptive field of a stack, in pixels."""
    return m.module_fields(partial(stack, *kernels), (1, CHANNELS, SIDE, SIDE)).final.size[0]


def stage(quantity: str, *, doubled: bool) -> float:
    """A 3x3 convolution on a map of C x 2H x 2W, or after pooling on 2C x H x W, in units of HWC, C^2 or HWC^2."""
    cost = stack_cost(3, channels=CHANNELS * (2 if doubled else 1), side=SIDE * (1 if doubled else 2))
    units = {"memory": SIDE**2 * CHANNELS, "params": CHANNELS**2, "macs": SIDE**2 * CHANNELS**2}
    found = {"memory": cost.activation_bytes / 4, "params": cost.params, "macs": cost.macs}
    return found[quantity] / units[quantity]


def stage_list(network: str) -> str:
    """Convolutions in each stage."""
    counts: dict[str, int] = {}
    for layer in m.convolutions(network):
        counts[layer.stage] = counts.get(layer.stage, 0) + 1
    return ", ".join(map(str, counts.values()))


def inner_layers() -> list[int]:
    """MACs of the last convolution of each stage of VGG-16."""
    return list({layer.stage: layer.macs for layer in m.convolutions("vgg16")}.values())


def stage_spread() -> float:
    """MACs of the dearest stage of VGG-16 against those of the cheapest."""
    macs = [group.macs for group in m.cost("vgg16").by_stage() if "x" in group.name and group.macs > 0]
    return max(macs) / min(macs)


_cell = partial(cell, "vgg")


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    _cell("one5.params", "one 5x5 convolution, C to C: parameters", "一个 5×5 卷积（C→C）：参数量", "25", "C^2", partial(params_in_c2, 5)),
    _cell("one5.macs", "one 5x5 convolution: FLOPs", "一个 5×5 卷积：FLOPs", "25", "C^2HW", partial(macs_in_c2hw, 5)),
    _cell("two3.params", "two 3x3 convolutions: parameters", "两个 3×3 卷积：参数量", "18", "C^2", partial(params_in_c2, 3, 3)),
    _cell("two3.macs", "two 3x3 convolutions: FLOPs", "两个 3×3 卷积：FLOPs", "18", "C^2HW", partial(macs_in_c2hw, 3, 3)),
    _cell("two3.field", "two 3x3 have the receptive field of one 5x5", "两个 3×3 与一个 5×5 有着相同的感受野", "5", "px", partial(field, 3, 3)),
    _cell("one5.field", "one 5x5 convolution: receptive field", "一个 5×5 卷积：感受野", "5", "px", partial(field, 5)),
    *(
        _cell(f"stage.{quantity}.{'after' if doubled else 'before'}", f"a 3x3 convolution {'after pooling and doubling' if doubled else 'before pooling'}: {en}", f"{'池化并加倍通道后' if doubled else '池化前'}的 3×3 卷积：{zh}", text, unit, partial(stage, quantity, doubled=doubled), "other notes")
        for quantity, en, zh, unit, before, after in (("memory", "elements of the output", "输出元素数", "HWC", "4", "2"), ("params", "parameters", "参数量", "C^2", "9", "36"), ("macs", "FLOPs, not changed by the pooling", "FLOPs，没有随着池化而改变", "HWC^2", "36", "36"))
        for doubled, text in ((False, before), (True, after))
    ),
    _cell("stage.factor", "the slide's own FLOPs for a stage are off by a factor of nine: 3x3 kernel left out", "幻灯片上的该项 FLOPs 差了九倍：漏掉了 3×3 卷积核", "9", "x", lambda: macs_in_c2hw(3) / macs_in_c2hw(1), "spoken"),
    Claim(
        id="vgg.equal_layers",
        section="vgg",
        text_en="every layer is meant to cost the same: the last convolutions of VGG-16's stages, dearest against cheapest",
        text_zh="希望每一层的计算量相同：VGG-16 各阶段最后一个卷积层，最大与最小之比",
        published=printed("1", "x"),
        compute=lambda: max(inner_layers()) / min(inner_layers()),
        found="text",
        why_en="equal in stages 1 to 4; stage 5 halves the map without doubling the channels, so its layers cost a quarter",
        why_zh="第 1 至 4 阶段相同；第 5 阶段特征图减半而通道数不再加倍，计算量只有四分之一",
    ),
    Claim(id="vgg.equal_layers_1_to_4", section="vgg", text_en="every layer is meant to cost the same: the last convolutions of VGG-16's stages, dearest against cheapest, stages 1 to 4", text_zh="希望每一层的计算量相同：VGG-16 各阶段最后一个卷积层，最大与最小之比，只看第 1 至 4 阶段", published=printed("1", "x"), compute=lambda: max(inner_layers()[:4]) / min(inner_layers()[:4]), found="text"),
    Claim(
        id="vgg.equal_stages",
        section="vgg",
        text_en="equal cost per stage: dearest stage of VGG-16 against the cheapest",
        text_zh="各阶段计算量相同：VGG-16 计算量最大的阶段与最小的阶段之比",
        published=printed("1", "x"),
        compute=stage_spread,
        found="other notes",
        why_en="the rule is for layers: stages have two or three, the first of each takes half the channels in, and stage 5 does not double",
        why_zh="该规则针对单个层：各阶段有两到三层，每阶段第一层的输入通道只有一半，第 5 阶段也没有加倍",
    ),
    Claim(
        id="vgg.stages",
        section="vgg",
        text_en="the stages of VGG-16 have 2, 2, 2, 3, 3 convolutions",
        text_zh="VGG-16 各阶段有 2、2、2、3、3 个卷积层",
        published=printed("2, 2, 2, 3, 3"),
        compute=lambda: stage_list("vgg16"),
        found="slide",
        why_en="stage 3 has three as well; the slide leaves one out, and all its totals for VGG-16 follow from that",
        why_zh="第 3 阶段也有三个；幻灯片漏了一个，其 VGG-16 的所有总量都由此而来",
    ),
    Claim(id="vgg.stages19", section="vgg", text_en="VGG-19 has four convolutions in stages 3, 4 and 5", text_zh="VGG-19 的第 3、4、5 阶段各有四个卷积层", published=printed("2, 2, 4, 4, 4"), compute=lambda: stage_list("vgg19"), found="paper"),
    *(Claim(id=f"vgg.depth{number}", section="vgg", text_en=f"VGG{number} has {number} layers with weights", text_zh=f"VGG{number} 有 {number} 个带权重的层", published=printed(str(number), "layers"), compute=partial(m.depth, f"vgg{number}"), found="text") for number in (11, 16, 19)),
]
