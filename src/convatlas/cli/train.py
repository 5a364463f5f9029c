"""`train`: a network on a person's own images."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import ConvatlasError
from .completion import complete_model, complete_recipe
from .options import Debug

_DISK_FULL = 1  # exit status

Precision = Literal["auto", "fp32", "amp", "bf16"]


def train(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A zoo name, torchvision:NAME, timm:NAME, file.py:callable, ...",
            autocompletion=complete_model,
            show_default="the run's",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DATA", help="A folder of images, list.csv, digits, fashion-mnist, ...", show_default="digits"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="RUN", help="The run's folder.", show_default="runs/MODEL-DATA")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with this run; needs nothing else.", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="Times over the images.", show_default="the recipe's")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch", metavar="N", help="Images a step, over all processes; auto: what fits.", show_default="the recipe's"
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option("--recipe", metavar="NAME", help="How to train; see `convatlas recipes`.", autocompletion=complete_recipe),
    ] = "modern",
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another value in the recipe, as lr=0.2 (repeatable).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of weights, order, augmentation and dropout.")] = 0,
    precision: Annotated[
        Precision, typer.Option("--precision", help="amp: float16 on CUDA, bfloat16 on a CPU; auto: what is fast here.")
    ] = "auto",
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option("--workers", metavar="W", help="Processes that read images.")] = 0,
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="PIXELS", help="Side of the images.", show_default="the network's, or the images'"),
    ] = None,
    stem: Annotated[
        Literal["imagenet", "small"] | None,
        typer.Option("--stem", help="small: for images of few pixels.", show_default="by the images"),
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="SOURCE", help='To start from: "imagenet", an https URL, a file.')
    ] = None,
    grow_from: Annotated[
        str | None,
        typer.Option("--grow-from", metavar="RUN", help="Start from this run of a shallower network (VGG-16 from VGG-11)."),
    ] = None,
    freeze: Annotated[
        list[str] | None, typer.Option("--freeze", metavar="MODULE", help="Do not train this module (repeatable).")
    ] = None,
    head_first: Annotated[int, typer.Option("--head-first", metavar="N", help="Epochs that train the classifier alone.")] = 0,
    layer_decay: Annotated[
        float, typer.Option("--layer-decay", metavar="F", help="A layer's rate over that of the layer after it.")
    ] = 1.0,
    accumulate: Annotated[int, typer.Option("--accumulate", metavar="N", help="Batches to an optimizer step.")] = 1,
    patience: Annotated[
        int, typer.Option("--patience", metavar="N", help="End after N epochs without a better one.", show_default="never")
    ] = 0,
    class_weights: Annotated[
        Literal["none", "balanced"], typer.Option("--class-weights", help="balanced: rare classes count more.")
    ] = "none",
    validation: Annotated[
        float, typer.Option("--validation", metavar="SHARE", help="Of the images, where the data are not split.")
    ] = 0.2,
    folds: Annotated[int | None, typer.Option("--folds", metavar="K", help="Split into K parts ...", show_default=False)] = None,
    fold: Annotated[
        int | None, typer.Option("--fold", metavar="k", help="... of which part k, from 0, validates.", show_default=False)
    ] = None,
    max_broken: Annotated[float, typer.Option("--max-broken", metavar="SHARE", help="Of broken images that is borne.")] = 0.01,
    checkpoint_minutes: Annotated[
        float, typer.Option("--checkpoint-minutes", metavar="MIN", help="Between two states written within an epoch.")
    ] = 10.0,
    debug: Debug = False,
) -> None:
    """Train a network on images; goes on after any stop (--resume)."""
    if resume is not None and output is not None:
        raise ConvatlasError(f"--resume {resume} goes on in that folder; leave --output {output} out")
    if resume is None and model is None:
        raise ConvatlasError("which network? as: convatlas train resnet20_cifar --data digits; or --resume RUN")
    settings = _given(
        {
            "device": (device, "auto"), "workers": (workers, 0), "size": (size, None), "stem": (stem, None), "weights": (weights, None),
            "grow_from": (grow_from, None),
            "freeze": (tuple(freeze or ()), ()), "head_first": (head_first, 0), "layer_decay": (layer_decay, 1.0),
            "accumulate": (accumulate, 1), "patience": (patience, 0), "class_weights": (class_weights, "none"),
            "validation": (validation, 0.2), "folds": (folds, None), "fold": (fold, None), "max_broken": (max_broken, 0.01),
            "checkpoint_minutes": (checkpoint_minutes, 10.0),
        }
    )  # fmt: skip
    run = _trained(
        model,
        data if resume is not None else data or "digits",
        recipe=recipe,
        epochs=epochs,
        batch=_batch(batch),
        output=resume or output,
        seed=seed,
        precision=precision,
        resume=resume is not None,
        **settings,
        **_changes(changes or [], epochs=epochs, batch=batch),
    )
    if run.best is not None and os.environ.get("RANK", "0") == "0":  # of several processes the first speaks
        _say_end(run)
    _leave_together()


def _leave_together() -> None:
    """Let several processes end their talk before any of them exits: a thread of it that outlives its process aborts it."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def room() -> Any:
    """The room that trains, or what to install for it."""
    try:
        return importlib.import_module("convatlas.train")
    except ImportError as error:
        raise ConvatlasError(f"training needs {error.name}: pip install 'convatlas[train]'") from None


def _trained(*args: Any, **options: Any) -> Any:
    training = room()
    from ..api import train as train_with_page

    try:
        return train_with_page(*args, **options)
    except training.Interrupted as stopped:
        print(stopped, file=sys.stderr)
        raise typer.Exit(stopped.status) from None
    except training.DiskFullError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(_DISK_FULL) from None


def _say_end(run: Any) -> None:
    best = run.best
    top5 = "" if best["val_top5"] is None else f", top-5 {best['val_top5']:.2f} %"
    print(f"best: epoch {best['epoch']}, top-1 {best['val_top1']:.2f} %{top5} on {run.validation_images:,} images")
    page = "report.html, " if (run.folder / "report.html").is_file() else ""
    print(f"run:  {run.folder} ({page}best/model.safetensors, metrics.csv)")


def _given(values: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The settings that differ from their defaults: a resume compares those alone."""
    return {name: value for name, (value, default) in values.items() if value != default}


def _batch(text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise ConvatlasError(f"`--batch` (={text}) must be a whole number, or auto") from None


def _changes(texts: list[str], **given: Any) -> dict[str, str]:
    """KEY=VALUE pairs, none of which was ``given`` in another way."""
    changes: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ConvatlasError(f"`--set` (={text}) must be KEY=VALUE, as lr=0.2")
        if given.get(key.strip()) is not None:
            raise ConvatlasError(f"`{key.strip()}` was given twice: {given[key.strip()]} and {value.strip()}")
        changes[key.strip()] = value.strip()
    return changes
