"""int8 for ONNX Runtime: the ranges of activations are taken from images, which are run through the float32 model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .convert import runtime_package

if TYPE_CHECKING:
    import onnx


def quantised(model: onnx.ModelProto, images: Tensor) -> onnx.ModelProto:
    """The model with convolutions and matrix products in int8: weights channel by channel, activations by their least and largest value.

    Args:
        model: in float32, of one input.
        images: to calibrate with, (N, C, H, W) as the network reads them.
    """
    tools: Any = runtime_package("onnxruntime.quantization")
    preparing: Any = runtime_package("onnxruntime.quantization.shape_inference")
    reading: Any = runtime_package("onnx")
    feed: Iterator[dict[str, Any]] = iter([{model.graph.input[0].name: image[None].numpy()} for image in images])

    class Reader(tools.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            return next(feed, None)

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, done = (Path(folder) / f"{name}.onnx" for name in ("plain", "prepared", "int8"))
        plain.write_bytes(model.SerializeToString())
        preparing.quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        tools.quantize_static(
            prepared,
            done,
            Reader(),
            quant_format=tools.QuantFormat.QDQ,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            per_channel=True,
        )
        found: onnx.ModelProto = reading.load(str(done))
        return found
