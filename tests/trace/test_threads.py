"""Traces in several threads, and real networks that run beside one."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import checkpoint

from convatlas.trace import TraceError, trace


class Meeting(nn.Module):
    """Stops in its forward until another thread has done something."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.inside = threading.Event()
        self.go_on = threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        self.inside.set()
        assert self.go_on.wait(10)
        return F.relu(x)


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        return grad * 2


def while_tracing(action: Callable[[], Any]) -> Any:
    """Do something in this thread while another one is in the middle of a trace; returns what it gives."""
    model = Meeting()
    with ThreadPoolExecutor(1) as pool:
        traced = pool.submit(trace, model, (2, 3))
        assert model.inside.wait(10)
        try:
            result = action()
        finally:
            model.go_on.set()
        assert [node.op.name for node in traced.result()] == ["linear", "relu"]
    return result


def test_a_real_network_runs_beside_a_trace() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)).train()
    calls: list[int] = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    x = torch.randn(2, 3, 8, 8)

    def step() -> Tensor:
        y = model(x)
        y = checkpoint.checkpoint(torch.sin, Double.apply(y), use_reentrant=False)
        y.sum().backward()
        return y

    result = while_tracing(step)
    assert type(result) is Tensor
    assert result.shape == (2, 4, 6, 6)
    assert model[0].weight.grad is not None
    assert calls == [1]
    assert model[1].num_batches_tracked.item() == 1


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_a_scripted_function_runs_beside_a_trace() -> None:
    scripted = torch.jit.script(plus_one)
    assert while_tracing(lambda: scripted(torch.zeros(2))).tolist() == [1.0, 1.0]


def plus_one(x: Tensor) -> Tensor:
    return x + 1


def test_traces_in_many_threads_are_those_of_one(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    models = [torchvision_on_meta(name) for name in ("resnet18", "alexnet", "squeezenet1_1", "mobilenet_v2")]
    expected = [trace(model, (1, 3, 64, 64)) for model in models]
    with ThreadPoolExecutor(4) as pool:
        graphs = list(pool.map(lambda n: trace(models[n % 4], (1, 3, 64, 64)), range(40)))
    assert all(graph == expected[n % 4] for n, graph in enumerate(graphs))


def test_one_model_in_two_threads(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    model = torchvision_on_meta("resnet18").train()
    expected = trace(model, (1, 3, 64, 64))
    with ThreadPoolExecutor(2) as pool:
        graphs = list(pool.map(lambda _: trace(model, (1, 3, 64, 64)), range(10)))
    assert all(graph == expected for graph in graphs)
    assert all(module.training for module in model.modules())


def test_a_trace_within_a_trace() -> None:
    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU())

    class Outer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * len(trace(inner, (2, 3)))

    assert [node.op.name for node in trace(Outer(), (2, 3))] == ["mul"]


def test_a_failed_trace_does_not_block_the_next() -> None:
    with ThreadPoolExecutor(1) as pool:
        failed = pool.submit(trace, nn.Linear(9, 9), (2, 3))
        with pytest.raises(TraceError):
            failed.result()
    assert len(trace(nn.Linear(3, 9), (2, 3))) == 1


class Jobs:
    """What five threads do, over and over; each returns something that tells whether it went as it goes alone."""

    def __init__(self) -> None:
        self.known = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(512, 4)
        )
        self.hooked = copy.deepcopy(self.known)
        self.hooked[0].register_forward_hook(lambda module, inputs, output: output * 2)
        self.learner = copy.deepcopy(self.known)
        self.compiled = copy.deepcopy(self.known).eval()
        self.images = torch.linspace(-1, 1, 2 * 3 * 64).view(2, 3, 8, 8)

    def trace_quickly(self) -> Any:
        graph = trace(self.known, (2, 3, 8, 8), training=True)
        return graph.way, graph

    def trace_exactly(self) -> Any:
        graph = trace(self.hooked, (2, 3, 8, 8))
        return graph.way, graph

    def compile(self) -> Any:
        return torch.compile(self.compiled, fullgraph=True, backend="eager")(self.images).tolist()

    def train(self) -> Any:
        model = copy.deepcopy(self.learner).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(self.images), torch.tensor([0, 3])).backward()
            optimizer.step()
        return [parameter.tolist() for parameter in model.parameters()], model[1].num_batches_tracked.item()

    def build(self) -> Any:
        model = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(8)))
        model[0].register_forward_pre_hook(lambda module, inputs: None)
        generator = torch.Generator().manual_seed(1)
        for parameter in model.parameters():
            nn.init.normal_(parameter, generator=generator)
        return model(torch.ones(1, 8)).tolist(), [name for name, _ in model.named_modules()]


@pytest.mark.parametrize("times", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_two_threads_trace_while_others_compile_train_and_build(times: int) -> None:
    jobs = Jobs()
    works = [jobs.trace_quickly, jobs.trace_exactly, jobs.compile, jobs.train, jobs.build]
    alone = [work() for work in works]
    assert [alone[0][0], alone[1][0]] == ["quick", "exact"]
    together = threading.Barrier(len(works))

    def repeat(work: Callable[[], Any]) -> list[Any]:
        together.wait(30)
        results = []
        for _ in range(times):
            if work == jobs.compile:
                torch._dynamo.reset()
            results.append(work())
        return results

    with ThreadPoolExecutor(len(works)) as pool:
        for work, expected, results in zip(works, alone, pool.map(repeat, works), strict=True):
            assert all(result == expected for result in results), work.__name__
