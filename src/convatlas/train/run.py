"""A run: the folder that a training leaves, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import ConvatlasError
from ..files import folder_at
from ..weights import Preprocessing
from ..zoo import REGISTRY
from . import checkpoint
from .data import Batch, Data, Loader, open_data, open_images
from .device import autocast
from .evaluate import Scores, evaluate_batches
from .job import Job
from .networks import Reads, copied, make_network
from .randomness import random_states_kept
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
            network = copied(self._module).cpu()
        elif name in REGISTRY or ":" in name:
            with random_states_kept():
                network = make_network(name, Reads(**self.record["reads"]))
        else:
            raise ConvatlasError(f"{self.folder} is a run of a module of yours, {name}; give it: Run.open(folder, module)")
        checkpoint.load_weights(self.place if weights == "best" else self.folder / "last", network)
        return network.eval()

    def data(self) -> Data:
        """What the run was trained on, opened again.

        Raises:
            DataError: they are no longer there.
        """
        job = self.job
        spec = self.record["data"]["spec"] or job.data
        return open_data(spec, seed=job.seed, validation=job.validation, folds=job.folds, fold=job.fold)

    def evaluate(
        self,
        data: str | Path | Data | None = None,
        *,
        weights: Literal["best", "last"] = "best",
        device: str = "cpu",
        batch: int | None = None,
        workers: int = 0,
        watch: Callable[[Batch, torch.Tensor], None] | None = None,
    ) -> Scores:
        """Score the best weights, or the last epoch's, on images: those that the run validated on, or others.

        Of other data those that validate are taken, or all where the data are not split; their classes are matched by name.
        ``batch`` images at a time, by default as many as in training: with another number, or on another machine, the last digits
        may differ, since kernels add up in another order. ``watch`` is shown each batch and its logits.

        Raises:
            ConvatlasError: the data have a class that the run does not know.
        """
        job = self.job
        loader = Loader(
            open_images(self.data() if data is None or data == job.data else data, classes=self.classes),
            classes=len(self.classes),
            batch=batch or job.recipe.batch,
            channels=self.channels,
            preprocessing=self.preprocessing,
            workers=workers,
            max_broken=job.max_broken,
        )
        return evaluate_batches(
            self.network(weights).to(device).to(memory_format=torch.channels_last),
            loader.epoch(0),
            len(self.classes),
            device=device,
            channels_last=True,
            autocast=lambda: autocast(job.precision, device),
            watch=watch,
        )
