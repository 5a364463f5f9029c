"""A training that is ready to run: a job, its images and its network, on devices."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from ..weights import Preprocessing
from . import checkpoint
from .average import make_average
from .data import Data, Loader, class_weights
from .device import accelerate_precision
from .display import Display, memory_used
from .job import Job
from .networks import Reads, head_of
from .optimizer import freeze, make_optimizer
from .records import write_metrics
from .state import Row, State
from .stop import Stop

_AGREED_EVERY = 10  # steps between two agreements of several processes on whether to go on


@dataclass(kw_only=True)
class Training:
    """What the loop works with.

    Attributes:
        folder: of the run.
        wrapped: the network as it is called: under autocast, and among several processes with its gradients averaged.
        optimizer: accelerate's wrapper of the state's.
        loader, validation: this process's part of the batches.
        precision: "fp32", "bf16" or "amp".
        tracker: of TensorBoard; None in all processes but the first.
    """

    job: Job
    data: Data
    folder: Path
    accelerator: Accelerator
    state: State
    wrapped: nn.Module
    optimizer: Any
    loader: Loader
    validation: Loader
    precision: str
    class_weights: Tensor | None
    display: Display
    tracker: Any = None
    channels_last: bool = True
    _began_at: tuple[float, int] = (0.0, 0)
    _phase: int | None = None
    _saved: float = field(default_factory=time.monotonic)

    @property
    def classes(self) -> int:
        return len(self.data.classes)

    @property
    def steps(self) -> int:
        """Optimizer steps an epoch."""
        return -(-len(self.data.train) // self.job.images_a_step)

    @property
    def mixes(self) -> bool:
        """Whether labels are mixed, so that right answers cannot be counted while training."""
        return self.job.recipe.augmentation.mixes

    def begin_epoch(self, epoch: int) -> None:
        """Let the parameters that this epoch trains take a gradient, and wrap the network anew where that has changed."""
        job, network = self.job, self.state.network
        phase = int(epoch >= job.head_first)
        if not job.head_first or phase == self._phase:
            return
        self._phase = phase
        network.requires_grad_(phase == 1)
        network.get_submodule(head_of(network)).requires_grad_(True)
        freeze(network, job.freeze)
        if self.accelerator.num_processes > 1:
            self.wrapped = self.accelerator.prepare_model(self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False))

    def stops(self, stop: Stop, *, always: bool = False) -> bool:
        """Whether all processes end here, since a signal came to one of them; they agree on it every few steps."""
        return self._agreed(stop.signal is not None, always)

    def saves_now(self) -> bool:
        """Whether a state within the epoch is due."""
        due = time.monotonic() - self._saved >= 60 * self.job.checkpoint_minutes
        return self._agreed(due, always=False)

    def _agreed(self, wish: bool, always: bool) -> bool:
        if self.accelerator.num_processes == 1:
            return wish
        if not always and self.state.progress.step % _AGREED_EVERY:
            return False
        wishes = self.accelerator.reduce(torch.tensor(int(wish), device=self.accelerator.device))
        return bool(wishes.item())

    def save(self, *, best: bool = False) -> None:
        """Write the state, in the first process."""
        if self.accelerator.is_main_process:
            checkpoint.save(self.folder, self.state, best=best)
        self._saved = time.monotonic()

    def report_epoch(self, row: Row, accuracy: float | None, better: bool) -> None:
        """Write metrics.csv and TensorBoard's events, and say the epoch's line."""
        if self.accelerator.is_main_process:
            write_metrics(self.folder, self.state.progress.rows)
        if self.tracker is not None:
            figures = {name: value for name, value in row.items() if name not in ("epoch", "step") and value is not None}
            for name, value in ({**figures, "train_top1": accuracy} if accuracy is not None else figures).items():
                self.tracker.add_scalar(name, value, row["step"])
            self.tracker.flush()
        self.display.epoch(row, better)

    def show(self, *, loss: float, accuracy: float | None) -> None:
        """Write the progress line; the speed is that of this process's time, validation apart."""
        progress, images = self.state.progress, len(self.data.train)
        seen = progress.epoch * images + progress.images
        self.display.progress(
            epoch=progress.epoch,
            seen=progress.images,
            left=self.job.recipe.epochs * images - seen,
            images_a_second=(seen - self._began_at[1]) / max(time.perf_counter() - self._began_at[0], 1e-9),
            loss=loss,
            accuracy=accuracy,
            memory=memory_used(self.accelerator.device),
        )

    def begin(self) -> None:
        """Start the clock of the progress line."""
        progress = self.state.progress
        self._began_at = time.perf_counter(), progress.epoch * len(self.data.train) + progress.images


def make_training(
    job: Job,
    data: Data,
    folder: Path,
    network: nn.Module,
    reads: Reads,
    preprocessing: Preprocessing,
    accelerator: Accelerator,
    *,
    quiet: bool = False,
) -> Training:
    """Put a network, its optimizer and its images together, on the accelerator's device.

    Raises:
        ConvatlasError: a module to freeze does not exist, or nothing is left to train.
    """
    recipe, device = job.recipe, accelerator.device
    network = network.to(device).to(memory_format=torch.channels_last)
    freeze(network, job.freeze)
    optimizer = make_optimizer(network, recipe, layer_decay=job.layer_decay)
    state = State(network=network, optimizer=optimizer)
    if recipe.ema:
        state.average = make_average(network, recipe.ema, lambda: state.progress.step)
    wrapped, prepared = accelerator.prepare(network, optimizer)
    state.scaler = accelerator.scaler

    def loader(training: bool) -> Loader:
        return Loader(
            data.train if training else data.val,
            classes=len(data.classes),
            batch=recipe.batch,
            channels=reads.channels,
            preprocessing=preprocessing,
            seed=job.seed,
            training=training,
            augmentation=recipe.augmentation,
            workers=job.workers,
            rank=accelerator.process_index,
            world=accelerator.num_processes,
            max_broken=job.max_broken,
            pin=device.type == "cuda",
            say=display.say,
        )

    weights = None
    if job.class_weights == "balanced":
        weights = torch.tensor(class_weights(data.train.labels, len(data.classes)), dtype=torch.float32, device=device)
    display = Display(epochs=recipe.epochs, images=len(data.train), quiet=quiet or not accelerator.is_main_process)
    return Training(
        job=job,
        data=data,
        folder=folder,
        accelerator=accelerator,
        state=state,
        wrapped=wrapped,
        optimizer=prepared,
        loader=loader(True),
        validation=loader(False),
        precision=job.precision,
        class_weights=weights,
        display=display,
    )


def make_accelerator(job: Job) -> Accelerator:
    """Accelerate's devices and processes, at the job's precision; what an earlier training in this process set is forgotten."""
    AcceleratorState._reset_state()
    on_cpu = job.device == "cpu" or (job.device == "auto" and not torch.cuda.is_available())
    return Accelerator(cpu=on_cpu, mixed_precision=accelerate_precision(job.precision, "cpu" if on_cpu else "cuda"))
