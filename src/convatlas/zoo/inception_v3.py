"""Inception-v3: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2015, arXiv:1512.00567).

Section 6, Table 1, as in torchvision and in the authors' released model, which differ from the table in their details:
a 1x1 convolution of 80 maps in the stem, and modules of Fig. 5 (`a`), Fig. 10 (`b` and `d`, which halve the map),
Fig. 6 with 7x7 factored into 1x7 and 7x1 (`c`), and Fig. 7 (`e`). 27,161,264 parameters with the auxiliary classifier,
23,834,568 without; 5.713 GMACs at 299x299. There is no stem for small images: the network's poolings and unpadded
convolutions need 75x75, and its auxiliary classifier, which works in training only, needs about 299x299.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from .layers.inception import BasicConv2d, check_transform_input, from_imagenet_statistics, run
from .network import Network, init_module
from .registry import Paper, register

Conv = tuple[int, int | tuple[int, int]]  # width and kernel; padded to keep the map's size
Chain = Sequence[Conv | list[Conv]]  # one after another; a list stands side by side


@dataclass(frozen=True, kw_only=True)
class Module:
    """One Inception module: chains of convolutions side by side, and a pooling followed by the chain `branch_pool`."""

    branches: dict[str, Chain]
    halves: bool = False  # the last convolution of each chain, and the pooling, have stride 2 and no padding


def _a(projection: int) -> Module:
    return Module(
        branches={
            "branch1x1": [(64, 1)],
            "branch5x5": [(48, 1), (64, 5)],
            "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
            "branch_pool": [(projection, 1)],
        }
    )


def _c(width: int) -> Module:
    row, column = (width, (1, 7)), (width, (7, 1))
    single: Chain = [(width, 1), row, (192, (7, 1))]
    double: Chain = [(width, 1), column, row, column, (192, (1, 7))]
    pool: Chain = [(192, 1)]
    return Module(branches={"branch1x1": [(192, 1)], "branch7x7": single, "branch7x7dbl": double, "branch_pool": pool})


_B = Module(branches={"branch3x3": [(384, 3)], "branch3x3dbl": [(64, 1), (96, 3), (96, 3)]}, halves=True)
_D = Module(
    branches={"branch3x3": [(192, 1), (320, 3)], "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)]},
    halves=True,
)
_SPLIT: list[Conv] = [(384, (1, 3)), (384, (3, 1))]
_E = Module(
    branches={
        "branch1x1": [(320, 1)],
        "branch3x3": [(384, 1), _SPLIT],
        "branch3x3dbl": [(448, 1), (384, 3), _SPLIT],
        "branch_pool": [(192, 1)],
    }
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The Inception modules by name, in order."""

    modules: dict[str, Module]


VARIANTS = {
    "inception_v3": Variant(
        modules={
            **{"Mixed_5b": _a(32), "Mixed_5c": _a(64), "Mixed_5d": _a(64), "Mixed_6a": _B},
            **{"Mixed_6b": _c(128), "Mixed_6c": _c(160), "Mixed_6d": _c(160), "Mixed_6e": _c(192)},
            **{"Mixed_7a": _D, "Mixed_7b": _E, "Mixed_7c": _E},
        }
    )
}


class InceptionOutputs(NamedTuple):
    """What training returns: each (N, num_classes)."""

    logits: Tensor
    aux: Tensor


