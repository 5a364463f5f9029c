"""OpenVINO on this CPU: one way to compile a model and to call it, for files and for forms."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from .convert import runtime_package

if TYPE_CHECKING:
    import openvino

Precision = Literal["f32", "bf16"]


class CompiledModel:
    """A model compiled for this CPU, on as many threads as torch has. Not for several threads of the caller's at once."""

    def __init__(self, model: openvino.Model, precision: Precision, *, streams: int = 1, batch: int | None = None) -> None:
        """Compile it.

        Args:
            model: whose inputs all have the batch axis first.
            precision: of the arithmetic.
            streams: into how many parts a batch is cut that run at once.
            batch: the only one that it takes; None for any. Where it has equal parts, they are compiled for their size.

        Raises:
            ConvatlasError: openvino is not installed.

        """
        if batch is not None and batch % streams == 0:
            model = model.clone()
            model.reshape({place: [batch // streams, *list(its.partial_shape)[1:]] for place, its in enumerate(model.inputs)})
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": streams,
        }
        compiled = _core().compile_model(model, "CPU", settings)
        self._requests = [compiled.create_infer_request() for _ in range(streams)]

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """All outputs, in order, for inputs of one batch (N, ...)."""
        count = min(len(self._requests), len(inputs[0]))
        parts = list(zip(*(each.detach().contiguous().tensor_split(count) for each in inputs), strict=True))
        if count == 1:
            self._requests[0].infer([each.numpy() for each in parts[0]], share_inputs=True, share_outputs=True)
            return _outputs(self._requests[0])
        pairs = list(zip(self._requests, parts, strict=False))
        for request, part in pairs:
            request.start_async([each.numpy() for each in part], share_inputs=True)
        made = []
        for request, _ in pairs:
            request.wait()
            made.append(_outputs(request))
        return [torch.cat(pieces) for pieces in zip(*made, strict=True)]


@cache
def _core() -> Any:
    """OpenVINO's Core, the only one and for as long as the process lives.

    A Core's CPU plugin gives its thread a stack for signal handlers, and when it ends puts back the one it found. Of two whose earlier
    ends first, the later so puts back memory that is gone, and the next signal that has a handler kills the process.
    """
    runtime: Any = runtime_package("openvino")
    return runtime.Core()


def _outputs(request: Any) -> list[Tensor]:
    """Copies, since the request's own are written anew at its next call."""
    return [torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors]
