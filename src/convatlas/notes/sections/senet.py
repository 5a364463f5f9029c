"""SENet: what squeeze-and-excitation adds to ResNet-50, and to one bottleneck."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from ...analysis.cost import Cost, LayerCost
from .. import measure as m
from ..claim import cell

if TYPE_CHECKING:
    from torch import nn

BASE, NET = "resnet50_v1", "seresnet50"  # both with the stride in the first 1x1, as in the paper
CHANNELS, SIDE, REDUCTION = 64, 56, 16


def blocks() -> list[LayerCost]:
    """What the SE blocks of SE-ResNet-50 call."""
    return [layer for layer in m.cost(NET).layers if ".se_module" in layer.name]


def added_params() -> int:
    """Parameters of SE-ResNet-50 beyond those of ResNet-50."""
    return m.cost(NET).params - m.cost(BASE).params


def squeezing_and_scaling() -> int:
    """Operations of the global averages and of the multiplications of whole maps."""
    return m.total([layer for layer in blocks() if "pool" in layer.op or layer.op == "mul"], lambda layer: layer.elementwise)


def without_last_stage() -> float:
    """Parameters added when the last stage has no SE blocks, against ResNet-50's."""
    return m.cost_with(NET, squeezed_stages=(1, 2, 3)).params / m.cost(BASE).params - 1


@cache
def block() -> Cost:
    """An SE block behind a bottleneck of 4C channels."""
    from ...zoo.layers.squeeze_excitation import SqueezeExcitation

    def build() -> nn.Module:
        return SqueezeExcitation(4 * CHANNELS, 4 * CHANNELS // REDUCTION)

    return m.module_cost(build, (1, 4 * CHANNELS, SIDE, SIDE))


def maps_of_block() -> float:
    """Operations of an SE block on maps, in units of CHW."""
    layers = [layer for layer in block().layers if "pool" in layer.op or layer.op == "mul"]
    return m.total(layers, lambda layer: layer.elementwise) / (CHANNELS * SIDE**2)


def biases_of_block() -> float:
    """Biases added in an SE block, in units of C."""
    return (block().params - block().macs) / CHANNELS


_cell = partial(cell, "senet", found="text")


TIMING = (
    "a timing of the paper, on its GPUs (a batch of 256); no network's structure gives milliseconds",
    "这是论文在其 GPU 上（batch 256）的计时；网络结构本身给不出毫秒数",
)


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    _cell("base.macs", "ResNet-50 takes about 3.86 GFLOPs", "ResNet-50 需要约 3.86 GFLOPs", "3.86", "G MACs", partial(m.macs, BASE)),
    _cell(
        "added.macs",
        "SE-ResNet-50 takes only 0.01 G more: MACs",
        "SE-ResNet-50 仅仅多了 0.01 G：只计乘加",
        "0.01",
        "G MACs",
        lambda: m.cost(NET).macs - m.cost(BASE).macs,
        why=("even less, 0.0025 G, as long as only matrix products count; 0.01 includes squeezing and scaling", "若只计矩阵乘加则更少，为 0.0025 G；0.01 包含了压缩和加权"),
    ),
    _cell("added.operations", "SE-ResNet-50 takes only 0.01 G more: squeezing and scaling counted too", "SE-ResNet-50 仅仅多了 0.01 G：计入压缩和加权", "0.01", "G operations", lambda: m.cost(NET).macs - m.cost(BASE).macs + squeezing_and_scaling()),
    _cell("time.base", "ResNet-50 runs in 190 ms", "运行一个 ResNet-50 的时间是 190ms", "190", "ms", None, why=TIMING),
    _cell("time.se", "SE-ResNet-50 runs in about 209 ms", "SE-ResNet-50 的运行时间约 209ms", "209", "ms", None, why=TIMING),
    _cell("time.share", "which is 10 % more", "多了 10%", "10", "%", None, why=TIMING),
    _cell("base.params", "ResNet-50 has 25 million parameters", "ResNet-50 的 2500 万个参数", "25", "M params", partial(m.params, BASE), why=("cut off, not rounded: 25.56 M", "这里是截断而非四舍五入：25.56 M")),
    _cell("added.params", "SE-ResNet-50 has about 2.5 million more", "SE-ResNet-50 多了约 250 万个", "2.5", "M params", added_params),
    _cell("added.share", "which is about 10 %", "约占 10%", "10", "%", lambda: added_params() / m.cost(BASE).params),
    _cell("last_stage", "without the SE blocks of the last stage it has only 4 % more", "省掉最后几层的 SE block，网络参数仅多了 4%", "4", "%", without_last_stage),
    _cell("block.maps", "an SE block on a bottleneck of 4C channels: squeezing and scaling, 8CHW", "4C 通道的 Bottleneck 上的 SE block：压缩和加权，8CHW", "8", "CHW", maps_of_block, found="other notes"),
    _cell("block.linear", "its two fully connected layers, 4C to C/4 to 4C: 2C^2", "两层全连接（4C→C/4→4C）：2C²", "2", "C^2", lambda: block().macs / CHANNELS**2, found="other notes"),
    _cell("block.biases", "their biases: 17C/4", "偏置：17C/4", "4.25", "C", biases_of_block, found="other notes"),
]
