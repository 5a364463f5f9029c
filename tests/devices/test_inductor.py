"""What is fused in a compiled network, and what the fused kernels move, is what Inductor's own scheduler makes of it.

On a CPU, where it fuses as on a GPU but for reductions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._inductor import scheduler

from convatlas.devices.cuda.inductor import lower_compiled
from convatlas.trace import trace

SHAPE = (2, 16, 28, 28)


class PlannedError(Exception):
    """Inductor has planned its kernels, and need not write them."""


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[nn.Module], list[int]]:
    """Bytes that each of Inductor's fused kernels reads and writes, those left out that only change how a convolution's operands lie."""
    found: list[int] = []

    def codegen(self: Any) -> None:
        for node in self.nodes:
            origins = {origin.target for each in node.get_nodes() for origin in each.node.origins}
            outside = isinstance(node, scheduler.ExternKernelSchedulerNode | scheduler.NopKernelSchedulerNode)
            if not outside and torch.ops.aten.convolution.default not in origins:
                found.append(node.get_read_write_buffers_sizes())
        raise PlannedError

    def plan(network: nn.Module) -> list[int]:
        torch._dynamo.reset()
        with torch.no_grad(), pytest.raises(Exception, match="PlannedError"):
            torch.compile(network)(torch.rand(SHAPE))
        return found

    monkeypatch.setattr(scheduler.Scheduler, "codegen", codegen)
    return plan


class Projected(nn.Module):
    """ResNet's block with a projection: two norms in one sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32)
        self.conv2, self.norm2 = nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32)
        self.project, self.norm3 = nn.Conv2d(16, 32, 1, 2), nn.BatchNorm2d(32)
        self.last = nn.Conv2d(32, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        return self.last((y + self.norm3(self.project(x))).relu())


class Identity(nn.Module):
    """RepVGG's block: a norm of the input itself, which others read too, waits for the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16)
        self.conv, self.norm = nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16)
        self.identity, self.last = nn.BatchNorm2d(16), nn.Conv2d(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        return self.last((self.norm(self.conv(x)) + self.identity(x)).relu())


class Gated(nn.Module):
    """A branch is weighted by another's sigmoid, and what it was before is added: nothing of the gate is written."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16)
        self.gate, self.last = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        return self.last((x * 2).tanh() * self.gate(x).sigmoid() + x)


@pytest.mark.parametrize("block", [Projected, Identity, Gated])
def test_fused_kernels_move_what_inductors_do(block: type[nn.Module], planned: Callable[[nn.Module], list[int]]) -> None:
    network = block().eval()
    theirs = planned(network)
    ours = [each.kernel.bytes_moved for each in lower_compiled(trace(network, SHAPE)) if each.kernel.kind.startswith("fused:")]
    assert sorted(ours) == pytest.approx(sorted(theirs), rel=0.02)
