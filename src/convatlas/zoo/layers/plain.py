"""Plain networks: one chain of layers, `features`, and a chain of fully connected ones, `classifier`."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from ..network import Network


class PlainNetwork(Network):
    """A chain of layers, pooled to a fixed size and read by a chain of fully connected layers.

    A stage ends with each pooling inside ``features``.
    """

    stem_conv = "features.0"

    def __init__(self, features: nn.Sequential, pooled_size: int, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(pooled_size)
        self.classifier = classifier
        self.classifier_path = f"classifier.{len(classifier) - 1}"

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return dict(split_at_pooling(self.features))

    def forward_features(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.features(x))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x = self.avgpool(features).flatten(1)
        classifier = self.classifier
        return cast(Tensor, (classifier[:-1] if pre_logits else classifier)(x))


def split_at_pooling(features: nn.Sequential) -> dict[str, nn.Sequential]:
    """The parts of a chain that end with a pooling, and what follows the last one, as stage1, stage2, ..."""
    ends = [i + 1 for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d)]
    if not ends or ends[-1] < len(features):
        ends.append(len(features))
    return {f"stage{i + 1}": features[start:end] for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False))}


def fully_connected(width: int, num_classes: int, dropout: float, hidden: int = 4096) -> nn.Sequential:
    """Two ``hidden`` layers, each behind a dropout, for 6x6 maps."""
    return nn.Sequential(
        *(nn.Dropout(dropout), nn.Linear(width * 6 * 6, hidden), nn.ReLU(inplace=True)),
        *(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(inplace=True)),
        nn.Linear(hidden, num_classes),
    )


class LocalResponseNorm(nn.LocalResponseNorm):
    """Local response normalisation over neighbouring channels: x / (k + alpha / size * sum of x^2) ^ beta.

    The constants are AlexNet's, whose alpha of 1e-4 is not divided by the size. The parent has no bfloat16 on a CPU;
    this one has, and is the same function.
    """

    def __init__(self, size: int = 5, alpha: float = 5e-4, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, x: Tensor) -> Tensor:
        mean_square = F.avg_pool2d(x.square().flatten(2), (self.size, 1), stride=1, padding=(self.size // 2, 0))
        return x / (self.k + self.alpha * mean_square.reshape(x.shape)).pow(self.beta)
