"""WebDataset shards: tar files in which the files of one name, up to the first dot, are one sample: ``a.jpg`` and ``a.cls``.

A shard is indexed once, and its images are read where they lie. So an epoch has as many steps as images and batch say, whatever
the number of shards, workers and processes, and any image can be read first.
"""

from __future__ import annotations

import glob
import re
import tarfile
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from ...images import IMAGE_SUFFIXES
from ...weights.download import download
from .errors import DataError
from .images import EncodedImages
from .names import Names
from .peek import source_of
from .source import Source, classes_by_name
from .split import VALIDATION_NAMES

_BRACES = re.compile(r"\{([^{}]*)\}")


class ShardImages(EncodedImages):
    """Images that lie in tar files, each at an offset."""

    def __init__(
        self, shards: list[Path], shard: np.ndarray, offset: np.ndarray, size: np.ndarray, keys: Iterable[str], labels: np.ndarray
    ) -> None:
        self.shards, self.shard, self.offset, self.size = shards, shard, offset, size
        self.keys, self.labels = Names(keys), labels.astype(np.int64)

    def name(self, index: int) -> str:
        return f"{self.shards[self.shard[index]].name}/{self.keys[index]}"

    def place(self, index: int) -> str:
        return f"{self.shards[self.shard[index]]}, {self.keys[index]}"

    def num_bytes(self, index: int) -> int:
        return int(self.size[index])

    def encoded(self, index: int) -> BytesIO:
        with self.shards[self.shard[index]].open("rb") as file:
            file.seek(int(self.offset[index]))
            return BytesIO(file.read(int(self.size[index])))

    def take(self, indexes: np.ndarray) -> ShardImages:
        keys = (self.keys[index] for index in indexes.tolist())
        return ShardImages(self.shards, self.shard[indexes], self.offset[indexes], self.size[indexes], keys, self.labels[indexes])


class _Sample(NamedTuple):
    """A labelled image: the shard it lies in, its name and place in that, and what its .cls says."""

    shard: Path
    name: str
    offset: int
    size: int
    label: str


def are_shards(spec: str) -> bool:
    """Whether a spec names tar files: by a path, a pattern or addresses."""
    return spec.endswith(".tar")


def shards(spec: str, say: Callable[[str], None]) -> Source:
    """The images of tar files: ``shards/*.tar``, ``shards/train-{000..146}.tar``, ``https://host/{train,val}-{00..09}.tar``.

    Shards whose names say train or val (valid, validation, test) make the splits; if none says so, the images are split as those
    of a folder without splits. Files at addresses are fetched once, into the cache.

    Raises:
        DataError: there are none, one is damaged, some say their split and others do not, or no sample has a label.
        WeightsError: a file could not be downloaded.
    """
    places = [place for pattern in _expanded(spec) for place in _found(pattern)]
    by_split: dict[str, list[str]] = {}
    for place in places:
        by_split.setdefault(_split(place), []).append(place)
    loose = by_split.pop("", [])
    if loose and by_split:
        stated = next(iter(by_split.values()))[0]
        raise DataError(f"{stated} says in its name of which split it is, but {loose[0]} does not; name all shards alike")
    validation = next((name for name in VALIDATION_NAMES if name in by_split), None)
    train = loose or by_split.get("train", [])
    if not train:
        raise DataError(f"{spec}: there are shards to validate on, {by_split[str(validation)][0]}, but none to train on")
    samples = _indexed(train, spec, say)
    val_samples = _indexed(by_split[validation], spec, say) if validation else []
    texts, val_texts = ([sample.label for sample in each] for each in (samples, val_samples))
    classes, labels, val_labels = classes_by_name(spec, texts, val_texts)
    val = _images(val_samples, val_labels) if validation else None
    return source_of(_images(samples, labels), val, classes)


