"""Starting a training, or going on with one: everything before the first step and after the last."""

from __future__ import annotations

import dataclasses
import shlex
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from torch import nn

from ..errors import ConvatlasError
from ..names import unknown_name
from ..weights import Preprocessing, preprocessing_for, published
from ..weights.load import WeightsWarning
from . import checkpoint, records
from .choose import chosen_recipe
from .data import Data, open_data
from .device import device_of, precision_of
from .growing import grow
from .job import INCIDENTAL, Job
from .loop import AfterEpoch, fit
from .networks import Reads, check_logits, copied, make_network, module_reads, named_reads, zoo_reads
from .plan import largest_batch, make_plan
from .randomness import random_states_kept
from .recipe import Recipe
from .recipes import recipe_named
from .resume import check_same, where_it_goes_on
from .run import Run
from .stop import Stop
from .training import make_accelerator, make_training

RUNS = Path("runs")


class Interrupted(KeyboardInterrupt):
    """A signal ended the training; its state is written.

    Attributes:
        status: what a shell expects of a process that the signal ended: 130 or 143.
        command: that goes on with it.
    """

    def __init__(self, number: int, folder: Path) -> None:
        self.status = 128 + number
        self.command = f"convatlas train --resume {shlex.quote(str(folder))}"
        super().__init__(f"stopped by {signal.Signals(number).name}; the state is written; go on with: {self.command}")


def train(
    model: str | nn.Module | None = None,
    data: str | Path | Data | None = None,
    *,
    recipe: str | Recipe = "modern",
    epochs: int | None = None,
    batch: int | str | None = None,
    output: str | Path | None = None,
    seed: int = 0,
    precision: str = "auto",
    resume: bool = False,
    after_epoch: AfterEpoch | None = None,
    **settings: object,
) -> Run:
    """Train a network on images; the run's folder holds everything, and can be gone on with from any instant.

    Args:
        model: a zoo name, or a module (a copy of it is trained); with ``resume`` None for the run's own.
        data: what `data.open_data` reads, or data that it opened; with ``resume`` None for the run's own.
        recipe: a name (`recipes.RECIPES`), or a recipe.
        epochs: over the images; None for the recipe's.
        batch: images a step, over all processes; "auto" for the largest that fits; None for the recipe's.
        output: the run's folder; None for a new one in ``runs/``.
        seed: of initial weights, order, augmentation and dropout.
        precision: "fp32", "bf16", "amp" or "auto" (see `Job`).
        resume: go on with the run in ``output``.
        after_epoch: told each epoch's row, in place of the display; training ends where it returns True.
        settings: fields of `Job` (``workers=2``), or of the recipe (``lr=0.2``).

    Raises:
        ConvatlasError: something that was asked for does not exist or fit, ``output`` holds a run already, the run is of other
            settings, or the loss became NaN or infinite.
        DiskFullError: there is no room for the state; the one before stays.
        Interrupted: by SIGINT or SIGTERM; the state is written.
    """
    with random_states_kept():
        if resume:
            return _go_on(model, data, recipe, epochs, batch, output, seed, precision, after_epoch, settings)
        if model is None or data is None:
            raise ConvatlasError("a model and data are needed: convatlas train resnet20_cifar --data digits")
        opened, job, reads, network, remarks = _prepared(model, data, recipe, epochs, batch, seed, precision, settings)
        folder = Path(output) if output is not None else _new_folder(job)
        if (folder / records.RUN).exists():
            raise ConvatlasError(f"{folder} holds a run already; go on with --resume {folder}, or choose another --output")
        module = model if isinstance(model, nn.Module) else None
        return _run(job, opened, folder, network, reads, remarks, module, after_epoch=after_epoch)


