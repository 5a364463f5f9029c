"""Options about a training step that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import ConvatlasError
from ..sizes import parse_size

if TYPE_CHECKING:
    from ..analysis.memory import Settings

PrecisionName = Literal["fp32", "amp", "bf16", "fp16"]
Precision = Annotated[
    PrecisionName | None,
    typer.Option("--precision", help="Of the training step; amp is autocast, bf16 and fp16 are for all.", show_default="fp32"),
]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion"]
Implementation = Literal["single", "foreach", "fused"]
Device = Annotated[
    Literal["cpu", "cuda"] | None,
    typer.Option("--device", help="For which device the training step is simulated.", show_default="cpu"),
]
Fit = Annotated[
    str | None,
    typer.Option("--fit", metavar="SIZE", help="Say whether it fits into 8GiB, 24GB or 8g, the largest batch, and what to change."),
]
CARD_HINT = "This is about the computer's own memory; --device cuda asks about a graphics card's."


def budget_of(fit: str | None) -> int | None:
    """The memory that --fit names, in bytes; None if it was not given."""
    return None if fit is None else parse_size(fit, "--fit")


def step_settings(device: str | None, precision: str | None) -> Settings:
    """How the training step of `compare` and `report` is done, where nothing is said as everywhere."""
    from ..analysis.memory import Settings

    return Settings(device=device or "cpu", precision=precision or "fp32")


def refuse_given(given: Mapping[str, object], reason: str) -> None:
    """Refuse the first option of ``given`` that has a value other than None and False.

    Raises:
        ConvatlasError: there is one.

    """
    for option, value in given.items():
        if value is not None and value is not False:
            raise ConvatlasError(f"{option} {reason}")
