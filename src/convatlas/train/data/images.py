"""One split's images: what all kinds of data look like from a loader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from ...images import ImageError, read_image
from .names import Names


class Images(ABC):
    """Labelled images, by index.

    Attributes:
        labels: int64 (N,), indexes into the data's classes.
        pixels: uint8 (N, C, H, W) where all images lie in memory at one size, or None.
    """

    labels: np.ndarray
    pixels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def name(self, index: int) -> str:
        """What a person calls the image: its file, or "digits 17"; without the folder that all share."""

    @abstractmethod
    def num_bytes(self, index: int) -> int:
        """The size in which the image is stored, from which a change is noticed; 0 where it can no longer be told."""

    @abstractmethod
    def read(self, index: int, channels: int) -> Image.Image:
        """The image upright, 8 bits deep, in ``channels`` channels (3: RGB, 1: grey).

        Raises:
            ImageError: it cannot be read; the message names it.
        """

    @abstractmethod
    def take(self, indexes: np.ndarray) -> Images:
        """These images alone, in this order."""


class MemoryImages(Images):
    """Images of one size that lie in memory: ``pixels`` uint8 (N, C, H, W), C being 1 or 3."""

    pixels: np.ndarray

    def __init__(self, title: str, pixels: np.ndarray, labels: np.ndarray, numbers: np.ndarray | None = None) -> None:
        self.title, self.pixels, self.labels = title, pixels, labels.astype(np.int64)
        self.numbers = np.arange(len(labels)) if numbers is None else numbers

    def name(self, index: int) -> str:
        return f"{self.title} {self.numbers[index]}"

    def num_bytes(self, index: int) -> int:
        return int(self.pixels[index].nbytes)

    def read(self, index: int, channels: int) -> Image.Image:
        pixels = self.pixels[index]
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        return image.convert("RGB" if channels == 3 else "L")

    def take(self, indexes: np.ndarray) -> MemoryImages:
        return MemoryImages(self.title, self.pixels[indexes], self.labels[indexes], self.numbers[indexes])


class EncodedImages(Images):
    """Images that are read and decoded one by one."""

    @abstractmethod
    def encoded(self, index: int) -> Path | BinaryIO:
        """The image's file, or its content."""

    @abstractmethod
    def place(self, index: int) -> str:
        """What an error calls the image, so that one finds it."""

    def read(self, index: int, channels: int) -> Image.Image:
        try:
            encoded = self.encoded(index)
        except OSError as error:
            raise ImageError(f"{self.place(index)}: {error.strerror}") from error
        return read_image(encoded, channels, self.place(index))


class FileImages(EncodedImages):
    """One file an image; ``names`` are relative to ``folder``."""

    def __init__(self, folder: Path, names: Iterable[str], labels: np.ndarray) -> None:
        self.folder, self.names, self.labels = folder, Names(names), labels.astype(np.int64)

    def name(self, index: int) -> str:
        return self.names[index]

    def place(self, index: int) -> str:
        return str(self.folder / self.name(index))

    def num_bytes(self, index: int) -> int:
        try:
            return (self.folder / self.name(index)).stat().st_size
        except OSError:
            return 0

    def encoded(self, index: int) -> Path:
        return self.folder / self.name(index)

    def take(self, indexes: np.ndarray) -> FileImages:
        return FileImages(self.folder, (self.name(index) for index in indexes.tolist()), self.labels[indexes])
