"""One run of a study, measured: an arm trained with a seed, or single training steps of it."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from ..analysis.cost import cost
from ..analysis.memory import Settings
from ..files import atomic_write
from ..measure.memory import measure_training
from ..trace import trace
from ..train import Recipe, Run, train
from ..train.data import Augmentation, Data, Images, open_data
from ..train.device import autocast, precision_of
from ..train.evaluate import first_of
from ..train.growing import grow
from ..train.job import Precision
from ..train.loop import NonFiniteError
from ..train.recipe import Optimizer, Schedule
from ..train.records import RUN, host, versions
from .design import Arm, Design, Form
from .run import Row, Task, row_file, run_folder

# What the papers of the time did, for fewer epochs: the arms of a study differ in nothing but their networks.
RECIPE = Recipe(
    name="study",
    summary="Nesterov SGD, one cosine after a warm-up; nothing that changes the loss.",
    source="He et al. 2015, Section 4.2, with a cosine for its two steps",
    epochs=10,
    batch=128,
    optimizer=Optimizer(lr=0.1, nesterov=True, weight_decay=1e-4),
    schedule=Schedule(shape="cosine", warmup=1),
    augmentation=Augmentation(crop="pad", pad=2, flip=True),
)
_SUBSET_SEED = 2015
_TIMED_IMAGES = 64
_TIMED_ROUNDS = 9


def row_of(task: Task) -> Row:
    """Do a run and say what it came to."""
    from . import design_of

    design = design_of(task.study)
    arm, form = design.arm(task.arm), design.quick if task.quick else design.full
    side = round(form.size * arm.side_ratio)
    was = torch.get_num_threads()
    torch.set_num_threads(task.threads)
    try:
        about = _about(task, arm, side)
        return about | (
            _trained(task, design, arm, form, side) if design.measures == "training" else _stepped(task, arm, form, side)
        )
    finally:
        torch.set_num_threads(was)


def _about(task: Task, arm: Arm, side: int) -> Row:
    counted = cost(trace(_network(arm, task.seed).eval(), (1, 1, side, side)))
    here = host(torch.device("cpu"), 1)
    return {
        "study": task.study,
        "form": "quick" if task.quick else "full",
        "arm": arm.name,
        "seed": task.seed,
        "params": counted.params,
        "macs": counted.macs,
        "side": side,
        "data": task.data,
        "host": f"{here['cpu']} ({here['cores']} cores)",
        "threads": task.threads,
        "torch": versions()["torch"],
    }


def _trained(task: Task, design: Design, arm: Arm, form: Form, side: int) -> Row:
    data = _data(task.data, form)
    network = _network(arm, task.seed, len(data.classes))
    if arm.grown_from:
        grow(network, _last(design.arm(arm.grown_from), task, len(data.classes)))
    folder = run_folder(task.folder, arm, task.seed)
    recipe = RECIPE.changed(design.changes)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with (folder / "log.txt").open("a", encoding="utf-8") as log, contextlib.redirect_stderr(log):
        try:
            if (folder / RUN).is_file():
                run = train(network, data, recipe=recipe, output=folder, resume=True)
            else:
                run = train(
                    network, data, recipe=recipe, epochs=form.epochs, batch=form.batch, output=folder, seed=task.seed, size=side
                )
            diverged = None
        except NonFiniteError as error:
            run, diverged = Run.open(folder, network), error.step
    seconds = time.perf_counter() - began
    _write_curve(task, arm, run)
    row: Row = {
        "images": len(data.train),
        "epochs": form.epochs,
        "batch": form.batch,
        "precision": run.job.precision,
        **(_reached(run, data) if diverged is None else _guessing(len(data.classes))),
        "microseconds_per_image": _forward_microseconds(network, side, run.job.precision),
        "images_per_second": run.metrics[-1]["images_per_second"] if run.metrics else None,
        "seconds": round(seconds, 1),
    }
    return row if diverged is None else row | {"diverged_at_step": diverged}


def _reached(run: Run, data: Data) -> Row:
    """Where a run ended."""
    on_training = run.evaluate(replace(data, val=data.train), weights="last")
    on_test = run.evaluate(data, weights="last")
    return {
        "train_loss": run.metrics[-1]["train_loss"],
        "train_error_percent": 100 - on_training.top1,
        "val_loss": on_test.loss,
        "val_error_percent": 100 - on_test.top1,
        "error_gap_percent": on_training.top1 - on_test.top1,
    }


def _guessing(classes: int) -> Row:
    """What a run counts as whose loss stopped being finite: as a network that guesses, which is better than it was."""
    loss, error = math.log(classes), 100 * (1 - 1 / classes)
    return {
        "train_loss": loss,
        "train_error_percent": error,
        "val_loss": loss,
        "val_error_percent": error,
        "error_gap_percent": 0.0,
    }


def _stepped(task: Task, arm: Arm, form: Form, side: int) -> Row:
    shape = (form.batch, 1, side, side)
    settings = Settings(optimizer="momentum", threads=task.threads)
    network = _network(arm, task.seed)
    images, labels = torch.rand(shape), torch.zeros(form.batch, dtype=torch.int64)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

    def step() -> None:
        nn.functional.cross_entropy(first_of(network(images)), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    milliseconds = 1e3 * _median_seconds(step)
    return {
        "batch": form.batch,
        "precision": "fp32",
        "peak_bytes": measure_training(_network(arm, task.seed), shape, settings).peak_bytes,
        "step_milliseconds": milliseconds,
    }


def _network(arm: Arm, seed: int, classes: int = 10) -> nn.Module:
    """The arm's network for grey images, with initial weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return arm.network(1, classes)


def _last(arm: Arm, task: Task, classes: int) -> nn.Module:
    """An arm's network as it was trained with the same seed; trained now where that run is not here."""
    shallow = replace(task, arm=arm.name)
    if not row_file(shallow).is_file():
        row_of(shallow)
    network = _network(arm, task.seed, classes)
    return Run.open(run_folder(task.folder, arm, task.seed), network).network("last")


def _data(name: str, form: Form) -> Data:
    """The form's images: a part of the data's that is the same for all arms and seeds."""
    data = open_data(name)
    return replace(data, train=_part(data.train, form.images), val=_part(data.val, form.test_images))


def _part(images: Images, count: int | None) -> Images:
    if count is None or count >= len(images):
        return images
    return images.take(np.sort(np.random.default_rng(_SUBSET_SEED).permutation(len(images))[:count]))


def _forward_microseconds(network: nn.Module, side: int, precision: Precision) -> float:
    """Measured time of a forward pass an image, at a batch of 64, as the run trained: channels-last, at its precision."""
    images = torch.rand(_TIMED_IMAGES, 1, side, side).to(memory_format=torch.channels_last)
    network = network.eval().to(memory_format=torch.channels_last)
    with torch.inference_mode(), autocast(precision_of(precision, "cpu"), "cpu"):
        return 1e6 * _median_seconds(lambda: network(images)) / _TIMED_IMAGES


def _median_seconds(call: Callable[[], object]) -> float:
    """The median time of a call, after two that are not counted."""
    times = []
    for _ in range(_TIMED_ROUNDS + 2):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])


def _write_curve(task: Task, arm: Arm, run: Run) -> None:
    points = [
        {"epoch": row["epoch"], "train_loss": row["train_loss"], "val_error_percent": 100 - float(row["val_top1"])}
        for row in run.metrics
    ]
    with atomic_write(run_folder(task.folder, arm, task.seed) / "curve.json") as file:
        file.write(json.dumps(points).encode())
