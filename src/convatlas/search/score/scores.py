"""Which scores there are, and what each is asked with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import ConvatlasError
from ...names import unknown_name
from ...train.data import Data, Loader, open_data
from ..space.base import Space
from .proxies import PROXIES
from .training import Report, Training

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


def score_of(name: str, space: Space, data: str | Path | Data | None, epochs: int | None = None, batch: int | None = None) -> Score:
    """A score by its name.

    Args:
        name: "train", or one of `PROXIES`.
        space: whose candidates are scored.
        data: as `train` takes it; "train" needs it.
        epochs: of training; None for the recipe's.
        batch: images a step of training; None for the recipe's.

    Raises:
        ConvatlasError: there is no such score, training lacks data, or the data do not fit the space.

    """
    opened = open_data(data) if isinstance(data, str | Path) else data
    if opened is not None and len(opened.classes) != space.num_classes:
        raise ConvatlasError(f"the space makes {space.num_classes} logits, and {opened.name} has {len(opened.classes)} classes")
    if name == TRAINING:
        if opened is None:
            raise ConvatlasError("the score `train` needs images: --data digits, or a proxy such as --score naswot")
        return Training(data=opened, epochs=epochs, batch=batch, size=space.input_size[1])
    if name not in PROXIES:
        raise unknown_name("score", name, [TRAINING, *PROXIES], f"there are {', '.join([TRAINING, *PROXIES])}")
    return ProxyScore(name, space, opened)
