"""Going on with a run: as it began, and from where it stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import nn

from ..errors import ConvatlasError
from .job import INCIDENTAL, Job
from .recipe import Recipe
from .training import Training


def check_same(
    job: Job,
    model: str | nn.Module | None,
    recipe: str | Recipe,
    batch: int | str | None,
    seed: int,
    precision: str,
    settings: Mapping[str, Any],
) -> None:
    """Refuse to go on in another way than a run began.

    Raises:
        ConvatlasError: something that was asked for is not what the run has.
    """
    name = type(model).__name__ if isinstance(model, nn.Module) else model
    if name is not None and name != job.model:
        raise ConvatlasError(f"the run is of {job.model}, not of {name}; leave the model out, or choose another --output")
    wanted = recipe if isinstance(recipe, str) else recipe.name
    asked: dict[str, tuple[Any, Any]] = {}
    if wanted not in ("modern", job.recipe.name):
        asked["recipe"] = (job.recipe.name, wanted)
    if batch not in (None, job.recipe.batch):
        asked["batch"] = (job.recipe.batch, batch)
    if seed not in (0, job.seed):
        asked["seed"] = (job.seed, seed)
    if precision not in ("auto", job.precision):
        asked["precision"] = (job.precision, precision)
    fields = {each.name for each in dataclasses.fields(Job)} - INCIDENTAL
    for key, value in settings.items():
        if key in fields and value != getattr(job, key):
            asked[key] = (getattr(job, key), value)
        elif key not in fields | INCIDENTAL and job.recipe.changed({key: value}) != job.recipe:
            asked[key] = ("another value", value)
    for key, (mine, theirs) in asked.items():
        raise ConvatlasError(
            f"the run has `{key}` {mine}, not {theirs}; a run goes on as it began: leave it out, or start a new one"
        )


def where_it_goes_on(training: Training, before: Job) -> str:
    """The line that a resume begins with: position and rate; both rates where the epochs are others than before."""
    progress, recipe = training.state.progress, training.job.recipe
    at = f"epoch {progress.epoch + 1}, image {progress.images:,}"
    if progress.epoch >= recipe.epochs:
        at = f"the end of epoch {progress.epoch}"
    rate, was = (each.rate(progress.step, training.steps) for each in (recipe, before.recipe))
    other = f", which would be {was:.4g} over {before.recipe.epochs} epochs" if recipe.epochs != before.recipe.epochs else ""
    return f"going on at {at} (step {progress.step:,}, rate {rate:.4g}{other})"
