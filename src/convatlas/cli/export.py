"""`export`: a network in a file that other runtimes load."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConvatlasError
from ..files import refuse_existing
from ..models import EXPORTED
from ..models.shapes import parse_input, shown
from .options import Debug, Model
from .progress import working

if TYPE_CHECKING:
    from ..export import Written

_FORMATS = dict(zip(EXPORTED, ("ONNX", "torch.export", "OpenVINO"), strict=True))
_MEGABYTE = 1e6


def export(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=".onnx: ONNX, .pt2: torch.export, .xml: OpenVINO and its .bin.")
    ],
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="SHAPE",
            help="One sample, as 3x224x224; of several inputs in forward's order (repeatable).",
            show_default="the network's own",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="SOURCE", help='"imagenet", an https URL, or a file.', show_default="those that its code gives it"
        ),
    ] = None,
    num_classes: Annotated[
        int | None, typer.Option("--num-classes", min=1, help="Classes of the weights.", show_default="the network's own")
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option("--classes", metavar="FILE", help="Their names, one a line.", show_default="a training's, or ImageNet's 1000"),
    ] = None,
    calibrate: Annotated[
        list[str] | None,
        typer.Option(
            "--int8", metavar="IMAGES", help="Write int8, calibrated on images: files, folders, patterns (repeatable; .onnx only)."
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a network to a file that other runtimes load, checked.

    Before the file takes its place it is loaded again and compared with the network, at batches of 1 and 3 images. It takes
    batches of any size; what images go through and the names of the classes travel in it, so `convatlas predict FILE` and
    `convatlas serve FILE` need nothing else.
    """
    from ..api import export as write

    refuse_existing(output)
    with working(f"exporting {model}"), contextlib.redirect_stdout(sys.stderr):
        written = write(
            model,
            output,
            input_size=[_sample(size) for size in sizes] if sizes else None,
            weights=weights,
            num_classes=num_classes,
            classes=None if classes is None else _lines(classes),
            calibration=calibrate,
        )
    print("\n".join(_told(written)))


def _sample(text: str) -> tuple[int, ...]:
    form = "one sample in float32, as 3x224x224, of the next of forward's inputs; batches may have any size"
    typed = parse_input(text, form)
    if typed.name or typed.dtype or typed.commas:
        raise ConvatlasError(f"`--input` (={text!r}) must be {form}")
    return typed.shape


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConvatlasError(f"`--classes` (={path}): it is no text") from None


def _told(written: Written) -> list[str]:
    card = written.card
    form = _FORMATS[written.path.suffix.lower()]
    lines = [
        f"{written.path}: {form}, {card.precision}, {written.num_bytes / _MEGABYTE:.1f} MB, reads {' and '.join(map(shown, card.sizes))} in "
        "batches of any size",
        f"checked: loaded again, it differs by {written.difference:.1e} of the largest output (CPU, batches 1 and 3)",
    ]
    if written.agreement is not None:
        lines.append(f"int8: {written.agreement:.0%} of the calibration images get the class that float32 gives them")
    if (images := card.preprocessing) is not None:
        steps = (
            f"short side to {images.resize} px ({images.interpolation}), centre of {images.crop} px, mean {_numbers(images.mean)}"
        )
        lines.append(f"images: {steps}, deviation {_numbers(images.std)}")
    lines.append(f"classes: {len(card.classes):,}, with names" if card.classes else "classes: no names (--classes FILE)")
    lines.append(f"weights: {card.weights}")
    return lines


def _numbers(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:g}" for value in values)
