"""A network as an .onnx file, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from ..errors import ConvatlasError
from ..runtime.convert import onnx_model, onnx_session
from ..runtime.quantise import quantised
from .card import Card
from .reading import Opened

_LARGEST_BYTES = 2**31 - 1  # of a protobuf message


def write(program: ExportedProgram, card: Card, path: Path, calibration: Tensor | None = None) -> None:
    """Write the program as an ONNX model with the card among its metadata; with images to calibrate by, in int8."""
    model = onnx_model(program)
    if calibration is not None:
        model = quantised(model, calibration)
    for key, value in card.to_strings().items():
        model.metadata_props.add(key=key, value=value)
    if (size := model.ByteSize()) > _LARGEST_BYTES:
        raise ConvatlasError(f"{path.name} would take {size / 2**30:.1f} GiB, and one .onnx file holds 2; write .xml or .pt2")
    path.write_bytes(model.SerializeToString())


def read(path: Path) -> Opened:
    """The network in an .onnx file, on as many threads as torch has.

    Raises:
        ConvatlasError: onnxruntime is not installed, or the file is no ONNX model.
    """
    try:
        session = onnx_session(str(path))
    except ConvatlasError:
        raise
    except Exception as error:
        raise ConvatlasError(f"{path} is damaged, or no ONNX model: {str(error).partition(chr(10))[0]}") from error
    card = Card.from_strings(session.get_modelmeta().custom_metadata_map, str(path))
    inputs = session.get_inputs()

    def run(*batches: Tensor) -> list[Tensor]:
        feed = {its.name: batch.numpy() for its, batch in zip(inputs, batches, strict=True)}
        return [torch.from_numpy(found) for found in session.run(None, feed)]

    return Opened(path, card, tuple(tuple(its.shape[1:]) for its in inputs), run)
