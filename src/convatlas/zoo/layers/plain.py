"""Plain networks: one chain of layers, `features`, and a chain of fully connected ones, `classifier`."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from .classifier_module import NetworkWithClassifier


class PlainNetwork(NetworkWithClassifier):
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

    def stages(self) -> dict[str, nn.Sequential]:  # type: ignore[override]
        return split_at_pooling(self.features)

    def forward_features(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.features(x))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x = self.avgpool(features).flatten(1)
        classifier = cast(nn.Sequential, self.classifier)
        return cast(Tensor, (classifier[:-1] if pre_logits else classifier)(x))


def split_at_pooling(features: nn.Sequential) -> dict[str, nn.Sequential]:
    """The parts of a chain that end with a pooling, and what follows the last one, as stage1, stage2, ..."""
    ends = [i + 1 for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d)]
    if not ends or ends[-1] < len(features):
        ends.append(len(features))
    return {f"stage{i + 1}": features[start:end] for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False))}


class LocalResponseNorm(nn.LocalResponseNorm):
    """Local response normalisation over neighbouring channels: x / (k + alpha / size * sum of x^2) ^ beta.

    The parent has no bfloat16 on a CPU; this one has, and is the same function.
    """

    def forward(self, x: Tensor) -> Tensor:
        mean_square = F.avg_pool2d(x.square().flatten(2), (self.size, 1), stride=1, padding=(self.size // 2, 0))
        return cast(Tensor, x / (self.k + self.alpha * mean_square.reshape(x.shape)).pow(self.beta))
