"""A network in the form that a runtime runs, called like the network itself: images (N, C, H, W) in float32 in, the same out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from .convert import exported_program, onnx_model, onnx_session, openvino_model, runtime_package


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

    def __init__(self, network: nn.Module, images: Tensor, precision: str, *, streams: int = 1) -> None:
        """Compile it for images of one size.

        Args:
            network: stays as it is.
            images: (N, C, H, W) of the size that it will get.
            precision: of the arithmetic, "f32" or "bf16".
            streams: into how many parts a batch is cut that run at once.

        """
        super().__init__()
        runtime: Any = runtime_package("openvino")
        shape = tuple(images.shape[1:])
        model = openvino_model(exported_program(network, shape), shape)
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": streams,
        }
        compiled = runtime.Core().compile_model(model, "CPU", settings)
        self._requests = [compiled.create_infer_request() for _ in range(streams)]

    def forward(self, images: Tensor) -> Any:
        """The network's outputs, in float32: one tensor, or several as a tuple."""
        parts = images.detach().contiguous().tensor_split(min(len(self._requests), len(images)))
        for request, part in zip(self._requests, parts, strict=False):
            request.start_async([part.numpy()], share_inputs=True)
        made = []
        for request, _ in zip(self._requests, parts, strict=False):
            request.wait()
            made.append([torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors])
        outputs = [torch.cat(pieces) if len(pieces) > 1 else pieces[0] for pieces in zip(*made, strict=True)]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


class OnnxRuntimeForm(nn.Module):
    """A network run by ONNX Runtime on this CPU. It can be neither copied nor saved; the network that it was made of can."""

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        super().__init__()
        self._session = onnx_session(onnx_model(exported_program(network, tuple(images.shape[1:]))).SerializeToString())

    def forward(self, images: Tensor) -> Any:
        """The network's outputs, in float32: one tensor, or several as a tuple."""
        found = self._session.run(None, {self._session.get_inputs()[0].name: images.detach().contiguous().numpy()})
        outputs = [torch.from_numpy(each) for each in found]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)
