"""The training loop, from top to bottom.

`fit` runs epochs, `train_step` one optimizer step, `end_epoch` validates and writes. The rate, the order of the images and all random
numbers are functions of the counters in `Progress`, so a training that is cut off anywhere goes on from its last state to the same bits.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ConvatlasError
from .data import Batch
from .evaluate import evaluate_batches, first_of, to_device
from .optimizer import set_modes, set_rate
from .randomness import STEPS, set_random_states
from .state import Row
from .stop import Stop

if TYPE_CHECKING:
    from .training import Training

Ending = Literal["finished", "patience", "told", "interrupted"]
AfterEpoch: TypeAlias = "Callable[[Row], bool]"
_LOOKED_AT = 50  # steps between two looks at the loss on a device that would have to be waited for


class NonFiniteError(ConvatlasError):
    """The loss became NaN or infinite, at ``step`` (counted from 1)."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


def fit(training: Training, stop: Stop, after_epoch: AfterEpoch | None = None) -> Ending:
    """Train until the last epoch, until patience ends, until ``after_epoch`` says so, or until a signal comes; the state is written in each case.

    Raises:
        NonFiniteError: the loss became NaN or infinite; the state that was written last stays.
        DiskFullError: there is no room for the state; the one before stays.
    """
    progress, job = training.state.progress, training.job
    training.begin()
    while progress.epoch < job.recipe.epochs:
        if job.patience and progress.stale >= job.patience:
            return "patience"
        training.begin_epoch(progress.epoch)
        set_modes(training.state.network)
        sums = Sums(training)
        for window in _windows(training.loader.epoch(progress.epoch, progress.images), job.accumulate):
            train_step(training, window, sums)
            if training.display.is_due():
                sums.show()
            if (stopping := training.stops(stop)) or training.saves_now():
                sums.settle()
                training.save()
            if stopping:
                return "interrupted"
        sums.settle()
        end_epoch(training)
        if training.stops(stop, always=True):
            return "interrupted"
        if after_epoch is not None and after_epoch(progress.rows[-1]):
            return "told"
    return "finished"


def train_step(training: Training, window: list[Batch], sums: Sums) -> None:
    """One optimizer step over a window of batches, each image with the same weight whatever the window's size."""
    accelerator, network, state = training.accelerator, training.wrapped, training.state
    progress, recipe = state.progress, training.job.recipe
    set_rate(state.optimizer, recipe.rate(progress.step, training.steps))
    set_random_states(STEPS, training.job.seed, progress.step, accelerator.process_index)
    images = sum(batch.total for batch in window)
    for batch in window:
        with accelerator.no_sync(network) if batch is not window[-1] else nullcontext():
            output = network(to_device(batch.pixels, accelerator.device, training.channels_last))
            loss = _loss(output, batch, training)
            sums.add(output, batch, loss)
            # the gradients of the processes are averaged: each brings its share of the mean over the window
            accelerator.backward(loss * (accelerator.num_processes / images))
    if recipe.clip:
        accelerator.clip_grad_norm_(network.parameters(), recipe.clip)
    training.optimizer.step()
    training.optimizer.zero_grad()
    progress.step += 1
    progress.images += images
    if state.average is not None:
        state.average.update_parameters(state.network)


def end_epoch(training: Training) -> None:
    """Validate, note the epoch's row, and write the state."""
    began = time.perf_counter()
    state, progress = training.state, training.state.progress
    scores = evaluate_batches(
        state.result,
        training.validation.epoch(0),
        training.classes,
        device=training.accelerator.device,
        channels_last=training.channels_last,
        autocast=training.accelerator.autocast,
        summed=training.accelerator.reduce,
    )
    progress.seconds += progress.epoch_seconds + time.perf_counter() - began
    row = {
        "epoch": progress.epoch + 1,
        "step": progress.step,
        "images": progress.epoch * len(training.data.train) + progress.images,
        "lr": training.job.recipe.rate(progress.step - 1, training.steps),
        "train_loss": progress.loss / progress.counted,
        "val_loss": scores.loss,
        "val_top1": scores.top1,
        "val_top5": scores.top5,
        "images_per_second": round(progress.images / max(progress.epoch_seconds, 1e-9), 1),
        "seconds": round(progress.seconds, 2),
    }
    accuracy = 100 * progress.correct / progress.counted if not training.mixes else None
    better = progress.end_epoch(row)
    training.save(best=better)
    training.report_epoch(row, accuracy, better)