class InceptionModule(nn.Module):
    """Inception module: chains of convolutions and a pooling side by side, concatenated over channels."""

    def __init__(self, in_channels: int, module: Module) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, stride=2) if module.halves else nn.AvgPool2d(3, stride=1, padding=1)
        self.pool_projection = "branch_pool" in module.branches
        self.chains: dict[str, list[list[str]]] = {}  # of each branch: names of convolutions, side by side or alone
        self.out_channels = 0 if self.pool_projection else in_channels
        for branch, chain in module.branches.items():
            names = self.chains[branch] = []
            width = in_channels
            for i, step in enumerate(chain):
                shrinks = module.halves and i == len(chain) - 1
                convs = step if isinstance(step, list) else [step]
                name = branch if len(chain) == 1 else f"{branch}_{i + 1}"
                names.append([name] if len(convs) == 1 else [name + letter for letter in "ab"])
                for conv_name, (out, kernel) in zip(names[-1], convs, strict=True):
                    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
                    padding = (0, 0) if shrinks else (high // 2, wide // 2)
                    conv = BasicConv2d(width, out, kernel, stride=2 if shrinks else 1, padding=padding)
                    self.add_module(conv_name, conv)
                width = sum(out for out, _ in convs)
            self.out_channels += width

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pool(x)
        outputs = []
        for branch, names in self.chains.items():
            y = pooled if branch == "branch_pool" else x
            for step in names:
                side_by_side = [run(self, y, name) for name in step]
                y = torch.cat(side_by_side, 1) if len(step) > 1 else side_by_side[0]
            outputs.append(y)
        if not self.pool_projection:
            outputs.append(pooled)
        return torch.cat(outputs, 1)


class AuxiliaryClassifier(nn.Module):
    """A classifier on the 17x17 features, there in training only: a regulariser, the paper finds."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv0 = BasicConv2d(in_channels, 128, 1)
        self.conv1 = BasicConv2d(128, 768, 5)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(self.pool(x)))
        return cast(Tensor, self.fc(self.avgpool(x).flatten(1)))


class InceptionV3(Network):
    """A stem of unpadded convolutions, and eleven Inception modules on maps of 35x35, 17x17 and 8x8."""

    stem_conv = "Conv2d_1a_3x3.conv"

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, dropout: float, aux_logits: bool) -> None:
        super().__init__()
        self.transform_input = False
        self.Conv2d_1a_3x3 = BasicConv2d(in_channels, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, 3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, 1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        width = 192
        for name, module in variant.modules.items():
            block = InceptionModule(width, module)
            self.add_module(name, block)
            width = block.out_channels
            if name == "Mixed_6e":
                self.AuxLogits = AuxiliaryClassifier(width, num_classes) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(width, num_classes)

    def _stem(self, x: Tensor) -> Tensor:
        if self.transform_input:
            x = from_imagenet_statistics(x)
        x = run(self, x, "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1")
        return run(self, x, "Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2")

    def _mixed5(self, x: Tensor) -> Tensor:
        return run(self, x, "Mixed_5b", "Mixed_5c", "Mixed_5d")

    def _mixed6(self, x: Tensor) -> Tensor:
        return run(self, x, "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")

    def _mixed7(self, x: Tensor) -> Tensor:
        return run(self, x, "Mixed_7a", "Mixed_7b", "Mixed_7c")

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"stem": self._stem, "mixed5": self._mixed5, "mixed6": self._mixed6, "mixed7": self._mixed7}

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x = self.dropout(self.avgpool(features)).flatten(1)
        return cast(Tensor, x if pre_logits else self.fc(x))

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:  # type: ignore[override]
        """Logits; in training with the auxiliary classifier, both."""
        if self.AuxLogits is None or not self.training:
            return super().forward(x)
        x = self._mixed6(self._mixed5(self._stem(x)))
        aux = self.AuxLogits(x)
        return InceptionOutputs(self.forward_head(self._mixed7(x)), aux)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier, and the auxiliary one's last layer with it."""
        super().reset_classifier(num_classes)
        if self.AuxLogits is not None:
            weight = self.AuxLogits.fc.weight
            self.AuxLogits.fc = nn.Linear(weight.shape[1], num_classes, device=weight.device, dtype=weight.dtype)

    def init_weights(self) -> None:
        """N(0, 0.1) as in torchvision; 0.01 and 0.001 in the auxiliary classifier's last two layers."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()  # for the biases
                deviation = {"AuxLogits.conv1.conv": 0.01, "AuxLogits.fc": 0.001}.get(name, 0.1)
                nn.init.normal_(module.weight, 0.0, deviation)
            else:
                init_module(module)


@register(
    VARIANTS,
    family="inception",
    paper=Paper(
        title="Rethinking the Inception Architecture for Computer Vision",
        authors="C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna",
        year=2015,
        url="https://arxiv.org/abs/1512.00567",
    ),
    summary="Factored large convolutions into small and one-sided ones, and halved maps without a bottleneck.",
    input_size=(3, 299, 299),
)
def inception_v3(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.5,
    aux_logits: bool = True,
    transform_input: bool = False,
) -> InceptionV3:
    """Inception-v3; ``transform_input`` is for torchvision's weights, trained on images normalised by 0.5."""
    check_transform_input(transform_input, in_channels)
    network = InceptionV3(variant, num_classes, in_channels, dropout, aux_logits)
    network.transform_input = transform_input
    return network
