"""SENet: Hu et al., "Squeeze-and-Excitation Networks" (2017, arXiv:1709.01507), Tables 1, 2 and 10, Appendix (SENet-154).

SE-ResNet keeps the stride in the first 1x1 (its baseline is the 3.86 GMAC ResNet-50), SE-ResNeXt in the 3x3. Parameter names
are those of timm's `legacy_se*` networks, which follow the authors' release: a stem `layer0`, squeezing layers with biases, a
classifier `last_linear`. ``squeezed_stages`` leaves the blocks out of some stages, as Section 6.4 does.

Published figures that depart. Table 10 prints 35.7, 30.7 and 26.9 M parameters at reductions 4, 8 and 32, where this has 35.64,
30.60 and 26.83 M; in its third stage alone (Section 6.4), 26.4 M are 26.35. Table 2's GFLOPs are above the GMAC of convolutions
and linear layers counted here (3.87 for 3.860, 11.32 for 11.289, 4.25 for 4.233), as are those of its plain baselines (7.99
for ResNeXt-101's 7.970).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor, nn

from .layers.residual import BasicBlock, BlockOptions, Bottleneck, make_stage
from .layers.stem import is_small
from .network import Network
from .registry import Paper, register


class ActivatedBasicBlock(BasicBlock):
    """A basic block whose f ends with a ReLU: the paper has none of this depth, and timm's weights were trained so."""

    def f(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(super().f(x))
        return result


class WideBottleneck(Bottleneck):
    """SENet-154's f: 1x1 of 2 x channels, grouped 3x3 of 4 x channels, 1x1 of 4 x channels."""

    def __init__(self, in_channels: int, channels: int, stride: int, downsample: nn.Module | None, options: BlockOptions) -> None:
        super().__init__(in_channels, channels, stride, downsample, options)
        self.conv1 = nn.Conv2d(in_channels, channels * 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels * 2)
        self.conv2 = nn.Conv2d(channels * 2, channels * 4, 3, stride, 1, groups=options.groups, bias=False)
        self.bn2 = nn.BatchNorm2d(channels * 4)
        self.conv3 = nn.Conv2d(channels * 4, channels * 4, 1, bias=False)


@dataclass(frozen=True, kw_only=True)
class SEVariant:
    """A column of Table 1, or SENet-154 with its stem of three convolutions and 3x3 projections."""

    block: type[BasicBlock] | type[Bottleneck]
    depths: tuple[int, int, int, int]
    options: BlockOptions
    deep_stem: bool = False
    projection: int = 1


SE = BlockOptions(reduction=16)
SE_RESNET = BlockOptions(reduction=16, stride_in_1x1=True)
SE_RESNEXT = BlockOptions(reduction=16, groups=32, base_width=4)

VARIANTS = {
    "seresnet18": SEVariant(block=ActivatedBasicBlock, depths=(2, 2, 2, 2), options=SE),
    "seresnet34": SEVariant(block=ActivatedBasicBlock, depths=(3, 4, 6, 3), options=SE),
    "seresnet50": SEVariant(block=Bottleneck, depths=(3, 4, 6, 3), options=SE_RESNET),
    "seresnet101": SEVariant(block=Bottleneck, depths=(3, 4, 23, 3), options=SE_RESNET),
    "seresnet152": SEVariant(block=Bottleneck, depths=(3, 8, 36, 3), options=SE_RESNET),
    "seresnext50_32x4d": SEVariant(block=Bottleneck, depths=(3, 4, 6, 3), options=SE_RESNEXT),
    "seresnext101_32x4d": SEVariant(block=Bottleneck, depths=(3, 4, 23, 3), options=SE_RESNEXT),
    "senet154": SEVariant(block=WideBottleneck, depths=(3, 8, 36, 3), options=replace(SE, groups=64), deep_stem=True, projection=3),
}


class SENet(Network):
    """A stem, four stages of residual blocks that squeeze and excite, and one linear layer."""

    classifier_path = "last_linear"
    stem_conv = "layer0.conv1"

    def __init__(
        self,
        variant: SEVariant,
        *,
        num_classes: int,
        in_channels: int,
        dropout: float,
        small: bool,
        squeezed_stages: Sequence[int],
    ) -> None:
        super().__init__()
        channels = 128 if variant.deep_stem else 64
        self.layer0 = self._stem(variant.deep_stem, in_channels, small)
        for stage, depth in enumerate(variant.depths, start=1):
            width, stride = 64 * 2 ** (stage - 1), 1 if stage == 1 else 2
            options = variant.options if stage in squeezed_stages else replace(variant.options, reduction=None)
            kernel = 1 if stage == 1 else variant.projection
            self.add_module(f"layer{stage}", make_stage(variant.block, channels, width, depth, stride, options, kernel))
            channels = width * variant.block.expansion
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.last_linear = nn.Linear(channels, num_classes)

    @staticmethod
    def _stem(deep: bool, in_channels: int, small: bool) -> nn.Sequential:
        stride = 1 if small else 2
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if deep:
            widths = (in_channels, 64, 64, 128)
            for index, (before, after) in enumerate(pairwise(widths), start=1):
                layers[f"conv{index}"] = nn.Conv2d(before, after, 3, stride if index == 1 else 1, 1, bias=False)
                layers[f"bn{index}"] = nn.BatchNorm2d(after)
                layers[f"relu{index}"] = nn.ReLU(inplace=True)
        else:
            layers["conv1"] = nn.Conv2d(in_channels, 64, *((3, 1, 1) if small else (7, 2, 3)), bias=False)
            layers["bn1"] = nn.BatchNorm2d(64)
            layers["relu1"] = nn.ReLU(inplace=True)
        if not small:
            layers["pool"] = nn.MaxPool2d(3, 2, ceil_mode=True)
        return nn.Sequential(layers)

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self.layer0, **{f"stage{i}": self.get_submodule(f"layer{i}") for i in range(1, 5)}}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x: Tensor = self.dropout(self.avg_pool(features).flatten(1))
        return x if pre_logits else self.last_linear(x)


# Top-1 and top-5 errors (percent, 224 crop) of Table 2, "SENet" columns; of Table 8 for SENet-154
ERRORS = {
    "seresnet50": (23.29, 6.62),
    "seresnet101": (22.38, 6.07),
    "seresnet152": (21.57, 5.73),
    "seresnext50_32x4d": (21.10, 5.49),
    "seresnext101_32x4d": (20.70, 5.01),
    "senet154": (18.68, 4.47),
}


@register(
    VARIANTS,
    family="senet",
    paper=Paper(
        title="Squeeze-and-Excitation Networks",
        authors="J. Hu, L. Shen, S. Albanie, G. Sun, E. Wu",
        year=2017,
        url="https://arxiv.org/abs/1709.01507",
    ),
    summary="Scales every channel by what all channels hold on average; won the last ImageNet challenge.",
    published={name: {"top1": round(100 - top1, 2), "top5": round(100 - top5, 2)} for name, (top1, top5) in ERRORS.items()},
)
def senet(
    variant: SEVariant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float | None = None,
    stem: str = "imagenet",
    reduction: int = 16,
    squeezed_stages: Sequence[int] = (1, 2, 3, 4),
) -> SENet:
    """SE-ResNet, SE-ResNeXt and SENet-154 (whose head drops 0.2 by default)."""
    variant = replace(variant, options=replace(variant.options, reduction=reduction))
    return SENet(
        variant,
        num_classes=num_classes,
        in_channels=in_channels,
        dropout=(0.2 if variant.deep_stem else 0.0) if dropout is None else dropout,
        small=is_small(stem),
        squeezed_stages=squeezed_stages,
    )
