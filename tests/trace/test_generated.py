"""Generated networks: whatever `auto` answers is what torch counts and makes in a real pass, forward and backward."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.graph import Graph
from convatlas.trace import trace

Step = tuple[str, int, int]
SHAPE = (2, 4, 6, 6)


def _write(x: Tensor, function: Callable[[Tensor], Any]) -> Tensor:
    """A fresh tensor, written into."""
    fresh = (x * 1.0).contiguous()
    function(fresh)
    return fresh


def _copied_into(x: Tensor, y: Tensor) -> Tensor:
    target = torch.zeros_like(x)
    target.narrow(1, 0, 2).copy_(y[:, :2])
    return target


# of a network, a tensor of SHAPE and another one: each gives a tensor of SHAPE
STEPS: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "convolution": lambda m, x, y: m.conv(x),
    "pointwise": lambda m, x, y: m.point(x),
    "hooked": lambda m, x, y: m.hooked(x),
    "linear": lambda m, x, y: m.linear(x),
    "channels": lambda m, x, y: m.channels(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "attention": lambda m, x, y: F.scaled_dot_product_attention(x, y, y),
    "matmul": lambda m, x, y: x @ y.transpose(-1, -2),
    "rows": lambda m, x, y: torch.einsum("bcij,bcjk->bcik", x, y),
    "tensordot": lambda m, x, y: torch.tensordot(x, m.linear.weight, dims=1),
    "parts of a weight": lambda m, x, y: F.linear(x, m.linear.weight[:, ::1]) * m.linear.bias[:1],
    "relu": lambda m, x, y: F.relu(x),
    "silu in place": lambda m, x, y: F.silu(x * 1.0, inplace=True),
    "norm": lambda m, x, y: m.norm(x),
    "softmax": lambda m, x, y: x.softmax(1),
    "add": lambda m, x, y: x + y,
    "gate": lambda m, x, y: x * y.mean((2, 3), keepdim=True).sigmoid(),
    "joined": lambda m, x, y: torch.cat([x, y], 1)[:, 1:5],
    "stacked": lambda m, x, y: torch.stack([x, y]).amax(0),
    "turned": lambda m, x, y: x.transpose(2, 3).contiguous(),
    "tokens": lambda m, x, y: x.flatten(2).transpose(1, 2).transpose(1, 2).reshape(x.shape),
    "halves": lambda m, x, y: torch.cat(tuple(reversed(x.chunk(2, 1))), 1),
    "pooled": lambda m, x, y: F.interpolate(F.max_pool2d(x, 2), size=6),
    "padded": lambda m, x, y: F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1),
    "shuffled": lambda m, x, y: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2),
    "chosen": lambda m, x, y: torch.where(x > y, x, y),
    "rolled": lambda m, x, y: x.roll(1, 2).flip(3),
    "first of each": lambda m, x, y: x[:, [0, 1, 1, 3]],
    "running": lambda m, x, y: x.cumsum(2),
    "detached": lambda m, x, y: x.detach() + y,
    "written": lambda m, x, y: _write(x, lambda t: t[:, :2].mul_(2)),
    "written by index": lambda m, x, y: _write(x, lambda t: t.__setitem__((slice(None), 0), y[:, 1])),
    "written through two views": lambda m, x, y: _write(x, lambda t: t.view(2, -1)[:, 3:9].add_(1)),
    "written transposed": lambda m, x, y: _write(x, lambda t: t.transpose(1, 2).relu_()),
    "copied into": lambda m, x, y: _copied_into(x, y),
    "filled": lambda m, x, y: _write(x, lambda t: t[0].fill_(0.5)),
    "read after a write": lambda m, x, y: _write(x, lambda t: (part := t[:, 1:], t.add_(y), t.mul_(1.0 + part.mean()))),
    "mapped": lambda m, x, y: torch.func.vmap(lambda each: each @ m.linear.weight)(x),
    "in halves": lambda m, x, y: torch.autocast("cpu", torch.bfloat16)(m.point)(x).float(),
    "without gradients": lambda m, x, y: torch.no_grad()(m.conv)(x) + y,
}


class Generated(nn.Module):
    """A network of some steps; each reads two of the tensors that there are so far."""

    def __init__(self, steps: list[Step], outputs: int) -> None:
        super().__init__()
        self.steps, self.outputs = steps, outputs
        self.conv, self.point, self.hooked = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1, bias=False), nn.Conv2d(4, 4, 1)
        self.linear, self.channels, self.norm = nn.Linear(6, 6), nn.Linear(4, 4), nn.BatchNorm2d(4)
        self.hooked.register_forward_hook(lambda module, args, output: output + args[0])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        tensors = [self.conv(x)]
        for name, first, second in self.steps:
            tensors.append(STEPS[name](self, tensors[first % len(tensors)], tensors[second % len(tensors)]))
        return tuple(tensors[-self.outputs :])


steps = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7)


def _storages(graph: Graph) -> list[int]:
    """For each output, the first output whose memory it shares."""
    base = {value: value for value in range(len(graph.values))}
    for node in graph.nodes:
        if node.op.is_view and node.inputs:
            base.update(dict.fromkeys(node.outputs, base[node.inputs[0]]))
    found = [base[value] for value in graph.outputs]
    return [found.index(each) for each in found]


@pytest.mark.filterwarnings("ignore")
@given(steps=steps, outputs=st.integers(1, 2), way=st.sampled_from(["auto", "auto", "exact"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_forward_and_backward_are_torchs(steps: list[Step], outputs: int, way: str) -> None:
    model = Generated(steps, outputs).train()
    x = torch.rand(SHAPE)
    with warnings.catch_warnings(), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        warnings.simplefilter("ignore")
        with FlopCounterMode(display=False) as forward:
            results = model(x)
        loss = sum(result.sum() for result in results)
        assume(loss.requires_grad)
        with FlopCounterMode(display=False) as backward:
            loss.backward()
    graph = trace(model, x, training=True, way=way)
    counted = cost(graph)
    assert counted.uncounted == {}
    assert counted.macs == forward.get_total_flops() // 2
    made = [(graph.values[value].shape, graph.values[value].dtype) for value in graph.outputs]
    assert made == [(tuple(result.shape), str(result.dtype).removeprefix("torch.")) for result in results]
    places = [result.untyped_storage().data_ptr() for result in results]
    assert _storages(graph) == [places.index(place) for place in places]
    attention = any(name == "attention" for name, _, _ in steps)  # whose fused backward computes its scores anew
    assert attention or counted.backward_macs == backward.get_total_flops() // 2
