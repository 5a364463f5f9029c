"""Makes one batch: reads its images, varies them, normalises them, mixes them. Runs in a worker or in the process that trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from ...images import ImageError, normalise
from ...weights import Preprocessing
from .augmentation import Augmentation, Draws, mirror, pad_crop
from .batch import NO_LABEL, Batch
from .errors import DataError
from .images import Images
from .mix import mix, partners
from .order import order, replacement
from .vary import Variation

_TRIES = 100  # other images that are tried for a broken one


@dataclass(frozen=True, slots=True)
class Part:
    """Images ``start`` to ``stop`` of an epoch's order: a batch over all processes."""

    epoch: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Made:
    """A batch, and what is wrong with the images that could not be read for it, by name."""

    batch: Batch
    broken: dict[str, str]

    def pin_memory(self) -> Made:
        return Made(self.batch.pin_memory(), self.broken)


class BatchMaker(Dataset[Made]):
    """Batches by part: a function of its settings and the files alone. ``memory`` holds the fitted images, if they lie there."""

    def __init__(
        self,
        images: Images,
        *,
        classes: int,
        channels: int,
        preprocessing: Preprocessing,
        seed: int,
        augmentation: Augmentation,
        training: bool,
        rank: int,
        world: int,
        memory: np.ndarray | None,
    ) -> None:
        self.images, self.classes, self.channels, self.preprocessing = images, classes, channels, preprocessing
        self.seed, self.augmentation, self.training = seed, augmentation, training
        self.rank, self.world, self.memory = rank, world, memory
        self._variation = Variation(augmentation, preprocessing)
        self._epoch = -1
        self._order = np.arange(0)
        self._draws: Draws | None = None

    def __getitem__(self, part: Part) -> Made:
        draws = self._begin(part.epoch)
        whole = self._order[part.start : part.stop]
        places = np.arange(self.rank, len(whole), self.world)
        stands_in = self.training and not len(places)
        if stands_in:
            places = np.zeros(1, np.int64)
        needed = places
        if self.augmentation.mixes:
            paired = partners(draws, whole)[places]
            needed = np.union1d(places, paired)
        broken: dict[str, str] = {}
        indexes, pixels = self._pixels(whole[needed], draws, broken)
        labels = self.images.labels[indexes]
        targets = None
        if self.augmentation.mixes:
            own, other = np.searchsorted(needed, places), np.searchsorted(needed, paired)
            one_hot = np.eye(self.classes, dtype=np.float32)[labels]
            pixels, targets = mix(
                (pixels[own], one_hot[own]), (pixels[other], one_hot[other]), self.augmentation, draws, whole[places]
            )
            indexes, labels = indexes[own], labels[own]
        if stands_in:
            labels = np.full_like(labels, NO_LABEL)
            targets = None if targets is None else np.zeros_like(targets)
        batch = Batch(
            pixels=torch.from_numpy(pixels),
            labels=torch.from_numpy(labels),
            targets=None if targets is None else torch.from_numpy(targets),
            indexes=torch.from_numpy(indexes),
            count=0 if stands_in else len(labels),
            total=len(whole),
        )
        return Made(batch, broken)

    def _begin(self, epoch: int) -> Draws:
        if self._draws is None or epoch != self._epoch:
            count = len(self.images)
            self._order = order(count, self.seed, epoch) if self.training else np.arange(count)
            self._draws = Draws(self.augmentation, count, self.seed, epoch)
            self._epoch = epoch
        return self._draws

    def _pixels(self, indexes: np.ndarray, draws: Draws, broken: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """The images that were read for ``indexes``, and their pixels, float32 (N, C, H, W), varied and normalised."""
        if self.memory is not None:
            pixels = self.memory[indexes]
        else:
            indexes, pixels = self._read(indexes, draws, broken)
        if self.augmentation.crop == "pad":
            pixels = pad_crop(pixels, self.augmentation.pad, draws.top[indexes], draws.left[indexes])
        if self.augmentation.flip:
            mirror(pixels, draws.flip[indexes])
        normalised = normalise(pixels, self.preprocessing)
        if self.augmentation.erasing > 0:
            self._variation.erase(normalised, draws.seed[indexes])
        return indexes, normalised

    def _read(self, indexes: np.ndarray, draws: Draws, broken: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
        found: list[int] = []
        read: list[np.ndarray] = []
        for wanted in indexes.tolist():
            index = wanted
            for attempt in range(_TRIES):
                try:
                    image = self.images.read(index, self.channels)
                except ImageError as error:
                    broken[self.images.name(index)] = str(error)
                    if not self.training:
                        break
                    index = replacement(wanted, attempt, len(self.images), self.seed, self._epoch)
                else:
                    read.append(self._variation.fitted(image, int(draws.seed[index])))
                    found.append(index)
                    break
            else:
                raise DataError(f"{_TRIES} images in a row are broken; the last is {broken[self.images.name(index)]}")
        crop = self.preprocessing.crop
        return np.array(found, np.int64), np.stack(read) if read else np.zeros((0, self.channels, crop, crop), np.uint8)
