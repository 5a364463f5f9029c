"""Heads of networks whose last maps are averaged to one vector."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from ..network import Network


class PooledNetwork(Network):
    """A head of the mean over the map, dropout, and a linear layer: `avgpool`, `dropout`, `fc`."""

    def make_head(self, channels: int, num_classes: int, dropout: float, *, bias: bool = True) -> None:
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes, bias=bias)

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        x: Tensor = self.dropout(self.avgpool(features).flatten(1))
        return x if pre_logits else self.fc(x)


class PooledNetworkWithClassifier(Network):
    """The same head, the dropout and the linear layer in one `classifier`."""

    classifier_path = "classifier.1"

    def make_head(self, channels: int, num_classes: int, dropout: float) -> None:
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, num_classes))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        dropout, linear = self.classifier
        x: Tensor = dropout(self.avgpool(features).flatten(1))
        return x if pre_logits else cast(Tensor, linear(x))