def _prepared(
    model: str | nn.Module,
    data: str | Path | Data,
    recipe: str | Recipe,
    epochs: int | None,
    batch: int | str | None,
    seed: int,
    precision: str,
    settings: Mapping[str, Any],
) -> tuple[Data, Job, Reads, nn.Module, list[str]]:
    """What was asked for, complete: nothing is "auto" any more."""
    fields = {each.name for each in dataclasses.fields(Job)}
    own = {name: value for name, value in settings.items() if name in fields}
    changes = {name: value for name, value in settings.items() if name not in fields}
    base = recipe_named(recipe)
    name = model if isinstance(model, str) else type(model).__name__
    asked = Job(model=name, data=str(getattr(data, "name", data)), recipe=base, seed=seed, precision=precision, **own)  # type: ignore[arg-type]
    for unknown in (name for name in changes if name not in base.settable):  # told before anything is read
        raise unknown_name(
            "setting", unknown, [*fields, *base.settable], f"there are {', '.join([*sorted(fields), *base.settable])}"
        )
    base.changed(changes)
    opened = open_data(data, seed=seed, validation=asked.validation, folds=asked.folds, fold=asked.fold)
    noted: list[warnings.WarningMessage] = []
    if isinstance(model, nn.Module):
        reads, network = module_reads(model, opened, asked.size), copied(model)
    else:
        if ":" in model:
            reads = named_reads(model, opened, size=asked.size, stem=asked.stem)
        else:
            reads = zoo_reads(model, opened, size=asked.size, stem=asked.stem, weights=asked.weights)
        with warnings.catch_warnings(record=True) as noted:  # what of the weights was adapted, or starts anew
            warnings.simplefilter("always", WeightsWarning)
            network = make_network(model, reads, weights=asked.weights, seed=seed)
    check_logits(network, reads, len(opened.classes))
    taken = grow(network, Run.open(asked.grow_from).network()) if asked.grow_from else 0
    number = None if isinstance(batch, str) else batch
    fitted, remarks = chosen_recipe(base, opened, epochs=epochs, batch=number, changes=changes)
    device = device_of(asked)
    job = dataclasses.replace(asked, recipe=fitted, precision=precision_of(asked.precision, device), size=reads.size)
    if isinstance(batch, str):
        if batch != "auto":
            raise ConvatlasError(f"`batch` (={batch}) must be a whole number, or auto")
        accelerator = make_accelerator(job)
        most = largest_batch(network, job, reads, opened, accelerator.device, accelerator.num_processes)
        fitted, remarks = chosen_recipe(base, opened, epochs=epochs, batch=most, changes=changes)
        job = dataclasses.replace(job, recipe=fitted)
    remarks += [str(warning.message) for warning in noted]
    remarks += [f"{taken} layers start as {asked.grow_from} trained them; the others start anew"] if taken else []
    if reads.options.get("stem") == "small" and asked.stem is None:
        remarks.append("the stem for small images: the network's own would shrink them away")
    return opened, job, reads, network, remarks


def _preprocessing(job: Job, data: Data, reads: Reads) -> Preprocessing:
    """As the weights were published with, or as the data suggest."""
    if job.weights == "imagenet" and (found := published(job.model)):
        scale = reads.size / found.preprocessing.crop
        return dataclasses.replace(found.preprocessing, crop=reads.size, resize=round(found.preprocessing.resize * scale))
    if job.weights is not None:
        usual = preprocessing_for(None, reads.size)
        return usual
    return data.preprocessing(reads.size, reads.channels)


