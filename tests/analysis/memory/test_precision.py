"""A network wholly in half precision, from its graph in float32, has the dtypes that torch's own run in half precision has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from convatlas.analysis.memory.precision import converted
from convatlas.devices.cpu import Cpu
from convatlas.trace import trace

SHAPE = (2, 3, 256, 256)
PRODUCTS = {"convolution", "addmm", "mm"}  # bmm also stands for a fused attention on meta, which sums in float32


class Recorder(TorchDispatchMode):
    """Collects the dtypes that products give."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = set[str]()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Sequence[Any] = (), options: Any = None) -> Any:
        made = function(*arguments, **(options or {}))
        if function._opname in PRODUCTS:
            self.seen.add(str(made.dtype).removeprefix("torch."))
        return made


# tables of positions: by sines of integers cast to float32, and by a cumulative sum in float32
@pytest.mark.parametrize("name", ["xcit_nano_12_p16_224", "edgenext_xx_small", "resnet10t"])
def test_products_run_in_torchs_dtype(timm_on_meta: Callable[..., nn.Module], name: str) -> None:
    network = timm_on_meta(name).eval()
    graph = converted(trace(network, SHAPE), "bf16", Cpu(1))
    ours = {spec.dtype for node in graph.nodes if node.op.multiplies for spec in graph.specs(node.outputs)}
    with torch.no_grad(), Recorder() as recorder:
        network.to(torch.bfloat16)(torch.empty(SHAPE, dtype=torch.bfloat16, device="meta"))
    assert ours == recorder.seen == {"bfloat16"}


class Pairs(nn.Module):
    """Reads the parts of a spectrum."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(torch.fft.rfft2(x))


def test_a_view_keeps_the_bytes_that_it_is_of() -> None:
    graph = converted(trace(Pairs(), (1, 1, 8, 8)), "bf16", Cpu(1))
    pairs = next(node for node in graph.nodes if node.op.name == "view_as_real")
    (of,), (seen,) = graph.specs(pairs.inputs), graph.specs(pairs.outputs)
    assert of.nbytes == seen.nbytes
