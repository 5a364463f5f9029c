"""A network in other runtimes' forms gives what torch gives, at any batch; what a runtime lacks is told with its layer."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convatlas.runtime.convert import UnsupportedOpError, exported_program, onnx_model, openvino_model

SHAPE = (3, 8, 8)


class Exponential(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.linalg.matrix_exp(images)


def small_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))


def by_onnxruntime(network: nn.Module, images: Tensor) -> Tensor:
    import onnxruntime

    contents = io.BytesIO(onnx_model(exported_program(network, SHAPE)).SerializeToString())
    session = onnxruntime.InferenceSession(contents.getvalue(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def by_openvino(network: nn.Module, images: Tensor) -> Tensor:
    import openvino

    model = openvino_model(exported_program(network, SHAPE), SHAPE)
    compiled: Any = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return torch.from_numpy(compiled(images.numpy())[0].copy())


@pytest.mark.parametrize("run", [by_onnxruntime, by_openvino])
def test_a_converted_network_agrees_with_torch_at_a_batch_it_was_not_exported_at(run: Any) -> None:
    network, images = small_network().eval(), torch.randn(5, *SHAPE)
    with torch.no_grad():
        torch.testing.assert_close(run(network, images), network(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("convert", [onnx_model, lambda program: openvino_model(program, SHAPE)])
def test_an_op_that_a_runtime_lacks_is_told_with_its_layer(convert: Any) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), Exponential())
    with pytest.raises(UnsupportedOpError, match=r"cannot express aten\.linalg_matrix_exp of 1"):
        convert(exported_program(network, SHAPE))
