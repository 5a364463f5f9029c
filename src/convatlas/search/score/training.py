"""The score that counts: a candidate trained on images, and its accuracy on those that validate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from ...train import Recipe, train
from ...train.data import Augmentation, Data
from ...train.recipe import Optimizer, Schedule

Report: TypeAlias = "Callable[[int, float], bool]"

# nothing in it changes the loss, so that candidates differ in nothing but their networks
RECIPE = Recipe(
    name="search",
    summary="Nesterov SGD, one cosine after a warm-up of an epoch, shifts by a pixel or more; nothing that changes the loss.",
    source="convatlas",
    epochs=10,
    batch=64,
    optimizer=Optimizer(lr=0.1, nesterov=True, weight_decay=5e-4, decay_norms=False),
    schedule=Schedule(shape="cosine", warmup=1),
    augmentation=Augmentation(crop="pad", pad=1),
)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Trains a candidate for so many epochs.

    Attributes:
        data: the images.
        recipe: how; `RECIPE` by default.
        epochs: over the images; None for the recipe's.
        batch: images a step; None for the recipe's.
        size: of the images, in pixels; None for their own.
        device: "cpu", "cuda" or "auto".
        precision: as `train` takes it.

    """

    data: Data
    recipe: Recipe = RECIPE
    epochs: int | None = None
    batch: int | None = None
    size: int | None = None
    device: str = "auto"
    precision: str = "auto"
    name: str = "train"
    unit: str = "%"
    meaning: str = "accuracy on the validation images after the last epoch (%)"

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
        """The accuracy, in percent, after the last epoch.

        Args:
            make: makes the network; its initial weights depend on ``seed``.
            seed: of everything random.
            report: told each epoch and its accuracy; where it returns True, training ends.

        """
        with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory(prefix="convatlas-search-") as folder:
            torch.manual_seed(seed)
            run = train(
                make(),
                self.data,
                recipe=self.recipe,
                epochs=self.epochs,
                batch=self.batch,
                output=Path(folder) / "run",
                seed=seed,
                precision=self.precision,
                device=self.device,
                size=self.size,
                after_epoch=lambda row: report(row["epoch"], row["val_top1"]),
            )
            accuracy: float = run.metrics[-1]["val_top1"]
            return accuracy