def _run(
    job: Job,
    data: Data,
    folder: Path,
    network: nn.Module,
    reads: Reads,
    remarks: list[str],
    module: nn.Module | None,
    *,
    after_epoch: AfterEpoch | None,
    before: Mapping[str, Any] | None = None,
) -> Run:
    """Train in a folder; ``before`` is the record of the run that is gone on with."""
    accelerator = make_accelerator(job)
    preprocessing = _preprocessing(job, data, reads)
    quiet = after_epoch is not None
    training = make_training(job, data, folder, network, reads, preprocessing, accelerator, quiet=quiet)
    plan = make_plan(
        job, training.state.network, reads, data, device=accelerator.device, processes=accelerator.num_processes, remarks=remarks
    )
    first = accelerator.is_main_process
    with _locked(folder) if first else _nothing():
        if first:
            record = {
                "versions": records.versions(),
                "host": records.host(accelerator.device, accelerator.num_processes),
                "command": records.command_line(),
                "job": job.record(),
                "data": data.record(),
                "reads": dataclasses.asdict(reads),
                "preprocessing": dataclasses.asdict(preprocessing),
                "plan": plan.record(),
                "resumed": [
                    *(before or {}).get("resumed", []),
                    *([] if before is None else [records.host(accelerator.device, accelerator.num_processes)]),
                ],
            }
            records.write_run(folder, record if before is None else {**before, **{key: record[key] for key in ("job", "resumed")}})
        for line in plan.lines() if before is None else []:
            training.display.say(line)
        with Stop(accelerator.num_processes) as stop:
            if before is not None:
                checkpoint.load(folder, "last", training.state)
                records.write_metrics(folder, training.state.progress.rows)
                training.display.say(where_it_goes_on(training, Job.from_record(before["job"])))
            else:
                training.save()
            accelerator.wait_for_everyone()
            training.tracker = _tracker(folder, training.state.progress.step) if first else None
            ending = fit(training, stop, after_epoch)
        if training.tracker is not None:
            training.tracker.close()
        if first:
            records.note_peak(folder, accelerator.device)
        if ending == "interrupted":
            raise Interrupted(stop.signal or signal.SIGTERM, folder)
    return Run(folder, module)


def _go_on(
    model: str | nn.Module | None,
    data: str | Path | Data | None,
    recipe: str | Recipe,
    epochs: int | None,
    batch: int | str | None,
    output: str | Path | None,
    seed: int,
    precision: str,
    after_epoch: AfterEpoch | None,
    settings: Mapping[str, Any],
) -> Run:
    """Go on with a run; what is asked for beside it must be what the run has, but for epochs and what changes no bit of it."""
    if output is None:
        raise ConvatlasError("to resume, say which run: its folder is needed")
    folder = Path(output)
    record = records.read_run(folder)
    job = Job.from_record(record["job"])
    check_same(job, model, recipe, batch, seed, precision, settings)
    incidental: dict[str, Any] = {name: value for name, value in settings.items() if name in INCIDENTAL}
    if data is not None:
        incidental["data"] = str(getattr(data, "name", data))
    job = dataclasses.replace(job, **incidental)
    opened = open_data(
        data if data is not None else record["data"]["spec"] or job.data,
        seed=job.seed,
        validation=job.validation,
        folds=job.folds,
        fold=job.fold,
    )
    if opened.fingerprint != record["data"]["fingerprint"]:
        was = sum(sum(split.values()) for split in record["data"]["images"].values())
        raise ConvatlasError(
            f"{opened.name} is not what the run in {folder} was trained on ({was:,} images then, "
            f"{len(opened.train) + len(opened.val):,} now, or others); start a new run, with --weights {folder / 'best' / checkpoint.MODEL}"
        )
    reads = Reads(**record["reads"])
    network = copied(model) if isinstance(model, nn.Module) else make_network(job.model, reads, seed=job.seed)
    if epochs is not None and epochs != job.recipe.epochs:
        job = dataclasses.replace(job, recipe=job.recipe.changed({"epochs": epochs}))
    module = model if isinstance(model, nn.Module) else None
    return _run(job, opened, folder, network, reads, [], module, after_epoch=after_epoch, before=record)


def _new_folder(job: Job) -> Path:
    """A folder in runs/ that does not exist: model-data, model-data-2, ..."""
    stem = f"{job.model}-{Path(job.data).name or 'data'}".replace(":", "-").replace("/", "-")
    names = [stem, *(f"{stem}-{number}" for number in range(2, 10_000))]
    return next(RUNS / name for name in names if not (RUNS / name).exists())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConvatlasError(f"another process trains in {folder}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _tracker(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder / "tensorboard", purge_step=step + 1 if step else None)
