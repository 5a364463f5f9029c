"""The public function that trains, and writes the run's page."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ConvatlasError

if TYPE_CHECKING:
    from torch import nn

    from ..train import Recipe, Run
    from ..train.data import Data

Setting: TypeAlias = "bool | int | float | str | Sequence[str] | None"


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
    **settings: Setting,
) -> Run:
    """Train a network on images. The run's folder holds everything, a page too, and can be gone on with from any instant.

    Args:
        model: a word for a network, or a module (a copy of it is trained); with ``resume`` None for the run's own.
        data: a folder of images, "list.csv", "digits", "fashion-mnist", ... (see docs/data.md), or what `open_data` gave; with
            ``resume`` None for the run's own.
        recipe: a name (see `convatlas recipes`), or a recipe.
        epochs: over the images; None for the recipe's.
        batch: images a step, over all processes; "auto" for the largest that fits; None for the recipe's.
        output: the run's folder; None for a new one in ``runs/``.
        seed: of initial weights, order, augmentation and dropout.
        precision: "fp32", "bf16" (autocast), "amp" (autocast to float16 on CUDA) or "auto".
        resume: go on with the run in ``output``.
        settings: the command's other options (``workers=2``), or values of the recipe (``lr=0.2``).

    Raises:
        ConvatlasError: something that was asked for does not exist or fit, ``output`` holds a run already, the run is of other
            settings, or the loss became NaN or infinite.
        DiskFullError: there is no room for the state; the one before stays.
        Interrupted: by SIGINT or SIGTERM; the state is written.

    """
    from ..train import train as run_of

    run = run_of(
        model,
        data,
        recipe=recipe,
        epochs=epochs,
        batch=batch,
        output=output,
        seed=seed,
        precision=precision,
        resume=resume,
        after_epoch=None,
        **settings,
    )
    if run.best is not None and os.environ.get("RANK", "0") == "0":  # of several processes the first writes
        from ..report.run import write_run_page

        try:
            write_run_page(run)
        except ConvatlasError as error:  # the charts' libraries are not installed
            warnings.warn(f"no report.html: {error}", stacklevel=2)
    return run
