"""The quick way says what it does not know, and then the exact way answers; each network here was once answered wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils import checkpoint

from convatlas.trace import TraceError, trace


class Net(nn.Module):
    """A network with a linear layer, and a function of it as its forward."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(3)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        return gradient * 2


class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        return -gradient


def plus_one(x: Tensor) -> Tensor:
    return x + 1


OUTSIDE = torch.ones(3)


def under_autocast(m: Any, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return m.layer(x)  # type: ignore[no-any-return]


def hooked_on_the_way(m: Any, x: Tensor) -> Tensor:
    handle = m.layer.register_forward_hook(lambda module, inputs, output: output * 2)
    y: Tensor = m.layer(x)
    handle.remove()
    return y


def written_part(m: Any, x: Tensor) -> Tensor:
    y = x + 1
    y[:, :2].mul_(2)
    return y


def written_below_a_view(m: Any, x: Tensor) -> Tensor:
    y = x + 1
    first = y[:, 0]
    y.mul_(2)
    return first


def caught(m: Any, x: Tensor) -> Tensor:
    try:
        return torch.vander(x[0])
    except Exception:
        return x


UNSURE: dict[str, tuple[Callable[..., Any], str]] = {
    "a function without a rule": (lambda m, x: torch.vander(x[0]), "no rule for torch.vander"),
    "a method without a rule": (lambda m, x: x.logcumsumexp(1), "no rule for Tensor.logcumsumexp"),
    "what the network catches": (caught, "no rule for torch.vander"),
    "an op of a library": (lambda m, x: torch.ops.aten.relu(x), "no rule for torch.ops.aten.relu"),
    "a hook on the way": (hooked_on_the_way, "a forward hook on layer"),
    "a write to a part": (written_part, "an in-place write to a view"),
    "a write below a view": (written_below_a_view, "an in-place write to a tensor that has views"),
    "a write to a buffer": (lambda m, x: m.norm.running_mean.add_(x.mean(0)), "an in-place write to a tensor that the network holds"),
    "a write to a weight": (lambda m, x: F.linear(x, nn.init.ones_(m.layer.weight)), "an in-place write to a tensor that the network holds"),
    "out": (lambda m, x: torch.add(x, x, out=torch.empty(2, 3)), "a result that goes to out="),
    "autocast": (under_autocast, "autocast is switched in forward"),
    "a custom function": (lambda m, x: Doubled.apply(x), "a custom autograd.Function (Doubled)"),
    "a custom function that computes nothing": (lambda m, x: Same.apply(x), "a custom autograd.Function"),
    "a reentrant checkpoint": (
        lambda m, x: checkpoint.checkpoint(m.layer, m.layer(x)[:, :3], use_reentrant=True),
        "a custom autograd.Function (CheckpointFunction)",
    ),
    "vmap": (lambda m, x: torch.vmap(lambda row: row * 2)(x), "made past torch's functions"),
    "a gradient inside": (lambda m, x: torch.func.grad(lambda y: (y * y).sum())(x), "no rule for Tensor.requires_grad_"),
    "a sparse tensor": (lambda m, x: x.to_sparse().to_dense(), "no rule for Tensor.to_sparse"),
    "an array": (lambda m, x: x * torch.from_numpy(np.ones(3, np.float32)), "made past torch's functions"),
    "a tensor of the file": (lambda m, x: x * OUTSIDE, "lies outside of the network"),
    "a known value": (lambda m, x: x * torch.tensor(x.shape[-1]).sqrt().item(), "a tensor's values are asked for (.item())"),
    "a gradient switched off": (lambda m, x: x * m.layer.weight.requires_grad_(False)[0], "no rule for Tensor.requires_grad_"),
    "a tensor's data set": (lambda m, x: setattr(m.layer.weight, "data", m.layer.weight * 2) or m.layer(x), "a tensor's data is set"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSURE)
def test_it_says_what_it_does_not_know(name: str) -> None:
    function, why = UNSURE[name]
    with pytest.raises(TraceError, match="the quick way gave up: ") as caught:
        trace(Net(function), (2, 3), training=name == "a reentrant checkpoint", way="quick")
    assert why in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_a_scripted_function_and_what_is_asked_of_its_result() -> None:
    scripted = torch.jit.script(plus_one)
    for function in (lambda m, x: scripted(x), lambda m, x: x * scripted(x).shape[0]):
        graph = trace(Net(function), (2, 3))
        assert graph.way == "exact"
        assert graph.values[graph.outputs[0]].shape == (2, 3)


class Marked(Tensor):
    """A kind of tensor with a will of its own."""


@pytest.mark.parametrize(("values", "why"), [
    (torch.ones(3, dtype=torch.complex64), "scale is complex"), (torch.eye(3).to_sparse(), "scale is sparse"),
    (torch.ones(3).as_subclass(Marked), "scale is a Marked"),
], ids=["complex", "sparse", "subclass"])  # fmt: skip
def test_parameters_of_other_kinds(values: Tensor, why: str) -> None:
    model = Net(lambda m, x: x)
    model.scale = nn.Parameter(values)
    with pytest.raises(TraceError, match=why):
        trace(model, (2, 3), way="quick")


def test_hooks_that_prune_and_hooks_on_all_modules() -> None:
    pruned = prune.l1_unstructured(nn.Linear(3, 4), "weight", amount=0.5)
    graph = trace(nn.Sequential(pruned), (2, 3))
    assert (graph.way, graph.why) == ("exact", "a forward hook on 0")
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert trace(nn.Linear(3, 4), (2, 3)).why == "a forward hook on all modules"
    finally:
        handle.remove()


KNOWN: dict[str, Callable[..., Any]] = {
    "an in-place write": lambda m, x: F.relu(m.layer(x), inplace=True).add_(1),
    "a write to all of a view whose base nobody has": lambda m, x: F.relu(m.layer(x).flatten(), inplace=True),
    "a write after a view is gone": lambda m, x: (x + x[:, :1]).mul_(2),
    "gradients switched off": torch.no_grad()(lambda m, x: m.layer(x)),
    "autocast off where it is off": torch.autocast("cpu", enabled=False)(lambda m, x: m.layer(x)),
    "a counter": lambda m, x: m.norm.num_batches_tracked.add_(1) is None or m.layer(x),
    "a checkpoint": lambda m, x: checkpoint.checkpoint(m.layer, x, use_reentrant=False),
    "a compiled function": lambda m, x: torch.compile(plus_one)(m.layer(x)),
    "a parameter's attributes": lambda m, x: x.to(m.layer.weight.dtype).to(m.layer.weight.device)[:, : m.layer.weight.shape[1]],
    "a device": lambda m, x: torch.zeros(3, device=torch.device("cpu")) + x,
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_it_answers_where_it_knows(name: str) -> None:
    assert trace(Net(KNOWN[name]), (2, 3)).why == ""


@pytest.mark.parametrize("replaced", ["wrapped", "passed by"])
def test_a_library_that_replaced_the_call_of_modules(replaced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    expected = [(node.op, node.module) for node in trace(model, (1, 3, 8, 8))]
    native, seen = nn.Module.__call__, []

    def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        seen.append(type(module))
        return native(module, *args, **kwargs) if replaced == "wrapped" else module.forward(*args, **kwargs)

    monkeypatch.setattr(nn.Module, "__call__", call)
    graph = trace(model, (1, 3, 8, 8))
    assert seen
    assert [node.op for node in graph] == [op for op, _ in expected]
    if replaced == "wrapped":
        assert [(node.op, node.module) for node in graph] == expected
    else:
        assert graph.why == "nn.Module.__call__ is replaced"


def test_it_works_beside_fx() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    symbolic = torch.fx.symbolic_trace(model)
    graph = trace(symbolic, (1, 3, 8, 8))
    assert ([node.op.name for node in graph], graph.why) == (["conv2d", "relu"], "")
    assert [node.op for node in torch.fx.symbolic_trace(model).graph.nodes] == [node.op for node in symbolic.graph.nodes]
