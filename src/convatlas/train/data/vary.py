"""Varies one image after another by torchvision's transforms, under a random state that is set for each and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...images import fit, to_pixels
from ...weights import Preprocessing
from .augmentation import Augmentation


class Variation:
    """What is done to one image at a time. torchvision is imported only where something is."""

    def __init__(self, augmentation: Augmentation, preprocessing: Preprocessing) -> None:
        self.augmentation, self.preprocessing = augmentation, preprocessing
        self._steps = _steps(augmentation, preprocessing) if augmentation.reads_anew else []
        self._eraser: Callable[[Tensor], Tensor] | None = _eraser(augmentation.erasing) if augmentation.erasing > 0 else None

    def fitted(self, image: Image.Image, seed: int) -> np.ndarray:
        """The image as uint8 (C, crop, crop); as evaluation sees it unless the augmentation says otherwise."""
        if self.augmentation.crop not in ("resized", "scale"):
            image = fit(image, self.preprocessing)
        if self._steps:
            with _random_state(seed):
                for step in self._steps:
                    image = step(image)
        return to_pixels(image)

    def erase(self, pixels: np.ndarray, seeds: np.ndarray) -> None:
        """Erase a rectangle in some of the normalised images (N, C, H, W), in place."""
        assert self._eraser is not None
        for image, seed in zip(torch.from_numpy(pixels), seeds.tolist(), strict=True):
            with _random_state(seed + 1):  # not the numbers that the crop had
                image.copy_(self._eraser(image))


@contextmanager
def _random_state(seed: int) -> Iterator[None]:
    """Torch's CPU generator started at ``seed`` inside, and as it was afterwards."""
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would start those of the GPUs anew as well
    try:
        yield
    finally:
        torch.default_generator.set_state(before)


def _steps(augmentation: Augmentation, preprocessing: Preprocessing) -> list[Callable[[Any], Any]]:
    from torchvision.transforms import InterpolationMode, v2

    crop, interpolation = preprocessing.crop, InterpolationMode(preprocessing.interpolation)
    steps: list[Callable[[Any], Any]] = []
    if augmentation.crop == "resized":
        steps.append(v2.RandomResizedCrop(crop, scale=augmentation.area, interpolation=interpolation))
    elif augmentation.crop == "scale":
        shortest, longest = (round(length * crop) for length in augmentation.short_side)
        steps += [v2.RandomResize(shortest, longest + 1, interpolation=interpolation), v2.RandomCrop(crop)]
    if augmentation.policy != "none":
        policies = {"trivial": v2.TrivialAugmentWide, "rand": v2.RandAugment, "auto": v2.AutoAugment}
        steps.append(policies[augmentation.policy](interpolation=interpolation))
    if augmentation.colour > 0:
        steps.append(v2.ColorJitter(augmentation.colour, augmentation.colour, augmentation.colour))
    return steps


def _eraser(share: float) -> Callable[[Tensor], Tensor]:
    from torchvision.transforms import v2

    erase: Callable[[Tensor], Tensor] = v2.RandomErasing(p=share)
    return erase
