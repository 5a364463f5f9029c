"""What a score is, and the one of a network that is not trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ...train.data import Data, Loader
from ..space.base import Space
from .proxies import PROXIES
from .training import Report

TRAINING = "train"
_IMAGES = 32


class Score(Protocol):
    """What a candidate is worth; larger is better."""

    @property
    def name(self) -> str:
        """As it is asked for."""

    @property
    def meaning(self) -> str:
        """With its unit."""

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
        """The score of the network that ``make`` makes after torch was seeded; see `Training`."""


@dataclass(frozen=True)
class ProxyScore:
    """A proxy on a batch of images: of the data, or random ones where there are none."""

    name: str
    space: Space
    data: Data | None = None

    @property
    def meaning(self) -> str:
        """What it is of."""
        return f"{self.name} of the initial weights, on {_IMAGES} {'images' if self.data else 'random images'}"

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor]:
        """Images and labels, the same for all candidates."""
        if self.data is None:
            random = torch.Generator().manual_seed(0)
            return torch.randn(_IMAGES, *self.space.input_size, generator=random), torch.arange(_IMAGES) % self.space.num_classes
        channels, side, _ = self.space.input_size
        loader = Loader(
            self.data.train.take(np.random.default_rng(0).permutation(len(self.data.train))[:_IMAGES]),
            classes=len(self.data.classes), batch=_IMAGES, channels=channels, preprocessing=self.data.preprocessing(side, channels),
        )  # fmt: skip
        found = next(iter(loader.epoch(0)))
        return found.pixels, found.labels

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
        """The proxy's figure; nothing is reported on the way."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return PROXIES[self.name](make(), *self.batch)
