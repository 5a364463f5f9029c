"""New pages of a network's pass: none where all fits in the heap that a process keeps, all of what is mapped anew."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convatlas.analysis.latency import prepared
from convatlas.analysis.latency.pages import pages
from convatlas.trace import trace


class Doubled(nn.Module):
    """Two tensors of the input's size, one after the other."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + 1).exp()


@pytest.mark.parametrize(("side", "new_tensors"), [(64, 0), (1024, 2)])
def test_tensors_above_32_mib_are_new_in_each_pass(side: int, new_tensors: int) -> None:
    """3 x 64 x 64 elements take 48 KiB, which the heap keeps; 12 images of 3 x 1024 x 1024 take 144 MiB, mapped anew."""
    with torch.device("meta"):
        graph = trace(Doubled(), (1 if side == 64 else 12, 3, side, side))
    found = pages(prepared(graph, "fp32"), 1)
    size = graph.values[graph.outputs[0]].nbytes
    assert sum(found.values()) == pytest.approx(new_tensors * size, rel=0.001)
    assert len(found) == new_tensors
