"""A network wholly in half precision, from its graph in float32, has the dtypes that torch's own run in half precision has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from convatlas.analysis.memory.precision import converted
from convatlas.devices.cpu import Cpu
from convatlas.trace import trace

PRODUCTS = {"convolution", "addmm", "mm"}  # bmm also stands for a fused attention on meta, which sums in float32


class Recorder(TorchDispatchMode):
    """Counts the shapes and dtypes that products give."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Counter[str]()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Sequence[Any] = (), options: Any = None) -> Any:
        made = function(*arguments, **(options or {}))
        if function._opname in PRODUCTS:
            self.seen[str(made.dtype)] += 1
        return made


# tables of positions: by sines of integers cast to float32, and by a cumulative sum in float32
@pytest.mark.parametrize("name", ["xcit_nano_12_p16_224", "edgenext_xx_small", "resnet10t"])
def test_products_run_in_torchs_dtype(timm_on_meta: Callable[..., nn.Module], name: str) -> None:
    network = timm_on_meta(name).eval()
    graph = converted(trace(network, (2, 3, 256, 256) if name.startswith("edge") else (2, 3, 224, 224)), "bf16", Cpu(1))
    ours = Counter(f"torch.{spec.dtype}" for node in graph.nodes if node.op.multiplies for spec in graph.specs(node.outputs))
    with torch.no_grad(), Recorder() as recorder:
        network.to(torch.bfloat16)(torch.empty(graph.values[graph.inputs[0]].shape, dtype=torch.bfloat16, device="meta"))
    assert set(ours) == set(recorder.seen) == {"torch.bfloat16"}
