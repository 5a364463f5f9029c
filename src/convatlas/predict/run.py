"""Predictions for many images: read ahead by several threads, classified in batches; a damaged file costs only itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..images import ImageError
from .classifier import Classifier, Guess

_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most likely classes of one image, or why there are none.

    Attributes:
        path: of the image.
        classes: the most likely first.
        error: what is wrong with the file, or None.
    """

    path: Path
    classes: tuple[Guess, ...]
    error: str | None = None

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"image": str(self.path), "classes": [guess.record() for guess in self.classes], "error": self.error}


def predict(
    classifier: Classifier, paths: Iterable[Path], *, top: int = 5, batch: int = 16, workers: int = 1
) -> Iterator[Prediction]:
    """Predict the classes of image files, one by one in their order.

    Args:
        classifier: the network, and how it reads images.
        paths: of the images; asked for as they are needed.
        top: how many classes to tell.
        batch: images at a time.
        workers: threads that read images ahead, while the network works on others.
    """
    paths = iter(paths)
    with ThreadPoolExecutor(workers, thread_name_prefix="images") as threads:

        def ahead(count: int) -> Iterator[tuple[Path, Future[Tensor]]]:
            return ((path, threads.submit(classifier.read, path)) for path in islice(paths, count))

        waiting = deque(ahead(_BATCHES_AHEAD * batch))
        try:
            while waiting:
                read = [(path, _read(image)) for path, image in (waiting.popleft() for _ in range(min(batch, len(waiting))))]
                waiting.extend(ahead(batch))
                yield from _predicted(classifier, read, top)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _read(image: Future[Tensor]) -> Tensor | str:
    try:
        return image.result()
    except ImageError as error:
        return str(error)


def _predicted(classifier: Classifier, read: list[tuple[Path, Tensor | str]], top: int) -> Iterator[Prediction]:
    images = [image for _, image in read if isinstance(image, Tensor)]
    found = iter(classifier.guesses(torch.stack(images), top) if images else ())
    for path, image in read:
        yield Prediction(path, (), image) if isinstance(image, str) else Prediction(path, next(found))
