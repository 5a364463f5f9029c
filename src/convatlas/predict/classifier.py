"""A network that classifies images, whatever runs it: what it reads, what it makes of that, what its classes are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from ..classes import class_names
from ..errors import ConvatlasError
from ..images import read_image, to_input
from ..weights import Preprocessing


class Guess(NamedTuple):
    """A class, and how probable it is (0 to 1)."""

    name: str
    index: int  # type: ignore[assignment]  # in place of a tuple's own method
    probability: float

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"class": self.name, "index": self.index, "probability": self.probability}


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A network and how images come to it.

    Attributes:
        name: what it is called.
        logits: from images (N, channels, crop, crop), float32 and normalised, to logits (N, classes); on the CPU.
        preprocessing: what an image goes through before the network.
        channels: that the network reads: 3 or 1.
        classes: their names in the order of the logits; None for ImageNet's, or numbers.
    """

    name: str
    logits: Callable[[Tensor], Tensor]
    preprocessing: Preprocessing
    channels: int = 3
    classes: Sequence[str] | None = None

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Of one image, (C, H, W)."""
        return self.channels, self.preprocessing.crop, self.preprocessing.crop

    def read(self, source: Path | BinaryIO, *, name: str | None = None, max_pixels: int | None = None) -> Tensor:
        """An image as the network reads it, (C, H, W).

        Raises:
            ImageError: it is none, is damaged, or has more pixels.
        """
        return to_input(read_image(source, self.channels, name, max_pixels=max_pixels), self.preprocessing)

    @torch.inference_mode()
    def guesses(self, images: Tensor, top: int) -> list[tuple[Guess, ...]]:
        """The most probable classes of each image (N, C, H, W), the most probable first.

        Raises:
            ConvatlasError: the network makes no logits.
        """
        logits = self.logits(images)
        if logits.ndim != 2 or len(logits) != len(images):
            made, read = ("x".join(map(str, shape)) for shape in (logits.shape, images.shape))
            raise ConvatlasError(f"{self.name} classifies nothing: it makes {made} of {read}, and a logit a class is wanted")
        probabilities = logits.float().softmax(1)
        names = self.classes or class_names(probabilities.shape[1])
        best = probabilities.topk(min(top, probabilities.shape[1]), 1)
        return [
            tuple(Guess(names[index], index, value) for value, index in zip(values, indices, strict=True))
            for values, indices in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]
