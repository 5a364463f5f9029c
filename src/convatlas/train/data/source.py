"""What a kind of data finds: splits that exist, or images that are still to be split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...names import natural_key
from .errors import DataError
from .images import Images


@dataclass(frozen=True, kw_only=True)
class Source:
    """Images as they were found. Labels are indexes into ``classes``.

    Attributes:
        train: images to train on, of which some are to validate where ``val`` is None.
        val: images that validate, where the data say which.
        classes: names.
        channels, size, short_sides: as in ``Data``.
    """

    train: Images
    val: Images | None
    classes: tuple[str, ...]
    channels: int
    size: int | None
    short_sides: tuple[int, int]


def classes_by_name(place: str, train: Sequence[str], val: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Classes in natural order, and the labels of the images whose classes' names are ``train`` and ``val``.

    Raises:
        DataError: a class validates that is not trained on.
    """
    classes = tuple(sorted(set(train), key=lambda name: (natural_key(name), name)))
    number = {name: label for label, name in enumerate(classes)}
    unknown = sorted(set(val) - set(classes))
    if unknown:
        raise DataError(f"{place}: class {unknown[0]!r} is to validate, but training lacks it; training has {', '.join(classes)}")
    labels, val_labels = (np.array([number[name] for name in names], np.int64) for names in (train, val))
    return classes, labels, val_labels
