"""GoogLeNet: Szegedy et al., "Going Deeper with Convolutions" (2014, arXiv:1409.4842).

`googlenet_2014` is Table 1: convolutions with bias and no batch normalisation, local response normalisation around the
second and third convolutions, true 5x5 branches, two auxiliary classifiers. Without those 6,998,552 parameters (7.00 M)
and 1,582,671,872 MACs. `googlenet` is torchvision's: batch normalisation, 5x5 branches built of 3x3 kernels (a mistake
kept for its weights), a last pooling of 2x2; 6.62 M and 1.498 G. Accuracy: the paper's Table 3, one network, one crop.

Departures from Table 1's figures. Its parameters are in units of 1024, without biases: read so, 112 K (second and third
convolutions), 159 K (3a) and 1000 K (linear) hold, other modules differ by up to 9 %, and the rows add up to 6.96 M (as
thousands, to the 6.8 M often quoted). Its operations hold but for 4a (73 M, exactly 73.6) and 5a (54 M, exactly
51.1). Its first row (2.7 K, 34 M) is not its first convolution, which has 9,472 parameters and 118.0 M MACs: hence the
1.5 G often quoted. The paper states no initialisation: Xavier is used, as in BVLC's replication.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from .layers.inception import BasicConv2d, check_transform_input, from_imagenet_statistics, run
from .layers.plain import LocalResponseNorm
from .layers.stem import is_small
from .network import Network, init_module
from .registry import Paper, register


@dataclass(frozen=True, kw_only=True)
class Variant:
    """As published, or as in torchvision."""

    published: bool
    dropout: float


VARIANTS = {
    "googlenet": Variant(published=False, dropout=0.2),
    "googlenet_2014": Variant(published=True, dropout=0.4),
}

# Table 1: input, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
INCEPTIONS = {
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNetOutputs(NamedTuple):
    """What training returns: each (N, num_classes). The paper weighs the auxiliary losses by 0.3."""

    logits: Tensor
    aux2: Tensor
    aux1: Tensor


class Inception(nn.Module):
    """Inception module: 1x1, 3x3 and 5x5 convolutions and a pooling side by side, behind 1x1 reductions."""

    def __init__(self, widths: tuple[int, ...], published: bool) -> None:
        super().__init__()
        width, direct, reduce3, out3, reduce5, out5, projection = widths
        norm = not published
        large = 5 if published else 3
        self.branch1 = BasicConv2d(width, direct, 1, batch_norm=norm)
        self.branch2 = nn.Sequential(
            BasicConv2d(width, reduce3, 1, batch_norm=norm),
            BasicConv2d(reduce3, out3, 3, padding=1, batch_norm=norm),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(width, reduce5, 1, batch_norm=norm),
            BasicConv2d(reduce5, out5, large, padding=large // 2, batch_norm=norm),
        )
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), BasicConv2d(width, projection, 1, batch_norm=norm))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class AuxiliaryClassifier(nn.Module):
    """A classifier on features midway, there in training only: it sends gradient to the early layers."""

    def __init__(self, in_channels: int, num_classes: int, published: bool) -> None:
        super().__init__()
        # 14x14 -> 4x4 either way, but over other windows
        self.pool = nn.AvgPool2d(5, stride=3) if published else nn.AdaptiveAvgPool2d(4)
        self.conv = BasicConv2d(in_channels, 128, 1, batch_norm=not published)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.pool(x)).flatten(1)
        return cast(Tensor, self.fc2(self.dropout(self.relu(self.fc1(x)))))


class GoogLeNet(Network):
    """A stem that divides the map's side by eight, nine Inception modules, and a global average."""

    stem_conv = "conv1.conv"

    def __init__(
        self,
        variant: Variant,
        num_classes: int,
        in_channels: int,
        dropout: float,
        small: bool,
        aux_logits: bool,
        transform_input: bool,
    ) -> None:
        super().__init__()
        published = variant.published
        norm = not published
        self.published = published
        self.transform_input = transform_input
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = BasicConv2d(in_channels, 64, kernel, stride=stride, padding=kernel // 2, batch_norm=norm)
        self.maxpool1 = nn.Identity() if small else nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = LocalResponseNorm() if published else nn.Identity()
        self.conv2 = BasicConv2d(64, 64, 1, batch_norm=norm)
        self.conv3 = BasicConv2d(64, 192, 3, padding=1, batch_norm=norm)
        self.norm2 = LocalResponseNorm() if published else nn.Identity()
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for name, widths in INCEPTIONS.items():
            self.add_module(name, Inception(widths, published))
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool4 = nn.MaxPool2d(3 if published else 2, stride=2, ceil_mode=True)
        self.aux1 = AuxiliaryClassifier(512, num_classes, published) if aux_logits else None
        self.aux2 = AuxiliaryClassifier(528, num_classes, published) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)

    def _stem(self, x: Tensor) -> Tensor:
        if self.transform_input:
            x = from_imagenet_statistics(x)
        return run(self, x, "conv1", "maxpool1", "norm1", "conv2", "conv3", "norm2", "maxpool2")

    def _inception3(self, x: Tensor) -> Tensor:
        return run(self, x, "inception3a", "inception3b", "maxpool3")

    def _inception4(self, x: Tensor) -> Tensor:
        return self._inception4e(self._inception4d(self._inception4a(x)))

    def _inception4a(self, x: Tensor) -> Tensor:
        return run(self, x, "inception4a")

    def _inception4d(self, x: Tensor) -> Tensor:
        return run(self, x, "inception4b", "inception4c", "inception4d")

    def _inception4e(self, x: Tensor) -> Tensor:
        return run(self, x, "inception4e", "maxpool4")

    def _inception5(self, x: Tensor) -> Tensor:
        return run(self, x, "inception5a", "inception5b")

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {
            "stem": self._stem,
            "inception3": self._inception3,
            "inception4": self._inception4,
            "inception5": self._inception5,
        }

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x = self.dropout(self.avgpool(features).flatten(1))
        return cast(Tensor, x if pre_logits else self.fc(x))

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:  # type: ignore[override]
        """Logits; in training with auxiliary classifiers, all three."""
        if self.aux1 is None or self.aux2 is None or not self.training:
            return super().forward(x)
        early = self._inception4a(self._inception3(self._stem(x)))
        late = self._inception4d(early)
        logits = self.forward_head(self._inception5(self._inception4e(late)))
        return GoogLeNetOutputs(logits, self.aux2(late), self.aux1(early))

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier, and the auxiliary ones' last layers with it."""
        super().reset_classifier(num_classes)
        for aux in (self.aux1, self.aux2):
            if aux is not None:
                weight = aux.fc2.weight
                aux.fc2 = nn.Linear(aux.fc2.in_features, num_classes, device=weight.device, dtype=weight.dtype)

    def init_weights(self) -> None:
        """N(0, 0.01) as in torchvision; Xavier for the published network, which no normalisation rescales."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()  # for the biases
                if self.published:
                    nn.init.xavier_uniform_(module.weight)
                else:
                    nn.init.normal_(module.weight, 0.0, 0.01)
            else:
                init_module(module)


@register(
    VARIANTS,
    family="googlenet",
    paper=Paper(
        title="Going Deeper with Convolutions",
        authors="C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, A. Rabinovich",
        year=2014,
        url="https://arxiv.org/abs/1409.4842",
    ),
    summary="Introduced the Inception module: several kernels side by side, each behind a cheap 1x1 reduction.",
    published={"googlenet_2014": {"top5": 89.93}},
)
def googlenet(
    variant: Variant,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float | None = None,
    stem: str = "imagenet",
    aux_logits: bool = True,
    transform_input: bool = False,
) -> GoogLeNet:
    """GoogLeNet; ``transform_input`` is for torchvision's weights, trained on images normalised by 0.5."""
    check_transform_input(transform_input, in_channels)
    if dropout is None:
        dropout = variant.dropout
    return GoogLeNet(variant, num_classes, in_channels, dropout, is_small(stem), aux_logits, transform_input)
