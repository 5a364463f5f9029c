"""DenseNet: its memory problem is one of the implementation."""

from __future__ import annotations

from .. import measure as m
from ..claim import Claim, less_than

BATCH = 32


def saved(**options: bool) -> int:
    """Peak of a training step of DenseNet-121."""
    return m.memory("densenet121", BATCH, **options).peak_bytes


CLAIMS = [
    Claim(
        id="densenet.memory",
        section="densenet",
        text_en="its large memory is a matter of implementation, not of the network: peak of a training step (batch 32, CUDA) when concatenations "
        "are computed again instead of kept, against the ordinary one",
        text_zh="显存占用过大实际上是实现问题而非网络本身问题：拼接结果在反向时重新计算而不保存，训练一步（batch 32，CUDA）的显存峰值与普通实现之比",
        published=less_than("1", "x"),
        compute=lambda: saved(memory_efficient=True) / saved(),
        found="text",
    ),
    Claim(
        id="densenet.parameters",
        section="densenet",
        text_en="features are used again, so that few parameters are enough: DenseNet-121 against ResNet-50",
        text_zh="鼓励特征重复使用，因而只需较少参数：DenseNet-121 与 ResNet-50 之比",
        published=less_than("1", "x"),
        compute=lambda: m.cost("densenet121").params / m.cost("resnet50").params,
        found="text",
    ),
]
