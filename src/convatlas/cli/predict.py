"""`predict`: the most likely classes of images."""

from __future__ import annotations

import json as json_text
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .classifiers import classifier_of, noted
from .formats import RowsFormat, destination
from .options import ClassifierClasses, ClassifierModel, ClassifierWeights, Debug, Eager, ImageSize, Json, Output
from .output import deliver, screen_width, stream
from .progress import tracked
from .records import as_json
from .tables import Column, Line, Row, Table, csv_lines

if TYPE_CHECKING:
    from ..predict import Prediction

_SKIPPED = 1  # exit status where some files were no images
_STANDARD_INPUT = "-"
_MOST_WORKERS = 8
_STREAMED = ("csv", "jsonl")
_COLUMNS = (
    Column(key="image", title="image", left=True, most=40),
    Column(key="class", title="class", left=True, most=40),
    Column(key="probability_percent", title="probability", unit="%", show=lambda value: f"{value:.1f}"),
    Column(key="index", title="index", rank=1),
)


def predict(
    model: ClassifierModel,
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Files, folders or patterns; - for paths on standard input, one a line.")
    ],
    weights: ClassifierWeights = "imagenet",
    num_classes: ClassifierClasses = None,
    size: ImageSize = None,
    top: Annotated[int, typer.Option("--top", min=1, metavar="K", help="How many classes to tell.")] = 5,
    batch: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images at a time.")] = 16,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, metavar="W", help="Threads that read images ahead.", show_default="one a core, at most 8"),
    ] = None,
    eager: Eager = False,
    chosen: Annotated[
        RowsFormat | None,
        typer.Option(
            "--format",
            help="How to print it; csv and jsonl (JSON, one image a line) come as they are found.",
            show_default="by FILE's ending, or table",
        ),
    ] = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Tell what a network with given weights sees in images.

    A file that is no image is named and skipped; the exit status is then 1. Where the images would keep PyTorch busy for a minute or
    more, the network goes on in the fastest form that gives a batch of them the same classes.
    """
    form, output = destination(chosen, json, output, ("table", "json", "csv", "markdown", "jsonl"))
    counts = _Counts()

    def found() -> Iterator[Prediction]:
        classifier = classifier_of(model, weights, num_classes, size)
        from ..predict import fast_when_it_pays
        from ..predict import predict as run

        paths, total = _paths(images)
        if not eager:
            classifier = fast_when_it_pays(classifier, total, noted)
        threads = workers or min(os.cpu_count() or 1, _MOST_WORKERS)
        predictions = run(classifier, paths, top=top, batch=batch, workers=threads)
        rows_on_screen = form in _STREAMED and output is None and sys.stdout.isatty()
        return counts.of(predictions if rows_on_screen else tracked(predictions, "predicting", total))

    if form in _STREAMED:
        stream(_csv(found()) if form == "csv" else _json_lines(found()), output)
    else:
        deliver(lambda: _whole(list(found()), form, {"model": model, "weights": weights}), output)
    counts.tell()


class _Counts:
    """How many images there were, and which were none: named as they come."""

    def __init__(self) -> None:
        self.images = self.skipped = 0

    def of(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        for prediction in predictions:
            self.images += 1
            if prediction.error:
                self.skipped += 1
                print(f"skipped: {prediction.error}", file=sys.stderr)
            yield prediction

    def tell(self) -> None:
        if self.skipped:
            print(f"{self.skipped:,} of {self.images:,} files were skipped", file=sys.stderr)
            raise typer.Exit(_SKIPPED)


def _paths(places: Sequence[str]) -> tuple[Iterable[Path], int | None]:
    """The images, and how many; those on standard input are not known beforehand."""
    from ..predict import find_images

    named = find_images([place for place in places if place != _STANDARD_INPUT])
    if _STANDARD_INPUT not in places:
        return named, len(named)
    typed = (Path(line.rstrip("\n")) for line in sys.stdin if line.strip())
    return chain(named, typed), None


def _whole(found: list[Prediction], form: str, asked: dict[str, Any]) -> list[Line] | str:
    if form == "json":
        return as_json({**asked, "images": [prediction.record() for prediction in found]})
    rows = [row for prediction in found for row in _rows(prediction)]
    if form == "table":
        return Table(columns=_COLUMNS, rows=_once_an_image(rows)).to_lines(screen_width())
    return Table(columns=_COLUMNS, rows=rows).to_markdown()


def _csv(found: Iterable[Prediction]) -> Iterator[str]:
    return csv_lines(_COLUMNS, (row for prediction in found for row in _rows(prediction)))


def _json_lines(found: Iterable[Prediction]) -> Iterator[str]:
    return (f"{json_text.dumps(prediction.record(), ensure_ascii=False)}\n" for prediction in found)


def _rows(prediction: Prediction) -> list[Row]:
    return [
        {"image": str(prediction.path), "class": name, "probability_percent": 100 * probability, "index": index}
        for name, index, probability in prediction.classes
    ]


def _once_an_image(rows: list[Row]) -> list[Row]:
    """For the screen: a file's name beside its first class only."""
    before = [None, *(row["image"] for row in rows)]
    return [
        row | {"image": "" if row["image"] == last else Path(row["image"]).name} for row, last in zip(rows, before, strict=False)
    ]
