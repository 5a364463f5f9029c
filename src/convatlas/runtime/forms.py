"""A network in the form that a runtime runs, called like the network itself: images (N, C, H, W) in float32 in, the same out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from .convert import onnx_model, onnx_session, openvino_model
from .openvino_cpu import CompiledModel, Precision
from .quantise import quantised
from .source import Source


class TorchForm(nn.Module):
    """A network of torch's in some precision, its images and weights channels-last where wanted."""

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32, *, channels_last: bool = False) -> None:
        super().__init__()
        self.dtype, self.format = dtype, torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.eval().requires_grad_(False).to(dtype).to(memory_format=self.format)

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Any:
        """The network's outputs, in float32."""
        found = self.network(images.to(dtype=self.dtype, memory_format=self.format))
        return tree_map_only(Tensor, lambda each: each.float() if each.is_floating_point() else each, found)


class OpenVinoForm(nn.Module):
    """A network compiled by OpenVINO for this CPU. It can be neither copied nor saved; the network that it was made of can."""

    def __init__(self, source: Source, precision: Precision, *, streams: int = 1) -> None:
        """Compile it for images of one size; see `CompiledModel`.

        The source's batch is fixed in what is compiled, which saves a tenth of a small network's time; for batches of another size it is
        compiled once more when the first one comes.
        """
        super().__init__()
        self._model, self._settings = openvino_model(source.program, source.shape), (precision, streams)
        self._compiled: dict[int | None, CompiledModel] = {}
        self._fixed = len(source.images)

    def _for(self, batch: int) -> CompiledModel:
        fixed = self._fixed if batch == self._fixed else None
        if fixed not in self._compiled:
            precision, streams = self._settings
            self._compiled[fixed] = CompiledModel(self._model, precision, streams=streams, batch=fixed)
        return self._compiled[fixed]

    def forward(self, images: Tensor) -> Any:
        """The network's outputs, in float32: one tensor, or several as a tuple."""
        return _alone(self._for(len(images))(images))


class OnnxRuntimeForm(nn.Module):
    """A network run by ONNX Runtime on this CPU. It can be neither copied nor saved; the network that it was made of can."""

    def __init__(self, source: Source, *, int8: bool = False) -> None:
        """Convert it for images of one size, in batches of any; with int8 the ranges of activations are those of the source's images."""
        super().__init__()
        model = onnx_model(source.program)
        self._session = onnx_session((quantised(model, source.images) if int8 else model).SerializeToString())

    def forward(self, images: Tensor) -> Any:
        """The network's outputs, in float32: one tensor, or several as a tuple."""
        found = self._session.run(None, {self._session.get_inputs()[0].name: images.detach().contiguous().numpy()})
        return _alone([torch.from_numpy(each) for each in found])


def _alone(outputs: list[Tensor]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs)
