"""From what was asked for to data: found, split, checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path

import numpy as np

from ...names import unknown_name
from ...weights.download import cache_folder
from .cifar import KINDS, cifar, cifar_files
from .data import Data
from .digits import digits
from .errors import DataError
from .fetch import fetch, torchvision_name
from .folder import folder
from .idx import CLASSES, FILES, idx, idx_folder
from .images import Images
from .listing import listing
from .shards import are_shards, shards
from .source import Source
from .split import fold_of, split
from .warn import warn

_DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")  # of its package dataset-fashion-mnist


def open_data(
    spec: str | Path | Data,
    *,
    seed: int = 0,
    validation: float = 0.2,
    folds: int | None = None,
    fold: int | None = None,
    say: Callable[[str], None] = warn,
) -> Data:
    """Open data to train on.

    Args:
        spec: a folder of images (``train/`` and ``val/`` with a folder for each class, or these alone); a list (``.csv`` with the
            columns path, label and, if it is split, split); WebDataset shards (``DIR/*.tar``, ``http://.../{000..003}.tar``); "digits",
            scikit-learn's; "mnist", "fashion-mnist", "cifar10", "cifar100", downloaded if they are nowhere, or these with a folder,
            "cifar10:DIR", that holds their files in any of the forms in which they are published; or Data, which are returned as
            they are.
        seed: of the split, where the data are not split.
        validation: share of each class that validates, where the data are not split.
        folds: split the images to train on in so many parts, alike in their classes; images that are set apart stay out.
        fold: which of them validates, from 0.
        say: told what is left out, line by line.

    Raises:
        DataError: there are no such data, or nothing can be learnt from them: one class, or a class that has no images in
            one of the splits.
    """
    if isinstance(spec, Data):
        if folds is not None:
            raise DataError("these data are split already; folds are made of data that are opened by their name")
        return spec
    if (folds is None) != (fold is None):
        raise DataError(f"folds and fold go together; got folds={folds} and fold={fold}")
    text = os.fspath(spec)
    source = _find(text, say)
    _check_classes(text, source, say)
    if folds is not None and fold is not None:
        train, val = fold_of(source.train, source.classes, folds=folds, fold=fold, seed=seed)
    elif source.val is None:
        train, val = split(source.train, source.classes, share=validation, seed=seed)
    else:
        train, val = source.train, source.val
    return Data(
        name=text,
        spec=_anywhere(text),
        train=train,
        val=val,
        classes=source.classes,
        channels=source.channels,
        size=source.size,
        short_sides=source.short_sides,
    )


def open_images(spec: str | Path | Data, *, classes: Sequence[str], say: Callable[[str], None] = warn) -> Images:
    """Images to evaluate a network on whose classes are ``classes``: those that validate where the data are split, else all.

    Classes are matched by name; the images may be of some of them only.

    Raises:
        DataError: there are no such data, or they hold a class that the network does not know.
    """
    found = spec if isinstance(spec, Data) else _find(os.fspath(spec), say)
    name = spec.name if isinstance(spec, Data) else spec
    images = copy(found.train if found.val is None else found.val)
    strangers = [found.classes[label] for label in np.unique(images.labels).tolist() if found.classes[label] not in classes]
    if strangers:
        known = f"{', '.join(classes[:10])}{', ...' if len(classes) > 10 else ''}"
        raise DataError(f"{name} holds images of {strangers[0]!r}, which is no class of the network; it knows {known}")
    number = {each: label for label, each in enumerate(classes)}
    images.labels = np.array([number.get(each, -1) for each in found.classes], np.int64)[images.labels]
    return images


def _find(spec: str, say: Callable[[str], None]) -> Source:
    kind, _, place = spec.partition(":")
    if spec == "digits":
        return digits()
    if kind in CLASSES:
        return _idx(kind, place)
    if kind in KINDS:
        return _cifar(kind, place, say)
    if are_shards(spec):
        return shards(spec, say)
    path = Path(spec)
    if path.is_dir():
        return folder(path, say)
    if path.suffix.lower() == ".csv" and path.is_file():
        return listing(path, say)
    if path.is_file():
        raise DataError(f"{spec} is a file, but no list (.csv with the columns path and label) and no shard (.tar)")
    known = ("digits", *CLASSES, *KINDS)
    way_out = f"there is no such folder; without one there are {', '.join(known)}"
    raise DataError(str(unknown_name("data", spec, known, way_out)))


def _idx(kind: str, place: str) -> Source:
    roots = [Path(place)] if place else [cache_folder("data"), Path("data")]
    own = torchvision_name(kind)
    places = [each for root in roots for each in (root, root / "raw", root / own / "raw")]
    if kind == "fashion-mnist" and not place:
        places.insert(0, _DEBIAN_FASHION)
    found = idx_folder(places)
    if found is None:
        fetch(kind, roots[0], " ".join(f"{name}[.gz]" for name in FILES))
        found = idx_folder(places)
    assert found is not None
    return idx(kind, found)


def _cifar(kind: str, place: str, say: Callable[[str], None]) -> Source:
    roots = [Path(place)] if place else [cache_folder("data"), Path("data")]
    found = next((each for root in roots if (each := cifar_files(kind, root))), None)
    if found is None:
        binary = KINDS[kind].binary
        fetch(
            kind,
            roots[0],
            f"{binary.train[0]}{' and so on' if len(binary.train) > 1 else ''} and {binary.test}, or the python form,",
        )
        found = cifar_files(kind, roots[0])
    assert found is not None
    return cifar(kind, *found, say)


def _check_classes(spec: str, source: Source, say: Callable[[str], None]) -> None:
    train = np.bincount(source.train.labels, minlength=len(source.classes))
    val = train if source.val is None else np.bincount(source.val.labels, minlength=len(source.classes))
    present = [name for name, count in zip(source.classes, train, strict=True) if count]
    if len(present) < 2:
        raise DataError(f"{spec} holds images of one class, {', '.join(present)}; there is nothing to tell apart")
    for name, trained, validated in zip(source.classes, train.tolist(), val.tolist(), strict=True):
        if bool(trained) != bool(validated):
            raise DataError(
                f"{spec}: class {name!r} has no image to {'validate' if trained else 'train'} on; each class needs some in both"
            )
    if len(present) < len(source.classes):
        absent = [name for name in source.classes if name not in present]
        say(f"{spec}: no image is of {', '.join(absent)}")


def _anywhere(spec: str) -> str:
    """What opens the same data from any folder: relative places made absolute, names and addresses as they are."""
    kind, colon, place = spec.partition(":")
    if kind in (*CLASSES, *KINDS):
        return f"{kind}:{Path(place).absolute()}" if colon and place else spec
    return spec if spec == "digits" or "://" in spec else str(Path(spec).absolute())
