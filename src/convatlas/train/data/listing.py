"""A list of images with their labels, as CSV: the columns path and label, and split where one is stated."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from .errors import DataError
from .images import FileImages
from .peek import source_of
from .source import Source, classes_by_name
from .split import VALIDATION_NAMES

_SPLITS = {"train": "train", "training": "train"} | {name: name for name in VALIDATION_NAMES}


def listing(file: Path, say: Callable[[str], None]) -> Source:
    """The images of a list. Paths are relative to its folder, or absolute; labels are names, whole numbers in their order.

    Raises:
        DataError: a column is missing, or a line has no path, no label, or a split that is unknown.
    """
    by_split: dict[str, list[tuple[str, str]]] = {}
    for path, label, split in _rows(file):
        by_split.setdefault(split, []).append((path, label))
    train = by_split.pop("train", [])
    if not train:
        raise DataError(f"{file} lists no image to train on")
    validation = next((name for name in VALIDATION_NAMES if name in by_split), None)
    for other in by_split:
        if other != validation:
            say(f"not read: {len(by_split[other]):,} images of {file} whose split is {other}; {validation} validates")
    val = by_split[validation] if validation else []
    both = {path for path, _ in train} & {path for path, _ in val}
    if both:
        raise DataError(f"{file}: {min(both)} is both to train on and to validate; {len(both)} such images")
    classes, labels, val_labels = classes_by_name(str(file), [label for _, label in train], [label for _, label in val])
    images, val_images = (
        FileImages(file.parent, [path for path, _ in rows], numbers) for rows, numbers in ((train, labels), (val, val_labels))
    )
    return source_of(images, val_images if validation else None, classes)


def _rows(file: Path) -> list[tuple[str, str, str]]:
    """(path, label, split) of each line; the split is "train" where none is stated."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            columns = [(name or "").strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            for wanted in ("path", "label"):
                if wanted not in columns:
                    has = ", ".join(columns) or "none"
                    raise DataError(
                        f"{file} has no column {wanted!r} (it has {has}); its first line is path,label or path,label,split"
                    )
            return [_row(file, reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} is no list in UTF-8, separated by commas: {error}") from error


def _row(file: Path, line: int, row: dict[str, str | None]) -> tuple[str, str, str]:
    path, label = ((row[name] or "").strip() for name in ("path", "label"))
    if not path or not label:
        raise DataError(f"{file}, line {line}: no {'label' if path else 'path'}")
    stated = (row.get("split") or "train").strip().lower()
    if stated not in _SPLITS:
        raise DataError(f"{file}, line {line}: split {stated!r} is none of {', '.join(_SPLITS)}")
    return path, label, _SPLITS[stated]
