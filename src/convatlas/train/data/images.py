"""One split's images: what all kinds of data look like from a loader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...images import read_image


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


class FileImages(Images):
    """One file an image; ``names`` are relative to ``folder``."""

    def __init__(self, folder: Path, names: Sequence[str], labels: np.ndarray) -> None:
        self.folder, self.labels = folder, labels.astype(np.int64)
        self.names = np.array(names, dtype=np.str_)  # one block of memory, which forked workers share

    def name(self, index: int) -> str:
        return str(self.names[index])

    def num_bytes(self, index: int) -> int:
        try:
            return (self.folder / self.name(index)).stat().st_size
        except OSError:
            return 0

    def read(self, index: int, channels: int) -> Image.Image:
        return read_image(self.folder / self.name(index), channels)

    def take(self, indexes: np.ndarray) -> FileImages:
        return FileImages(self.folder, self.names[indexes].tolist(), self.labels[indexes])
