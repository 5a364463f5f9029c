"""All that a resume needs, in one object: counters, sums and rows, weights, their average, the optimizer, the scaler.

What is not here follows from it: the rate and the random numbers from the step, the order of the images from the epoch, the position
in it from the images seen.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from ..errors import ConvatlasError

Row = dict[str, Any]
COLUMNS = (
    "epoch", "step", "images", "lr", "train_loss", "val_loss", "val_top1", "val_top5", "images_per_second", "seconds",
)  # fmt: skip


@dataclass
class Progress:
    """How far training is.

    Attributes:
        epoch: whole epochs behind us.
        images: seen of the present epoch, over all processes.
        step: optimizer steps done.
        best, best_epoch: the highest validation accuracy (%) and the epoch that reached it, counted from 1; None before the first.
        stale: epochs since.
        rows: of metrics.csv, one an epoch.
        loss, correct, counted: sums over the images of the present epoch; ``correct`` counts where labels are not mixed.
        seconds: of training so far, validation and all.
        epoch_seconds: of them, in the present epoch's steps.
    """

    epoch: int = 0
    images: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int | None = None
    stale: int = 0
    rows: list[Row] = field(default_factory=list)
    loss: float = 0.0
    correct: int = 0
    counted: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0

    def end_epoch(self, row: Row) -> bool:
        """Count an epoch whose ``row`` is complete; returns whether it is the best so far."""
        self.rows.append(row)
        self.epoch += 1
        self.images = self.correct = self.counted = 0
        self.loss = self.epoch_seconds = 0.0
        better = self.best is None or row["val_top1"] > self.best
        if better:
            self.best, self.best_epoch, self.stale = row["val_top1"], self.epoch, 0
        else:
            self.stale += 1
        return better


@dataclass(kw_only=True)
class State:
    """The state of a training.

    Attributes:
        network: the one that is trained, as it was before accelerate wrapped it.
        optimizer: of its parameters.
        average: the moving average of its weights, or None.
        scaler: of float16's gradients, or None.
    """

    network: nn.Module
    optimizer: Optimizer
    average: AveragedModel | None = None
    scaler: Any = None
    progress: Progress = field(default_factory=Progress)

    @property
    def result(self) -> nn.Module:
        """The network to validate, to keep and to use: the average where there is one."""
        module: nn.Module = self.network if self.average is None else self.average.module
        return module

    def tensors(self) -> dict[str, Tensor]:
        """What beside `result` has to be kept: the optimizer's state by parameter, and the plain weights where there is an average."""
        names = self._parameter_names()
        found = {
            f"optimizer/{names[index]}/{key}": value
            for index, kept in self.optimizer.state_dict()["state"].items()
            for key, value in kept.items()
            if isinstance(value, Tensor)
        }
        if self.average is not None:
            found |= {f"network/{name}": value for name, value in _without_ties(self.network).items()}
            found["average/count"] = self.average.n_averaged
        return {name: value.detach().contiguous() for name, value in found.items()}

    def record(self) -> dict[str, Any]:
        """What is no tensor, as JSON."""
        return {"progress": dataclasses.asdict(self.progress), "scaler": self.scaler.state_dict() if self.scaler else None}

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Become what `tensors` and `record` were taken of; `result`'s own weights are loaded before.

        Raises:
            ConvatlasError: they are of another network or optimizer.
        """
        self.progress = Progress(**record["progress"])
        if self.average is not None:
            own = {name.removeprefix("network/"): value for name, value in tensors.items() if name.startswith("network/")}
            if own.keys() != _without_ties(self.network).keys():
                raise ConvatlasError("the state is of another network: its parameters have other names")
            self.network.load_state_dict(own, strict=False)
            self.average.n_averaged.copy_(tensors["average/count"])
        self._restore_optimizer(tensors)
        if self.scaler and record["scaler"]:
            self.scaler.load_state_dict(record["scaler"])

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        parameters = dict(self.network.named_parameters())
        index_of = {name: index for index, name in self._parameter_names().items()}
        kept: dict[int, dict[str, Tensor]] = {}
        for path, value in tensors.items():
            kind, _, rest = path.partition("/")
            name, _, key = rest.rpartition("/")
            if kind != "optimizer":
                continue
            if name not in index_of:
                raise ConvatlasError(f"the state's optimizer trains {name}, which this one does not")
            parameter = parameters[name]
            if value.shape == parameter.shape:  # lying as the parameter lies, or each step would take longer
                value = torch.empty_like(parameter).copy_(value)
            kept.setdefault(index_of[name], {})[key] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": kept})

    def _parameter_names(self) -> dict[int, str]:
        """The names of the optimizer's parameters, by the index that its own state_dict gives them."""
        names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        return {index: names[id(parameter)] for index, parameter in enumerate(parameters)}

    def non_finite(self) -> str | None:
        """The name of a tensor with a NaN or an infinity in it, or None."""
        everything = {**self.tensors(), **_without_ties(self.result)}
        floating = {name: value for name, value in everything.items() if value.is_floating_point()}
        return next((name for name, value in floating.items() if not bool(torch.isfinite(value).all())), None)


def _without_ties(network: nn.Module) -> dict[str, Tensor]:
    """The network's tensors by name, one that has several names once."""
    seen: set[int] = set()
    found = {}
    for name, value in network.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            found[name] = value.detach()
    return found
