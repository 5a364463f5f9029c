"""What a network is trained on: two splits of images, and the names of their classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...weights import Preprocessing
from .images import Images


@dataclass(frozen=True, kw_only=True)
class Data:
    """Images to train on and to validate on.

    Attributes:
        name: what was asked for: "digits", "photos/".
        spec: what opens the same data from any folder; "" where they were put together in Python.
        train, val: the splits. Every class has images in both.
        classes: names, in the order of the labels.
        channels: of the stored images: 1 or 3. Of files 64 tell, spread evenly: 1 if all of them are grey.
        size: side of the stored images, where all are square, small (as CIFAR's) and of one size, else None. Of files 64 tell.
        short_sides: the smallest and the largest short side of the stored images. Of files 64 tell.
    """

    name: str
    train: Images
    val: Images
    classes: tuple[str, ...]
    channels: int
    size: int | None
    short_sides: tuple[int, int]
    spec: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of names, stored sizes, labels and split (and of the pixels that lie in memory): a resume tells by it
        that the data are others.
        """
        digest = hashlib.sha256()
        for images in (self.train, self.val):
            digest.update(np.ascontiguousarray(images.labels).tobytes())
            if images.pixels is not None:
                digest.update(np.ascontiguousarray(images.pixels).data)
            else:
                rows = (f"{images.name(index)}\0{images.num_bytes(index)}\n" for index in range(len(images)))
                digest.update("".join(rows).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:32]

    def counts(self) -> dict[str, dict[str, int]]:
        """Images by split and class: ``counts()["val"]["cat"]``."""
        return {
            split: dict(zip(self.classes, np.bincount(images.labels, minlength=len(self.classes)).tolist(), strict=True))
            for split, images in (("train", self.train), ("val", self.val))
        }

    def record(self) -> dict[str, object]:
        """All that is known of the data, for JSON."""
        return {
            "name": self.name,
            "spec": self.spec,
            "classes": list(self.classes),
            "channels": self.channels,
            "size": self.size,
            "short_sides": list(self.short_sides),
            "images": self.counts(),
            "fingerprint": self.fingerprint,
        }

    def preprocessing(self, size: int, channels: int) -> Preprocessing:
        """What images go through for a network that reads ``channels`` x ``size`` x ``size``.

        Images of one small size are resized to ``size`` whole, others to ``size`` / 0.875, and cropped. Those that lie in memory
        are normalised by the mean and standard deviation of the training pixels, others by ImageNet's.
        """
        resize = round(size / 0.875) if self.size is None else size
        pixels = self.train.pixels
        if pixels is None:
            usual = Preprocessing(resize=resize, crop=size)
            return usual if channels == 3 else replace(usual, mean=(0.449,), std=(0.226,))  # ImageNet's, over its channels
        mean, std = _statistics(pixels)
        if len(mean) != channels:  # one figure for all channels is near enough for grey made of RGB, and right for the reverse
            mean, std = np.full(channels, mean.mean()), np.full(channels, std.mean())
        return Preprocessing(
            resize=resize,
            crop=size,
            mean=tuple(round(float(value), 4) for value in mean),
            std=tuple(round(max(float(value), 1e-3), 4) for value in std),
        )


def _statistics(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, in 0..1; a block at a time, as floats take four times the room."""
    total, squares = np.zeros(pixels.shape[1]), np.zeros(pixels.shape[1])
    for start in range(0, len(pixels), 1024):
        block = pixels[start : start + 1024].astype(np.float32) / 255
        total += block.sum((0, 2, 3), dtype=np.float64)
        squares += np.square(block).sum((0, 2, 3), dtype=np.float64)
    count = pixels.size / pixels.shape[1]
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0))


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights that balance unequal classes: float64 (classes,), images / (classes x images of the class).

    A class without images gets 0. The mean over the images is 1, so the loss keeps its scale.
    """
    counts = np.bincount(labels, minlength=classes)
    return np.divide(len(labels), classes * counts, out=np.zeros(classes), where=counts > 0)
