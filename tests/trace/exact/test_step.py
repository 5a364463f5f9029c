"""The recorded training step, held to torch's own count of a real backward pass and to what autograd keeps of a real forward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.analysis.memory import Settings, training_memory
from convatlas.graph import Graph
from convatlas.graph.training import BACKWARD, FORWARD, LOSS
from convatlas.measure.memory import measure_training
from convatlas.trace import trace


def step_of(model: nn.Module, *shape: int) -> Any:
    graph = trace(model, shape, training=True, way="exact")
    assert graph.step is not None
    return graph.step


def backward_macs_by_torch(model: nn.Module, *shape: int) -> int:
    loss = model(torch.rand(shape)).sum()
    with FlopCounterMode(display=False) as counter:
        loss.backward()
    return counter.get_total_flops() // 2


class OwnBackward(torch.autograd.Function):
    """A convolution that gives its weight a gradient, and its input none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return None, torch.nn.grad.conv2d_weight(x, weight.shape, gradient)


class OwnActivation(torch.autograd.Function):
    """A convolution of what is above zero, its gradients by torch's own kernels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        positive = x.relu()
        ctx.save_for_backward(positive, weight)
        return F.conv2d(positive, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        positive, weight = ctx.saved_tensors
        before = torch.nn.grad.conv2d_input(positive.shape, weight, gradient)
        return torch.ops.aten.threshold_backward(before, positive, 0), torch.nn.grad.conv2d_weight(positive, weight.shape, gradient)


class WithOwnActivation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Parameter(torch.rand(2, 4, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return OwnActivation.apply(self.first(x), self.second)  # type: ignore[no-any-return]


class WithOwnBackward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Parameter(torch.rand(2, 4, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return OwnBackward.apply(self.first(x), self.second)  # type: ignore[no-any-return]


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.first, self.second, self.reentrant = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), reentrant

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.second, self.first(x), use_reentrant=self.reentrant)  # type: ignore[no-any-return]


LAYERS = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Hardswish(True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))


@pytest.mark.parametrize(
    "case",
    [
        (LAYERS, (2, 3, 8, 8)),
        (WithOwnBackward(), (1, 3, 8, 8)),
        (WithOwnActivation(), (1, 3, 8, 8)),
        (Checkpointed(False), (2, 4)),
        (Checkpointed(True), (2, 4)),
        (nn.MultiheadAttention(8, 2), None),
    ],
    ids=["layers", "a backward of its own", "of several ops", "checkpoint", "reentrant checkpoint", "attention"],
)
def test_backward_macs_are_torchs(case: tuple[nn.Module, tuple[int, ...] | None]) -> None:
    model, shape = case
    if shape is None:
        attention, shape = model, (5, 2, 8)
        model = nn.Module()
        model.attention = attention
        model.forward = lambda x: attention(x, x, x)[0]  # type: ignore[method-assign]
    assert cost(trace(model, shape, training=True, way="exact")).backward_macs == backward_macs_by_torch(model, *shape)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_is_a_region_of_the_graph(reentrant: bool) -> None:
    class Twice(Checkpointed):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[:, :4]) + super().forward(x[:, 4:])

    graph = trace(Twice(reentrant), (2, 8), training=True, way="exact")
    assert [(node.op.name, node.region, node.no_grad) for node in graph if node.op.name in ("linear", "relu")] == [
        ("linear", 0, False), ("linear", 1, False), ("relu", 1, False), ("linear", 0, False), ("linear", 2, False), ("relu", 2, False),
    ]  # fmt: skip


def test_phases_follow_one_another_and_gradients_know_their_call() -> None:
    graph = trace(LAYERS, (2, 3, 8, 8), training=True, way="exact")
    step = graph.step
    assert step is not None
    phases = [node.phase for node in step.nodes]
    assert phases == sorted(phases, key=[FORWARD, LOSS, BACKWARD].index)
    origins = [
        (node.op.name, graph.nodes[node.origin].op.name, node.module)
        for node in step.nodes
        if node.phase == BACKWARD and node.origin >= 0
    ]
    for name, module in (("conv2d", "0"), ("batch_norm", "1"), ("hardswish", "2"), ("max_pool2d", "3")):
        assert (f"{name} backward", name, module) in origins
    assert set(step.gradients) == {parameter.value for parameter in graph.parameters}
    assert all(step.values[gradient] == step.values[value] for value, gradient in step.gradients.items())


def test_what_is_kept_at_the_end_of_forward_is_what_autograd_saves() -> None:
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    x = torch.rand(2, 3, 8, 8)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = LAYERS(x)
    outside = {tensor.data_ptr() for tensor in (x, *LAYERS.parameters(), *LAYERS.buffers())}
    saved = sum(size for key, size in kept.items() if key not in outside)
    assert output.grad_fn is not None
    step = step_of(LAYERS, 2, 3, 8, 8)
    end = sum(node.phase == FORWARD for node in step.nodes)
    made = {step.storage[value] for node in step.nodes[:end] for value in node.outputs} - step.resident
    output_storage = step.storage[trace(LAYERS, (2, 3, 8, 8), training=True, way="exact").outputs[0]]
    alive = {storage for storage in made if step.released.get(storage, len(step.nodes)) > end} - {output_storage}
    assert sum(step.storage_bytes[storage] for storage in alive) == saved


def test_the_callers_parameters_get_no_gradient() -> None:
    model = nn.Linear(2, 3)
    step_of(model, 2, 2)
    assert model.weight.grad is None


def test_what_has_nothing_to_train_has_no_step() -> None:
    graph: Graph = trace(nn.ReLU(), (2, 3), training=True, way="exact")
    assert graph.step is None


class Normed(nn.Module):
    """Weights that a hook makes anew before each call."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.utils.weight_norm(nn.Conv2d(16, 32, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).relu()  # type: ignore[no-any-return]


class Deep(nn.Module):
    """Checkpoints in a row, of the kind that torch runs without gradients first."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64)) for _ in range(3)])
        self.first = nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=True)
        return x


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize(
    ("make", "shape"), [(Normed, (4, 16, 32, 32)), (Deep, (512, 64)), (lambda: nn.GRU(32, 64, 2), (20, 8, 32))],
    ids=["weight norm by hook", "reentrant checkpoints", "recurrent"],
)  # fmt: skip
def test_the_peak_of_a_recorded_step_is_the_measured_one(make: Any, shape: tuple[int, ...]) -> None:
    settings = Settings(threads=1)
    measured = measure_training(make(), shape, settings)
    simulated = training_memory(trace(make(), shape, training=True, way="exact"), settings)
    assert simulated.peak_bytes == pytest.approx(measured.peak_bytes, rel=0.02)
