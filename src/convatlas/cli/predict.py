"""`predict`: the most likely classes of images."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..catalogue import lookup
from ..errors import ConvatlasError
from ..models import is_run_folder
from .formats import destination
from .options import Debug, FormatOption, Json, Output, ZooModelOrRun
from .output import deliver
from .progress import tracked, working
from .records import as_json
from .tables import Column, Line, Table
from .train import room

if TYPE_CHECKING:
    from ..predict import Prediction
    from ..zoo import Network

_SKIPPED = 1  # exit status where some files were no images
_COLUMNS = (
    Column(key="image", title="image", left=True, most=40),
    Column(key="class", title="class", left=True, most=40),
    Column(key="probability_percent", title="probability", unit="%", show=lambda value: f"{value:.1f}"),
    Column(key="index", title="index", rank=1),
)


def predict(
    model: ZooModelOrRun,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders or patterns.")],
    weights: Annotated[
        str,
        typer.Option("--weights", metavar="SOURCE", help='"imagenet", an https URL, a .pth or a .safetensors file.'),
    ] = "imagenet",
    num_classes: Annotated[
        int | None, typer.Option("--num-classes", min=1, help="Classes of the weights.", show_default="the network's own")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, metavar="K", help="How many classes to tell.")] = 5,
    batch: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images at a time.")] = 16,
    chosen: FormatOption = None,
    json: Json = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Tell what a network with given weights sees in images.

    A file that is no image is named and skipped; the exit status is then 1.
    """
    form, output = destination(chosen, json, output)
    skipped: list[str] = []

    def make() -> list[Line] | str:
        found = _predictions(model, images, weights, num_classes, top, batch)
        skipped.extend(prediction.error for prediction in found if prediction.error)
        if form == "json":
            return as_json({"model": model, "weights": weights, "images": [_record(prediction) for prediction in found]})
        rows = [row for prediction in found for row in _rows(prediction)]
        if form == "table":
            from .output import screen_width

            return Table(columns=_COLUMNS, rows=_once_an_image(rows)).to_lines(screen_width())
        table = Table(columns=_COLUMNS, rows=rows)
        return table.to_csv() if form == "csv" else table.to_markdown()

    deliver(make, output)
    for message in skipped:
        print(f"skipped: {message}", file=sys.stderr)
    if skipped:
        raise typer.Exit(_SKIPPED)


def _predictions(model: str, images: list[str], weights: str, num_classes: int | None, top: int, batch: int) -> list[Prediction]:
    of_run = is_run_folder(model)
    entry = None if of_run else lookup(model)
    with working(f"loading {model}"):
        try:
            from ..predict import find_images
            from ..predict import predict as run
        except ImportError as error:
            if error.name != "PIL":
                raise
            raise ConvatlasError("predict needs Pillow: pip install 'convatlas[predict]'") from None
        from ..weights import preprocessing_for

        paths = find_images(images)
    if entry is None:
        trained = room().Run.open(model)
        options = {"channels": trained.channels, "classes": trained.classes}
        found = run(trained.network(), paths, trained.preprocessing, top=top, batch=batch, **options)
        return tracked(found, "predicting", len(paths))
    network = _network(model, weights, num_classes)
    channels, size = entry.input_size[0], entry.input_size[1]
    preprocessing = preprocessing_for(model if weights == "imagenet" else None, size)
    predictions = run(network, paths, preprocessing, channels=channels, top=top, batch=batch)
    return tracked(predictions, "predicting", len(paths))


def _network(model: str, weights: str, num_classes: int | None) -> Network:
    from ..models.pretrained import create_with_weights
    from ..weights.load import NewHeadWarning

    options: dict[str, Any] = {} if num_classes is None else {"num_classes": num_classes}
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        warnings.simplefilter("error", NewHeadWarning)  # an untrained classifier predicts nothing
        try:
            network = create_with_weights(model, weights, **options)
        except NewHeadWarning as untrained:
            raise ConvatlasError(f"{weights} has another number of classes (`--num-classes`): {untrained}") from None
    for warning in noted:
        print(f"note: {warning.message}", file=sys.stderr)
    return network.eval()


def _record(prediction: Prediction) -> dict[str, Any]:
    classes = [{"class": name, "index": index, "probability": probability} for name, index, probability in prediction.classes]
    return {"image": str(prediction.path), "classes": classes, "error": prediction.error}


def _rows(prediction: Prediction) -> list[dict[str, Any]]:
    return [
        {"image": str(prediction.path), "class": name, "probability_percent": 100 * probability, "index": index}
        for name, index, probability in prediction.classes
    ]


def _once_an_image(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For the screen: a file's name beside its first class only."""
    before = [None, *(row["image"] for row in rows)]
    return [
        row | {"image": "" if row["image"] == last else Path(row["image"]).name} for row, last in zip(rows, before, strict=False)
    ]
