"""Which images validate: drawn from a seed and the images' names, never from a process's random state."""

from __future__ import annotations

import hashlib

import numpy as np

from .errors import DataError
from .images import Images

VALIDATION_NAMES = ("val", "valid", "validation", "test")
"""What people call the split that validates; where there are several, the first of these is taken."""


def split(images: Images, classes: tuple[str, ...], *, share: float, seed: int) -> tuple[Images, Images]:
    """Images to train and to validate on: of each class ``share``, at least one, validates.

    Raises:
        DataError: a class has a single image, or the share is none.
    """
    if not 0 < share < 1:
        raise DataError(f"the share of images that validate lies between 0 and 1; got {share}")
    validates = np.zeros(len(images), bool)
    for label, name in enumerate(classes):
        members = np.flatnonzero(images.labels == label)
        if len(members) < 2:
            raise DataError(f"class {name!r} has {len(members)} image; a class needs two, one to train on and one to validate on")
        drawn = sorted(members.tolist(), key=lambda index: _draw(images.name(index), seed))
        validates[drawn[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    return images.take(np.flatnonzero(~validates)), images.take(np.flatnonzero(validates))


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest()


def fold_of(images: Images, classes: tuple[str, ...], *, folds: int, fold: int, seed: int) -> tuple[Images, Images]:
    """Images to train and to validate on: part ``fold`` (0 to ``folds`` - 1) validates; the classes are as frequent in each.

    Raises:
        DataError: there is no such fold, or a class has fewer images than there are folds.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise DataError(f"folds are two or more and counted from 0; got fold {fold} of {folds}")
    counts = np.bincount(images.labels, minlength=len(classes))
    if counts.min() < folds:
        raise DataError(f"class {classes[int(counts.argmin())]!r} has {counts.min()} images, too few for {folds} folds")
    from sklearn.model_selection import StratifiedKFold

    by_name = np.array(sorted(range(len(images)), key=lambda index: _draw(images.name(index), seed)))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    train, val = list(splitter.split(by_name, images.labels[by_name]))[fold]
    return images.take(np.sort(by_name[train])), images.take(np.sort(by_name[val]))
