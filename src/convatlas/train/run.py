"""A run: the folder that a training leaves, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import ConvatlasError
from ..files import folder_at
from ..weights import Preprocessing
from ..zoo import REGISTRY, create
from . import checkpoint
from .data import Data, Loader, open_data
from .device import autocast
from .evaluate import Scores, evaluate_batches
from .job import Job
from .records import read_metrics, read_run
from .state import Row


@dataclass
class Run:
    """A training's folder, moved or copied as one likes.

    Attributes:
        folder: where it is.
    """

    folder: Path
    _module: nn.Module | None = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: str | Path, module: nn.Module | None = None) -> Run:
        """A run that exists.

        Args:
            folder: of the run.
            module: the network, untrained, where the run was of a module rather than of a name.

        Raises:
            ConvatlasError: the folder holds no run, or one that a newer version wrote.
        """
        run = cls(Path(folder), module)
        assert run.record
        return run

    @cached_property
    def record(self) -> dict[str, Any]:
        """What run.json says."""
        return read_run(self.folder)

    @property
    def job(self) -> Job:
        """What was asked for."""
        return Job.from_record(self.record["job"])

    @property
    def classes(self) -> list[str]:
        """Names, in the order of the logits."""
        return list(self.record["data"]["classes"])

    @property
    def validation_images(self) -> int:
        """How many images the run validates on."""
        return sum(self.record["data"]["images"]["val"].values())

    @property
    def channels(self) -> int:
        """Channels that the network reads: 3 or 1."""
        return int(self.record["reads"]["channels"])

    @property
    def preprocessing(self) -> Preprocessing:
        """What an image goes through before the network."""
        record: dict[str, Any] = self.record["preprocessing"]
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
        return Preprocessing(**values)

    @property
    def metrics(self) -> list[Row]:
        """The rows of metrics.csv: one an epoch, accuracies in percent."""
        return read_metrics(self.folder)

    @property
    def best(self) -> Row | None:
        """The row of the epoch whose weights lie in ``best/``: the first with the highest validation accuracy."""
        return max(self.metrics, key=lambda row: row["val_top1"], default=None)

    @property
    def place(self) -> Path:
        """Where the weights to use lie: ``best/``, or ``last/`` before the first epoch ended."""
        best = self.folder / "best"
        return best if folder_at(best) else self.folder / "last"

    def network(self, weights: Literal["best", "last"] = "best") -> nn.Module:
        """The network with the best weights, or the last epoch's, on the CPU, in evaluation mode.

        Raises:
            ConvatlasError: there are no weights yet, they are damaged, or the run is of a module that has to be given.
        """
        name = self.job.model
        if self._module is not None:
            from .networks import copied

            network = copied(self._module).cpu()
        elif name in REGISTRY:
            network = create(name, **self.record["reads"]["options"])
        else:
            raise ConvatlasError(f"{self.folder} is a run of a module of yours, {name}; give it: Run.open(folder, module)")
        checkpoint.load_weights(self.place if weights == "best" else self.folder / "last", network)
        return network.eval()

    def evaluate(
        self,
        data: str | Path | Data | None = None,
        *,
        weights: Literal["best", "last"] = "best",
        device: str = "cpu",
        batch: int | None = None,
        workers: int = 0,
    ) -> Scores:
        """Score the best weights, or the last epoch's, on images: those that the run validated on, or the validation part of other data.

        Classes of other data are matched by name. ``batch`` images at a time, by default as many as in training: with another
        number, or on another machine, the last digits may differ, since kernels add up in another order.

        Raises:
            ConvatlasError: the data have a class that the run does not know.
        """
        job = self.job
        if isinstance(data, Data):
            opened = data
        else:
            opened = open_data(data or job.data, seed=job.seed, validation=job.validation, folds=job.folds, fold=job.fold)
        return evaluate_network(
            self.network(weights).to(device).to(memory_format=torch.channels_last),
            self,
            opened,
            device=device,
            batch=batch or job.recipe.batch,
            workers=workers,
        )


def evaluate_network(network: nn.Module, run: Run, data: Data, *, device: str, batch: int, workers: int) -> Scores:
    """Score a run's network on the validation images of ``data``."""
    loader = Loader(
        data.val,
        classes=len(data.classes),
        batch=batch,
        channels=run.channels,
        preprocessing=run.preprocessing,
        workers=workers,
        max_broken=run.job.max_broken,
    )
    order = matched_classes(run.classes, data)
    reorder = None if order == list(range(len(run.classes))) else torch.tensor(order, device=device)
    scored = network if reorder is None else _Reordered(network, reorder)
    return evaluate_batches(
        scored, loader.epoch(0), len(order), device=device, channels_last=True, autocast=lambda: autocast(run.job.precision, device)
    )


def matched_classes(known: list[str], data: Data) -> list[int]:
    """For each class of the data, its place among the classes that a network knows; then the others, which no image has.

    Raises:
        ConvatlasError: the data have a class that the network does not know.
    """
    strangers = [name for name in data.classes if name not in known]
    if strangers:
        raise ConvatlasError(
            f"{data.name} has the class {strangers[0]!r}, which the run does not know; it knows {', '.join(known[:5])}"
            f"{', ...' if len(known) > 5 else ''}"
        )
    places = [known.index(name) for name in data.classes]
    return [*places, *(place for place in range(len(known)) if place not in places)]


class _Reordered(nn.Module):
    """A network whose logits come in another order."""

    def __init__(self, network: nn.Module, order: torch.Tensor) -> None:
        super().__init__()
        self.network, self.order = network, order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(x)[:, self.order]
        return logits
