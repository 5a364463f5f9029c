"""What a run was asked for: with the images it decides every bit of the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ..errors import ConvatlasError
from .recipe import Recipe

Precision = Literal["auto", "fp32", "amp", "bf16"]
INCIDENTAL = frozenset({"data", "device", "workers", "checkpoint_minutes", "max_broken"})
"""Fields that may differ when a run goes on: they change no bit of it, or (data) are compared in another way."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything a run was asked for.

    Attributes:
        model: a zoo name, a place in code, or the class of a module that was given.
        data: what `open_data` reads.
        recipe: how to train, with the epochs and the batch of this run.
        seed: of initial weights, order, augmentation and dropout.
        precision: "fp32", "bf16" (autocast) or "amp" (autocast: float16 on CUDA, bfloat16 on a CPU); "auto" until it is known.
        device: "auto", "cpu", "cuda", ...
        size: of the images that the network reads, in pixels; None until it is known.
        stem: "small" for images of few pixels, "imagenet", or None: by the images.
        weights: to start from: "imagenet", an https URL, a file, or None.
        grow_from: a run of a shallower network, whose layers this one starts from at the same places (`growing.grow`), or None.
        freeze: modules (dotted paths) that are not trained, and whose statistics stay.
        head_first: epochs in which the classifier alone is trained.
        layer_decay: the rate of a layer over that of the layer after it.
        accumulate: batches to an optimizer step.
        patience: epochs without a better validation after which training ends; 0: never.
        class_weights: "balanced" weighs the loss by the rarity of a class.
        validation, folds, fold: how the images are split, where they come in one folder.
        workers: processes that read images.
        max_broken: the share of broken images that is borne.
        checkpoint_minutes: between two states written within an epoch.
    """

    model: str
    data: str
    recipe: Recipe
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    size: int | None = None
    stem: Literal["imagenet", "small"] | None = None
    weights: str | None = None
    grow_from: str | None = None
    freeze: tuple[str, ...] = ()
    head_first: int = 0
    layer_decay: float = 1.0
    accumulate: int = 1
    patience: int = 0
    class_weights: Literal["none", "balanced"] = "none"
    validation: float = 0.2
    folds: int | None = None
    fold: int | None = None
    workers: int = 0
    max_broken: float = 0.01
    checkpoint_minutes: float = 10.0

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("head_first", 0), ("patience", 0), ("workers", 0), ("accumulate", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConvatlasError(f"`{name}` (={value!r}) must be a whole number of at least {least}")
        for name, known in (
            ("precision", ("auto", "fp32", "amp", "bf16")), ("stem", (None, "imagenet", "small")), ("class_weights", ("none", "balanced")),
        ):  # fmt: skip
            if (value := getattr(self, name)) not in known:
                words = [word for word in known if word]
                raise ConvatlasError(f"unknown {name} {value!r}: choose {', '.join(words[:-1])} or {words[-1]}")
        if not 0 < self.layer_decay <= 1:
            raise ConvatlasError(f"`layer_decay` (={self.layer_decay:g}) must be above 0 and at most 1")
        if self.size is not None and self.size < 1:
            raise ConvatlasError(f"`size` (={self.size}) must be at least 1 pixel")

    @property
    def images_a_step(self) -> int:
        """Images of an optimizer step, over all processes."""
        return self.recipe.batch * self.accumulate

    def record(self) -> dict[str, Any]:
        """The job as JSON."""
        return {**{each.name: getattr(self, each.name) for each in dataclasses.fields(self)}, "recipe": self.recipe.record()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The job of a `record`."""
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
        return cls(**{**values, "recipe": Recipe.from_record(record["recipe"])})