def _images(samples: list[_Sample], labels: np.ndarray) -> ShardImages:
    files = list(dict.fromkeys(sample.shard for sample in samples))
    number = {file: index for index, file in enumerate(files)}
    shard, offset, size = np.array([(number[sample.shard], sample.offset, sample.size) for sample in samples], np.int64).T
    return ShardImages(files, shard, offset, size, [sample.name for sample in samples], labels)


def _expanded(spec: str) -> list[str]:
    """Braces as a shell expands them, the inner ones first: {000..003} counts, {a,b} lists."""
    braces = _BRACES.search(spec)
    if not braces:
        if set(spec) & set("{}"):
            raise DataError(f"{spec}: a brace has no fellow")
        return [spec]
    before, after = spec[: braces.start()], spec[braces.end() :]
    return list(dict.fromkeys(each for choice in _choices(braces[1], spec) for each in _expanded(f"{before}{choice}{after}")))


def _choices(inside: str, spec: str) -> list[str]:
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", inside)
    if not ends:
        return inside.split(",")
    first, last = int(ends[1]), int(ends[2])
    if last < first:
        raise DataError(f"{spec}: {{{inside}}} counts down")
    width = len(ends[1]) if ends[1].startswith("0") else 0
    return [str(number).zfill(width) for number in range(first, last + 1)]


def _found(pattern: str) -> list[str]:
    if "://" in pattern:
        return [pattern]
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    if not matches:
        raise DataError(f"{pattern}: {'no file matches' if glob.has_magic(pattern) else 'no such file'}")
    return matches


def _split(place: str) -> str:
    """The split that a shard's name, or else its folder, states; "" if neither does."""
    path = urlsplit(place).path if "://" in place else place
    words = [*re.split(r"[^a-z]+", Path(path).stem.lower()), Path(path).parent.name.lower()]
    found = next((word for word in words if word in ("train", "training", *VALIDATION_NAMES)), "")
    return "train" if found == "training" else found


def _indexed(places: list[str], spec: str, say: Callable[[str], None]) -> list[_Sample]:
    files = [download(place, kind="shards", plain_http=True) if "://" in place else Path(place) for place in places]
    samples: list[_Sample] = []
    unlabelled = 0
    for file in files:
        images, labels = _index(file)
        labelled = [key for key in images if key in labels]
        samples += [_Sample(file, *images[key], _label(labels[key], file, key)) for key in labelled]
        unlabelled += len(images) - len(labelled)
    if not samples:
        raise DataError(f"{spec} holds no image with a label: looked for pairs like 0001.jpg and 0001.cls in {len(files)} shards")
    if unlabelled:
        say(f"not read: {unlabelled:,} images of {spec} that have no .cls beside them")
    return samples


def _index(file: Path) -> tuple[dict[str, tuple[str, int, int]], dict[str, bytes]]:
    """By the key of its sample, each image's (name, offset, size), and each label's content."""
    images: dict[str, tuple[str, int, int]] = {}
    labels: dict[str, bytes] = {}
    try:
        with tarfile.open(file, "r:") as tar, file.open("rb") as content:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                stem, _, suffix = name.partition(".")
                if not member.isfile() or name.startswith("."):
                    continue
                key = f"{folder}/{stem}"
                if suffix.lower() == "cls":
                    content.seek(member.offset_data)
                    labels[key] = content.read(min(member.size, 1024))
                elif f".{suffix.lower()}" in IMAGE_SUFFIXES and key not in images:
                    images[key] = (member.name, member.offset_data, member.size)
            content.seek(tar.offset)
            if content.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile passes over a head that is cut
                raise tarfile.ReadError("it is cut off: the mark at its end is missing")
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{file} cannot be read as a tar file: {error}") from error
    return images, labels


def _label(content: bytes, file: Path, key: str) -> str:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise DataError(f"{file}, {key.strip('/')}.cls: no label")
    if re.fullmatch(r"-\d+", text):
        raise DataError(f"{file}, {key.strip('/')}.cls: label {text} is out of range; labels begin at 0")
    return text
