"""A folder of images: its folders are the classes, or ``train`` and ``val`` hold them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from ...images import IMAGE_SUFFIXES
from .errors import DataError
from .images import FileImages
from .peek import source_of
from .source import Source, classes_by_name
from .split import VALIDATION_NAMES

_LOOKED_FOR = "looked for images, .jpg or .png or what else Pillow reads, in a folder for each class, at any depth"


def folder(place: Path, say: Callable[[str], None]) -> Source:
    """The images of a folder. The first level below a split is the class.

    Raises:
        DataError: there is no image, or none in a folder of its class; or a class validates that is not trained on.
    """
    subfolders = {each.name.lower(): each for each in _subfolders(place)}
    train = subfolders.get("train") or subfolders.get("training")
    if train is None or not _subfolders(train):  # without folders of its own it is a class of that name
        splits = [each for name in VALIDATION_NAMES if (each := subfolders.get(name)) and _subfolders(each)]
        if splits:
            raise DataError(f"{splits[0]}/ holds folders, as a split does that validates, but there is no train/ beside it")
        names, texts = _found(place, place, say)
        classes, labels, _ = classes_by_name(str(place), texts, [])
        return source_of(FileImages(place, names, labels), None, classes)
    validation = next((subfolders[name] for name in VALIDATION_NAMES if name in subfolders), None)
    for other in subfolders.values():
        if other not in (train, validation):
            say(f"not read: {other}/, which lies beside {train.name}/")
    names, texts = _found(train, place, say)
    val_names, val_texts = _found(validation, place, say) if validation else ([], [])
    classes, labels, val_labels = classes_by_name(str(place), texts, val_texts)
    val = FileImages(place, val_names, val_labels) if validation else None
    return source_of(FileImages(place, names, labels), val, classes)


def _found(split: Path, root: Path, say: Callable[[str], None]) -> tuple[list[str], list[str]]:
    """The images of a split, by their names relative to ``root``, and the names of their classes."""
    found: list[tuple[str, str]] = []
    for subfolder in _subfolders(split):
        images = [os.path.relpath(file, root) for file in _images(str(subfolder))]
        # one name has several spellings in Unicode, and systems differ in which they write
        found += [(image, unicodedata.normalize("NFC", subfolder.name)) for image in images]
        if not images:
            say(f"not a class: {subfolder}/ holds no image")
    loose = sum(_is_image(file.name) for file in split.iterdir())
    if not found:
        hint = f"; {loose} images lie in it itself: put them into a folder for each class, or give a list.csv" if loose else ""
        if any(file.suffix == ".tar" for file in split.iterdir()):
            hint = f"; shards are given as {split / '*.tar'}"
        raise DataError(f"{split} holds no class with images ({_LOOKED_FOR}){hint}")
    if loose:
        say(f"not read: {loose} images that lie in {split}/ itself, in no class's folder")
    return [image for image, _ in found], [name for _, name in found]


def _subfolders(place: Path) -> list[Path]:
    return sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))


def _images(place: str, above: frozenset[str] = frozenset()) -> Iterator[str]:
    """All images below; links are followed, but not to a folder that holds them."""
    real = os.path.realpath(place)
    if real in above:
        return
    with os.scandir(place) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _images(entry.path, above | {real})
        elif _is_image(entry.name):
            yield entry.path


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES
