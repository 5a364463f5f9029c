"""MNIST's and Fashion-MNIST's files (IDX, plain or gzip), in a folder, from Debian's package, or as torchvision leaves them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from .errors import DataError
from .images import MemoryImages
from .source import Source

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CLASSES = {"mnist": tuple("0123456789"), "fashion-mnist": _FASHION}
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_folder(places: list[Path]) -> Path | None:
    """The first folder that holds all four files, or None."""
    return next((place for place in places if all(_file(place, name) for name in FILES)), None)


def idx(name: str, folder: Path) -> Source:
    """MNIST or Fashion-MNIST from a folder that holds the four files.

    Raises:
        DataError: a file is damaged, or holds a label that is out of range.
    """
    splits = []
    for split, images_name, labels_name in (("train", *FILES[:2]), ("test", *FILES[2:])):
        images_file, labels_file = _file(folder, images_name), _file(folder, labels_name)
        assert images_file is not None
        assert labels_file is not None
        pixels, labels = _array(images_file, 3), _array(labels_file, 1)
        if len(pixels) != len(labels):
            raise DataError(f"{images_file} holds {len(pixels):,} images, but {labels_file.name} {len(labels):,} labels")
        check_labels(labels, len(CLASSES[name]), labels_file)
        splits.append(MemoryImages(f"{name} {split}", pixels[:, None], labels))
    height, width = splits[0].pixels.shape[2:]
    return Source(
        train=splits[0],
        val=splits[1],
        classes=CLASSES[name],
        channels=1,
        size=height if height == width else None,
        short_sides=(min(height, width), min(height, width)),
    )


def check_labels(labels: np.ndarray, classes: int, file: Path) -> None:
    """Raise DataError where a label is none of 0 to ``classes`` - 1."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise DataError(f"{file}: image {wrong[0]} has label {labels[wrong[0]]}; labels are 0 to {classes - 1}")


def _file(folder: Path, name: str) -> Path | None:
    """Under its usual names; some unpackers write a point for the second hyphen."""
    names = (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz")
    return next((folder / each for each in names if (folder / each).is_file()), None)


def _array(file: Path, dimensions: int) -> np.ndarray:
    """http://yann.lecun.com/exdb/mnist: two zeros, the type (8: unsigned bytes), the dimensions, their lengths, the values."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    head = 4 + 4 * dimensions
    if len(content) < head or content[:4] != bytes((0, 0, 8, dimensions)):
        raise DataError(f"{file} is no IDX file of bytes in {dimensions} dimension{'s' if dimensions > 1 else ''}")
    shape = struct.unpack(f">{dimensions}I", content[4:head])
    wanted = int(np.prod(shape, dtype=np.int64))
    if len(content) - head != wanted:
        raise DataError(
            f"{file} is cut off or damaged: {wanted:,} bytes of values are announced, {len(content) - head:,} are there"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