class Sums:
    """Loss and right answers over an epoch's images, summed on the device and looked at seldom; and the time since it began.

    A sum that a NaN or an infinity went into stays one, so looking at it tells whether any step since went wrong.
    """

    def __init__(self, training: Training) -> None:
        self._training, progress, accelerator = training, training.state.progress, training.accelerator
        device = accelerator.device
        exact = torch.float32 if device.type == "mps" else torch.float64
        first = accelerator.is_main_process  # it goes on from what all processes had summed up
        self._loss = torch.tensor(progress.loss if first else 0.0, dtype=exact, device=device)
        self._correct = torch.tensor(progress.correct if first else 0, device=device)
        self._counted, self._before = progress.counted, progress.counted
        self._began = time.perf_counter() - progress.epoch_seconds
        self._recent: list[tuple[int, Tensor]] = []
        self._looked_at = 1 if device.type == "cpu" else _LOOKED_AT

    def add(self, output: Any, batch: Batch, loss: Tensor) -> None:
        """Add a batch.

        Raises:
            NonFiniteError: its loss, or that of a step of late, is NaN or infinite.
        """
        loss = loss.detach()
        self._recent.append((self._training.state.progress.step, loss))
        self._loss += loss
        self._counted += batch.total
        if not self._training.mixes:
            self._correct += (first_of(output).detach().argmax(1) == batch.labels.to(loss.device, non_blocking=True)).sum()
        if len(self._recent) >= self._looked_at:
            self._check()

    def _check(self) -> None:
        if self._recent and not math.isfinite(self._loss.item()):
            progress, job = self._training.state.progress, self._training.job
            step, loss = next(((step, loss) for step, loss in self._recent if not math.isfinite(loss.item())), self._recent[-1])
            raise NonFiniteError(
                f"the loss is {loss.item()} at step {step + 1} (epoch {progress.epoch + 1}); what was written before it stays. "
                f"Try a lower rate (--set lr={job.recipe.optimizer.lr / 4:g}), a limit of the gradient (--set clip=1)"
                + (", or --precision fp32" if self._training.precision != "fp32" else ""),
                step + 1,
            )
        self._recent.clear()

    def settle(self) -> None:
        """Write the sums over all processes, and the time, into the progress, which is what is kept.

        Raises:
            NonFiniteError: the loss of a step of late is NaN or infinite.
        """
        self._check()
        progress, accelerator = self._training.state.progress, self._training.accelerator
        progress.loss = float(accelerator.reduce(self._loss.clone()))
        progress.correct = int(accelerator.reduce(self._correct.clone()))
        progress.counted = self._counted
        progress.epoch_seconds = time.perf_counter() - self._began

    def show(self) -> None:
        """Write the progress line: mean loss and accuracy of the epoch so far, by this process's images."""
        share = (self._counted - self._before) / self._training.accelerator.num_processes + self._before
        self._training.show(
            loss=self._loss.item() / share,
            accuracy=None if self._training.mixes else 100 * self._correct.item() / share,
        )


def _windows(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Batches by ``size``; the last window holds what is left."""
    batches = iter(batches)
    while window := list(itertools.islice(batches, size)):
        yield window


def _loss(output: Any, batch: Batch, training: Training) -> Tensor:
    """Cross-entropy summed over the images; auxiliary classifiers add theirs at the recipe's weight."""
    recipe = training.job.recipe
    device = training.accelerator.device
    target = (batch.labels if batch.targets is None else batch.targets).to(device, non_blocking=True)

    def one(logits: Tensor) -> Tensor:
        return F.cross_entropy(
            logits.float(), target, weight=training.class_weights, reduction="sum", label_smoothing=recipe.label_smoothing
        )

    if isinstance(output, Tensor):
        return one(output)
    main, *auxiliary = (logits for logits in output if logits is not None)
    loss = one(main)
    for logits in auxiliary:
        loss = loss + recipe.auxiliary * one(logits)
    return loss
