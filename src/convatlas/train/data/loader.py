"""From images to batches, an epoch at a time, from any position on; broken images are named, counted and skipped."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import torch
from torch.utils.data import DataLoader

from ...weights import Preprocessing
from .augmentation import Augmentation
from .batch import Batch
from .errors import DataError
from .images import Images
from .make import BatchMaker, Made, Part
from .memory import fitted
from .warn import warn
from .workers import PREFETCH, begin, workers_that_fit


class Loader:
    """Batches of one split.

    Global batch k of an epoch holds the same images, varied in the same way, whatever the number of workers and processes;
    process ``rank`` takes every ``world``-th image of it. Images that lie in memory are made into batches in this process, at
    a few microseconds an image; workers serve those that are read and decoded.

    In training, a broken image is replaced by another one, drawn from (seed, epoch, index), so all processes take as many
    steps as without; in validation it is left out.

    Args:
        images: of the split.
        classes: how many the data have.
        batch: images of a batch over all processes; may exceed the images there are.
        channels: that the network reads: 3 or 1.
        preprocessing: what evaluation and prediction do with an image; ``augmentation`` varies it.
        seed: of order and augmentation.
        training: shuffled and augmented, or in order and as evaluation sees it.
        workers: processes that read ahead.
        rank, world: this process's number and their count.
        max_broken: share of the images that may be broken.
        pin: put batches into pinned memory, for a GPU.
        say: told about each broken image, in one line.

    Attributes:
        steps: batches an epoch: images / batch, rounded up.
        broken: what is wrong with each broken image that was met so far, by name.
    """

    def __init__(
        self,
        images: Images,
        *,
        classes: int,
        batch: int,
        channels: int,
        preprocessing: Preprocessing,
        seed: int = 0,
        training: bool = False,
        augmentation: Augmentation | None = None,
        workers: int = 0,
        rank: int = 0,
        world: int = 1,
        max_broken: float = 0.01,
        pin: bool = False,
        say: Callable[[str], None] = warn,
    ) -> None:
        if batch < 1:
            raise DataError(f"a batch has at least one image; got {batch}")
        if not 0 <= max_broken <= 1:
            raise DataError(f"max_broken is a share of the images, 0 to 1; got {max_broken}")
        augmentation = (augmentation if training else None) or Augmentation()
        memory = None if augmentation.reads_anew else fitted(images, channels, preprocessing)
        self.images, self.batch, self.max_broken = images, batch, max_broken
        self.steps = -(-len(images) // batch)
        self.broken: dict[str, str] = {}
        self._say = say
        self._maker = BatchMaker(
            images=images,
            classes=classes,
            channels=channels,
            preprocessing=preprocessing,
            seed=seed,
            augmentation=augmentation,
            training=training,
            rank=rank,
            world=world,
            memory=memory,
        )
        batch_bytes = 4 * channels * preprocessing.crop**2 * -(-batch // world)
        self._workers = 0 if memory is not None else workers_that_fit(workers, batch_bytes, say)
        self._parts: list[Part] = []
        self._loader: DataLoader[Made] | None = None
        self._pin = pin

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from image number ``start`` of it on.

        Raises:
            DataError: more images are broken than may be, or a worker died.
        """
        count = len(self.images)
        parts = [Part(epoch, first, min(first + self.batch, count)) for first in range(start, count, self.batch)]
        for made in self._made(parts):
            self._note(made.broken)
            if len(made.batch.labels):
                yield made.batch

    def _made(self, parts: list[Part]) -> Iterator[Made]:
        if not self._workers:
            for part in parts:
                made = self._maker[part]
                yield Made(made.batch.pin_memory(), made.broken) if self._pin else made
            return
        self._parts[:] = parts
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create")  # more workers than cores: as was asked
            if self._loader is None:
                self._loader = DataLoader(
                    self._maker,
                    batch_size=None,
                    sampler=self._parts,
                    num_workers=self._workers,
                    persistent_workers=True,
                    prefetch_factor=PREFETCH,
                    pin_memory=self._pin,
                    worker_init_fn=begin,
                    generator=torch.Generator(),  # else it would draw from the state that the network's dropout draws from
                )
            batches = iter(self._loader)
        try:
            yield from batches
        except (RuntimeError, OSError, EOFError) as error:
            raised_there = str(error).startswith("Caught ")  # and is told as it was there
            if raised_there or (isinstance(error, RuntimeError) and "DataLoader worker" not in str(error)):
                raise
            raise DataError(f"a worker that reads images died, maybe for want of memory; try fewer workers: {error}") from error

    def _note(self, broken: dict[str, str]) -> None:
        for name, reason in broken.items():
            if name in self.broken:
                continue
            self.broken[name] = reason
            self._say(f"skipped: {reason}")
            if len(self.broken) > self.max_broken * len(self.images):
                raise DataError(
                    f"{len(self.broken)} of {len(self.images):,} images are broken, more than {100 * self.max_broken:g} %; "
                    f"the last is {reason}; mend or remove them, or raise --max-broken"
                )
