"""A network as OpenVINO's two files, an .xml and a .bin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from ..errors import ConvatlasError
from ..runtime.convert import openvino_model, runtime_package
from ..runtime.openvino_cpu import CompiledModel
from .card import Card
from .reading import Opened

_ROOM = "convatlas"


def write(program: ExportedProgram, card: Card, path: Path) -> None:
    """Write the program as an OpenVINO model, its weights in float32, with the card in its runtime information."""
    model = openvino_model(program, *card.sizes)
    for key, value in card.to_strings().items():
        model.set_rt_info(value, [_ROOM, key])
    runtime_package("openvino").save_model(model, str(path), compress_to_fp16=False)


def read(path: Path) -> Opened:
    """The network in an .xml file and its .bin, on as many threads as torch has.

    Raises:
        ConvatlasError: openvino is not installed, or the files are no such model.
    """
    frontends: Any = runtime_package("openvino.frontend")
    try:
        frontend = frontends.FrontEndManager().load_by_framework("ir")  # read_model tries every other format's reader too
        model = frontend.convert(frontend.load(str(path)))
        compiled = CompiledModel(model, "f32")
    except Exception as error:
        raise ConvatlasError(f"{path} is damaged, or no OpenVINO model: {str(error).strip().splitlines()[-1]}") from error
    held = model.get_rt_info([_ROOM]).value if model.has_rt_info([_ROOM]) else {}
    card = Card.from_strings(held, str(path))
    sizes = tuple(tuple(side.get_length() for side in list(its.partial_shape)[1:]) for its in model.inputs)
    return Opened(path, card, sizes, compiled)
