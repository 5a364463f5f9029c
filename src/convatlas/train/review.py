"""Looking back at a run: what its best weights get wrong, and the pictures of it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .data import Batch
from .evaluate import Scores
from .run import Run


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A validation image that was taken for another class.

    Attributes:
        name: of the image.
        picture: as the network's channels read it.
        truth, predicted: classes by name.
        probability: that the network gave to what it predicted, 0..1.
        loss: cross-entropy of the image.
    """

    name: str
    picture: Image.Image
    truth: str
    predicted: str
    probability: float
    loss: float


def review(run: Run, *, most: int = 24) -> tuple[Scores, list[Mistake]]:
    """The scores of a run's best weights on the images it validated on, and its worst mistakes, the highest loss first.

    Args:
        run: that has ended an epoch.
        most: mistakes to tell.
    """
    data = run.data()
    found: list[tuple[float, int, int, float]] = []

    def watch(batch: Batch, logits: Tensor) -> None:
        losses = F.cross_entropy(logits, batch.labels, reduction="none")
        chances, guesses = logits.softmax(1).max(1)
        for place in torch.nonzero(guesses != batch.labels).flatten().tolist():
            row = (float(losses[place]), int(batch.indexes[place]), int(guesses[place]), float(chances[place]))
            (heapq.heappush if len(found) < most else heapq.heappushpop)(found, row)

    scores = run.evaluate(data, watch=watch)
    mistakes = [
        Mistake(
            name=data.val.name(index),
            picture=data.val.read(index, run.channels),
            truth=data.classes[int(data.val.labels[index])],
            predicted=data.classes[guess],
            probability=chance,
            loss=loss,
        )
        for loss, index, guess, chance in sorted(found, reverse=True)
    ]
    return scores, mistakes
