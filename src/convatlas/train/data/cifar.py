"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in their binary and their python form; https://www.cs.toronto.edu/~kriz/cifar.html."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import DataError
from .idx import check_labels
from .images import MemoryImages
from .source import Source
from .unpickle import unpickle

_SIDE = 32
_PIXEL_BYTES = 3 * _SIDE * _SIDE
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))


@dataclass(frozen=True, slots=True)
class Files:
    """What one form of a set consists of: the folder that its archive unpacks to, and the files in that."""

    folder: str
    train: tuple[str, ...]
    test: str
    names: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One of the two sets: its files in both forms, and how labels are stored in each.

    Attributes:
        binary, pickled: its files.
        label_bytes: that lead a binary record; the last of them is the label.
        labels_key, names_key: of the pickled dicts.
        classes: names, for where the file of names is missing.
    """

    binary: Files
    pickled: Files
    label_bytes: int
    labels_key: bytes
    names_key: bytes
    classes: tuple[str, ...]


KINDS = {
    "cifar10": Kind(
        binary=Files("cifar-10-batches-bin", tuple(f"{name}.bin" for name in _BATCHES), "test_batch.bin", "batches.meta.txt"),
        pickled=Files("cifar-10-batches-py", _BATCHES, "test_batch", "batches.meta"),
        label_bytes=1,
        labels_key=b"labels",
        names_key=b"label_names",
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
    "cifar100": Kind(
        binary=Files("cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt"),
        pickled=Files("cifar-100-python", ("train",), "test", "meta"),
        label_bytes=2,
        labels_key=b"fine_labels",
        names_key=b"fine_label_names",
        classes=tuple(str(number) for number in range(100)),
    ),
}


def cifar_files(name: str, place: Path) -> tuple[Path, Files] | None:
    """The folder at or in ``place`` that holds the set, and in which form; None if none does."""
    for files in (KINDS[name].binary, KINDS[name].pickled):
        for folder in (place, place / files.folder):
            if (folder / files.test).is_file() and any((folder / each).is_file() for each in files.train):
                return folder, files
    return None


def cifar(name: str, folder: Path, files: Files, say: Callable[[str], None]) -> Source:
    """CIFAR-10 or CIFAR-100 from a folder that holds ``files``.

    Raises:
        DataError: a file is damaged, no pickle of arrays, or holds a label that is out of range.
    """
    kind = KINDS[name]
    binary = files is kind.binary
    read = _binary if binary else _pickled
    classes = (_binary_names if binary else _pickled_names)(folder / files.names, kind)
    missing = [each for each in files.train if not (folder / each).is_file()]
    if missing:
        say(f"{folder} lacks {', '.join(missing)}; the rest is trained on")
    splits = []
    for split, names in (("train", files.train), ("test", (files.test,))):
        parts = [read(folder / each, kind) for each in names if each not in missing]
        for each, (_, labels) in zip((each for each in names if each not in missing), parts, strict=True):
            check_labels(labels, len(classes), folder / each)
        pixels, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
        splits.append(MemoryImages(f"{name} {split}", pixels.reshape(-1, 3, _SIDE, _SIDE), labels))
    return Source(train=splits[0], val=splits[1], classes=classes, channels=3, size=_SIDE, short_sides=(_SIDE, _SIDE))


def _binary(file: Path, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    content = np.frombuffer(file.read_bytes(), np.uint8)
    record = kind.label_bytes + _PIXEL_BYTES
    if not len(content) or len(content) % record:
        raise DataError(f"{file} is cut off or damaged: its {len(content):,} bytes are no multiple of {record:,}, an image's")
    records = content.reshape(-1, record)
    return records[:, kind.label_bytes :], records[:, kind.label_bytes - 1].astype(np.int64)


def _binary_names(file: Path, kind: Kind) -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8").split()) if file.is_file() else kind.classes


def _pickled(file: Path, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    found = unpickle(file)
    if not isinstance(found, dict):
        raise DataError(f"{file} holds no dict of data and labels")
    try:  # Python 2 wrote the keys as bytes, others write text
        held = {key if isinstance(key, bytes) else str(key).encode(): value for key, value in found.items()}
        pixels, labels = np.asarray(held[b"data"]), np.asarray(held[kind.labels_key], np.int64)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{file} holds no {kind.labels_key.decode()} beside data: {error}") from error
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), _PIXEL_BYTES) or labels.ndim != 1:
        raise DataError(
            f"{file}: data are {pixels.dtype} {pixels.shape} for {labels.size} labels; expected uint8 ({labels.size}, {_PIXEL_BYTES})"
        )
    return pixels, labels


def _pickled_names(file: Path, kind: Kind) -> tuple[str, ...]:
    found = unpickle(file) if file.is_file() else {}
    names = found.get(kind.names_key) or found.get(kind.names_key.decode()) or kind.classes
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
