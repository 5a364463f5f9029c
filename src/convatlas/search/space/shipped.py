"""A space whose candidates are networks of one class in `search/networks`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import nn

from .base import Space, Values
from .source import source_of


class ShippedSpace(Space):
    """Networks of one class, which takes the size of images, the number of classes, and what a candidate's options make of the rest.

    Attributes:
        network: the class.

    """

    network: ClassVar[type[nn.Module]]

    @abstractmethod
    def arguments(self, values: Values) -> dict[str, object]:
        """What makes a candidate beside images and classes."""

    def plan(self, values: Values) -> tuple[str, dict[str, object]]:
        common = {"input_size": self.input_size, "num_classes": self.num_classes}
        return self.network.__name__, {**common, **self.arguments(values)}

    def build(self, values: Values) -> nn.Module:
        arguments: Any = self.plan(values)[1]
        return self.network(**arguments)

    def source(self, values: Values) -> str:
        return source_of(self.network.__module__.rpartition(".")[2], *self.plan(values))
