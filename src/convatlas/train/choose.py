"""What is filled in where nothing was asked for: by the images, in the open (each choice is a remark of the plan)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from .data import Augmentation, Data
from .networks import SMALL_PIXELS
from .recipe import Recipe

_LEAST_STEPS = 40  # an epoch; fewer, larger steps learn little of few images
_LEAST_BATCH = 16


def chosen_recipe(
    recipe: Recipe, data: Data, *, epochs: int | None, batch: int | None, changes: Mapping[str, Any]
) -> tuple[Recipe, list[str]]:
    """The recipe for the data, and remarks on what differs from it.

    The rate is the recipe's for the recipe's batch; with another it is scaled in proportion, unless it was given.
    """
    remarks: list[str] = []
    asked: dict[str, Any] = {**({} if epochs is None else {"epochs": epochs}), **({} if batch is None else {"batch": batch})}
    result = recipe.changed({**asked, **changes})
    if "batch" not in {**asked, **changes}:
        fitting = _batch_for(len(data.train), recipe.batch)
        if fitting != recipe.batch:
            remarks.append(
                f"batches of {fitting} images, not {recipe.batch}: an epoch would be {-(-len(data.train) // recipe.batch)} steps"
            )
            result = result.changed({"batch": fitting})
    if result.batch != recipe.batch and "lr" not in changes:
        scaled = recipe.optimizer.lr * result.batch / recipe.batch
        remarks.append(f"rate {scaled:g}: the recipe's {recipe.optimizer.lr:g} is for {recipe.batch} images")
        result = result.changed({"lr": scaled})
    augmentation, more = _augmentation_for(result.augmentation, data, changes)
    return dataclasses.replace(result, augmentation=augmentation), remarks + more


def _batch_for(images: int, most: int) -> int:
    """The largest power of two with some 40 steps an epoch, from 16 to what the recipe says."""
    wanted = max(images // _LEAST_STEPS, 1)
    return min(most, max(_LEAST_BATCH, 1 << (wanted.bit_length() - 1)))


def _augmentation_for(asked: Augmentation, data: Data, changes: Mapping[str, Any]) -> tuple[Augmentation, list[str]]:
    """Small images are shifted rather than resized, and written characters not mirrored, unless it was asked for."""
    remarks = []
    small = data.size is not None and data.size <= SMALL_PIXELS
    if small and data.size and asked.crop in ("resized", "scale", "pad") and not changes.keys() & {"crop", "pad"}:
        pad = max(1, data.size // 8)
        crop: Literal["pad"] = "pad"
        if asked.crop != crop:
            remarks.append(f"images of {data.size} pixels are shifted by up to {pad}, not cropped and resized")
        asked = dataclasses.replace(asked, crop=crop, pad=pad)
    if asked.flip and "flip" not in changes and all(len(name) == 1 for name in data.classes):
        remarks.append("not mirrored: the classes are written characters")
        asked = dataclasses.replace(asked, flip=False)
    return asked, remarks
