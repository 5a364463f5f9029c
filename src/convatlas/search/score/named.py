"""A score by its name."""

from __future__ import annotations

from pathlib import Path

from ...errors import ConvatlasError
from ...names import unknown_name
from ...train.data import Data, open_data
from ..space.base import Space
from .az_nas import NAME as AZ_NAS
from .az_nas import AzNasScore
from .proxies import PROXIES
from .scores import TRAINING, ProxyScore, Score
from .training import Training

NAMES = (TRAINING, *PROXIES, AZ_NAS)


def score_of(name: str, space: Space, data: str | Path | Data | None, epochs: int | None = None, batch: int | None = None) -> Score:
    """A score by its name.

    Args:
        name: one of `NAMES`.
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
    if name not in NAMES:
        raise unknown_name("score", name, NAMES, f"there are {', '.join(NAMES)}")
    return AzNasScore(AZ_NAS, space, opened) if name == AZ_NAS else ProxyScore(name, space, opened)
