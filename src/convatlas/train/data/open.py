"""From what was asked for to data: finds them, splits them, checks them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .data import Data
from .digits import digits
from .errors import DataError
from .idx import FILES, idx, idx_folder
from .source import Source
from .split import fold_of, split

_DEBIAN = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist"), "mnist": Path("/usr/share/datasets/mnist")}
_TORCHVISION = {"fashion-mnist": "FashionMNIST", "mnist": "MNIST"}


def open_data(
    spec: str | Path | Data, *, seed: int = 0, validation: float = 0.2, folds: int | None = None, fold: int | None = None
) -> Data:
    """Open data to train on.

    Args:
        spec: "digits" (scikit-learn's), "fashion-mnist", "mnist" (found where Debian or torchvision puts them),
            "fashion-mnist:DIR", "mnist:DIR"; or Data, which are returned as they are.
        seed: of the split, where the data are not split.
        validation: share of each class that validates, where the data are not split.
        folds: split the images to train on in so many parts, alike in their classes.
        fold: which of them validates, from 0.

    Raises:
        DataError: there are no such data, or nothing can be learnt from them: one class, or a class that has no images in
            one of the splits.
    """
    if isinstance(spec, Data):
        return spec
    if (folds is None) != (fold is None):
        raise DataError(f"folds and fold go together; got folds={folds} and fold={fold}")
    source = _find(str(spec))
    if len(source.classes) < 2:
        raise DataError(f"{spec} holds one class, {source.classes[0]!r}; there is nothing to tell apart")
    if folds is not None and fold is not None:
        train, val = fold_of(source.train, source.classes, folds=folds, fold=fold, seed=seed)
    elif source.val is None:
        train, val = split(source.train, source.classes, share=validation, seed=seed)
    else:
        train, val = source.train, source.val
    data = Data(name=str(spec), train=train, val=val, classes=source.classes, channels=source.channels, size=source.size)
    _check(data)
    return data


def _find(spec: str) -> Source:
    kind, _, place = spec.partition(":")
    if spec == "digits":
        return digits()
    if kind in _TORCHVISION:
        return _idx(kind, place)
    raise DataError(f"{spec}: no such data; a folder of images, a list.csv, digits, fashion-mnist, mnist:DIR are")


def _idx(kind: str, place: str) -> Source:
    own = _TORCHVISION[kind]
    roots = [Path(place)] if place else [Path("data")]
    places = [folder for root in roots for folder in (root, root / "raw", root / own / "raw")]
    if not place:
        places.insert(0, _DEBIAN[kind])
    folder = idx_folder(places)
    if folder is None:
        looked = ", ".join(str(each) for each in places)
        raise DataError(f"{kind} was not found: none of {looked} holds {FILES[0]} (or {FILES[0]}.gz) and its three fellows")
    return idx(kind, folder)


def _check(data: Data) -> None:
    for split_name, images in (("to train on", data.train), ("to validate on", data.val)):
        counts = np.bincount(images.labels, minlength=len(data.classes))
        if not counts.all():
            absent = [name for name, count in zip(data.classes, counts, strict=True) if not count]
            raise DataError(f"{data.name}: class {absent[0]!r} has no image {split_name}; each class needs some")
