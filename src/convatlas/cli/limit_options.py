"""Options of `search` and `space` that say what candidates are held against, and what they read."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import ConvatlasError
from ..models.shapes import parse_image

MaxLatency = Annotated[
    str | None, typer.Option("--max-latency", metavar="TIME", help="Predicted, of one batch on --device, as 5ms.")
]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="That has a profile, as rtx4090.")]
Precision = Annotated[str, typer.Option("--precision", help="In which the time is predicted.")]
Batch = Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images of the batch whose time is limited.")]
MaxTrainMemory = Annotated[
    str | None, typer.Option("--max-train-memory", metavar="SIZE", help="The peak of a simulated training step, as 8GiB.")
]
TrainBatch = Annotated[int, typer.Option("--train-batch", min=1, metavar="N", help="Images of that step.")]
Size = Annotated[str | None, typer.Option("--input", metavar="CxHxW", help="Of an image.", show_default="the data's")]


def square(text: str | None) -> tuple[int, int, int] | None:
    """An image's shape out of `--input`; None where nothing was typed.

    Raises:
        ConvatlasError: it is no shape of a square image.

    """
    if text is None:
        return None
    channels, height, width = parse_image(text)
    if height != width:
        raise ConvatlasError(f"`--input` (={text}): the spaces read square images")
    return channels, height, width
