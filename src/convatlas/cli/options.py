"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..models import FORMS
from .formats import Format


def complete_model(incomplete: str) -> list[str]:
    """Names of the zoo that begin like what was typed."""
    from ..catalogue import list_models

    return [name for name in list_models() if name.startswith(incomplete)]


Model = Annotated[str, typer.Argument(metavar="MODEL", help=f"The network: {FORMS}.", autocompletion=complete_model)]
Models = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help=f"The networks: each {FORMS}.", autocompletion=complete_model)
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="SHAPE",
        help="Input shape: 3x224x224, or with the batch axis 1,3,224,224.",
        show_default="the network's own",
    ),
]
Batch = Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Images in a batch.", show_default="1")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to print it.", show_default="by FILE's ending, or table")
]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - is the screen.", show_default="the screen"),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the whole traceback when something fails.")]
Train = Annotated[bool, typer.Option("--train", help="Count the forward pass of training instead of evaluation.")]
