"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConvatlasError
from ..models import FORMS, is_exported_file, is_run_folder
from ..models.shapes import NO_BATCH
from .completion import complete_model, complete_zoo
from .formats import Format
from .wildcards import expanded, single


def _single(context: typer.Context, model: str) -> str:
    return model if context.resilient_parsing else single(model)


def _of_the_zoo(context: typer.Context, name: str) -> str:
    if ":" in name or name.endswith((".json", ".py")):
        raise ConvatlasError(f"`{context.info_name}` knows the networks of the zoo; for {name} there is `convatlas cost {name}`")
    return _single(context, name)


def _classifier(context: typer.Context, name: str) -> str:
    return name if is_run_folder(name) or is_exported_file(name) else _of_the_zoo(context, name)


def _expanded(context: typer.Context, models: list[str]) -> list[str]:
    return models if context.resilient_parsing else expanded(models)


Model = Annotated[
    str, typer.Argument(metavar="MODEL", help=f"The network: {FORMS}.", autocompletion=complete_model, callback=_single)
]
Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...",
        help=f"The networks: each {FORMS}; or a pattern of names, such as 'resnet*' or 'timm:resnetv2_50*'.",
        autocompletion=complete_model,
        callback=_expanded,
    ),
]
ZooModel = Annotated[
    str, typer.Argument(metavar="NAME", help="A network of the zoo.", autocompletion=complete_zoo, callback=_of_the_zoo)
]
ClassifierModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A zoo name, the folder of a training, or a file that `export` wrote (.onnx, .pt2, .xml).",
        autocompletion=complete_model,
        callback=_classifier,
    ),
]
ClassifierWeights = Annotated[
    str,
    typer.Option(
        "--weights", metavar="SOURCE", help='Of a zoo name: "imagenet", an https URL, a .pth or a .safetensors file, or none.'
    ),
]
ClassifierClasses = Annotated[
    int | None, typer.Option("--num-classes", min=1, help="Classes of the weights.", show_default="the network's own")
]
ImageSize = Annotated[
    int | None,
    typer.Option("--size", min=1, metavar="PIXELS", help="Side of the images.", show_default="the network's own"),
]
Eager = Annotated[bool, typer.Option("--eager", help="Run the network by PyTorch as it is, not in its fastest form here.")]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="[NAME=]SHAPE[:DTYPE]",
        help="What the network reads: 3x224x224, or with the batch axis 1,3,224,224. Of several inputs each, with the name of "
        "forward's argument unless they come in order, and with its dtype: --input x=3x64x64 --input tokens=10:int64. A shape of as "
        "many axes as one sample of the network has gets the batch axis put before it, a longer one has it. Where that is not "
        "known, x means a sample, and commas the whole tensor (`10,` is one axis).",
        show_default="the network's own",
    ),
]


def _batch(text: str) -> int:
    if text.strip().lower() == "none":
        return NO_BATCH
    if not text.strip().isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is no whole number of at least 1, nor none")
    return int(text)


Batch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        parser=_batch,
        metavar="N|none",
        help="Samples in a batch; none if the input has no batch axis.",
        show_default="1",
    ),
]
BothBatches = Annotated[
    int | None,
    typer.Option(
        "--batch",
        parser=_batch,
        metavar="N|none",
        help="Samples in a batch, of the costs and of the training step; none if the input has no batch axis.",
        show_default="1 for the costs, 32 for the step",
    ),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to print it.", show_default="by FILE's ending, or table")
]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - is the screen.", show_default="the screen"),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the whole traceback when something fails.")]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Follow each op that torch's own dispatcher carries out. Else that is done only where the quick way is not sure.",
    ),
]
Train = Annotated[bool, typer.Option("--train", help="Count the forward pass of training instead of evaluation.")]
