"""A trace leaves the caller's module, torch and the random generators as it found them, also when it fails."""

from __future__ import annotations

import copy
import random
import types
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from convatlas.trace import TraceError, trace


class Busy(nn.Module):
    """Does in its forward all that a forward should not do."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.frozen = nn.BatchNorm2d(4).eval()
        self.drop = nn.Dropout(0.5)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(4))
        self.calls = 0
        self.kept: list[Tensor] = []
        self.cache: dict[str, Any] = {"inner": {"deep": [1]}}
        self.seen = {1}
        self.queue = deque([1])
        self.fails = fails
        self.bias = nn.Parameter(torch.zeros(4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.count += 1
        self.mean = x.mean((0, 2, 3))
        x = self.norm(self.conv(x))
        x = self.drop(self.frozen(x)) + self.bias
        self.kept.append(x)
        self.cache["last"] = x
        self.cache["inner"]["deep"].append(x)
        self.seen.add(2)
        self.queue.append(x)
        self.new_attribute = x
        self.register_buffer("new_buffer", torch.zeros(3))
        self.add_module("new_module", nn.ReLU())
        self.conv.new_attribute = x
        self.conv.weight.requires_grad_(False)
        self.bias.requires_grad = False
        self.bias.data = self.bias.data + 1
        self.bias.data.mul_(2)
        self.bias.grad = torch.ones_like(self.bias)
        self.norm.running_mean.zero_()
        self.norm.running_mean[0] = 7.0
        nn.init.normal_(self.conv.weight)
        self.conv.register_forward_hook(lambda *_: None)
        self.conv.bias = None
        del self.frozen
        random.random(), np.random.rand(), torch.manual_seed(1), np.random.seed(2), random.seed(3)
        torch.rand(3)
        if self.fails:
            raise RuntimeError("on purpose")
        return x * (1.0 if random.random() < 0.5 else 2.0)


def contents(value: Any) -> Any:
    """A module's state as plain data, with the identities of its tensors and their elements."""
    if isinstance(value, nn.Module):
        return type(value), id(value), {key: contents(item) for key, item in vars(value).items()}
    if isinstance(value, Tensor):
        elements = value.detach().flatten().tolist()
        grad = None if not value.is_leaf or value.grad is None else id(value.grad)
        return id(value), value.shape, value.dtype, value.device, value.requires_grad, value.stride(), grad, elements
    if isinstance(value, dict):
        return [(key, contents(item)) for key, item in value.items()]
    if isinstance(value, list | tuple | deque):
        return [contents(item) for item in value]
    return value


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two such descriptions differ."""
    if type(before) is type(after) and isinstance(before, list | tuple | dict) and len(before) == len(after):
        pairs = before.items() if isinstance(before, dict) else enumerate(before)
        return [found for key, value in pairs for found in differences(value, after[key], f"{path}/{key}")]
    return [] if before == after else [f"{path}: {before} became {after}"]


def random_states() -> Any:
    state: Any = np.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tolist(), state["state"]["pos"], state["gauss"], torch.get_rng_state().tolist()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_whatever_a_forward_does_is_undone(training: bool, mode: bool, fails: bool) -> None:
    model = Busy(fails).train(mode)
    model.frozen.eval()
    np.random.randn(1)  # leaves a second number waiting in the generator
    before, generators = contents(model), random_states()
    if fails:
        with pytest.raises(TraceError, match="on purpose"):
            trace(model, (2, 3, 8, 8), training=training)
    else:
        trace(model, (2, 3, 8, 8), training=training)
    assert not differences(before, contents(model))
    assert random_states() == generators


def test_numbers_drawn_by_code_elsewhere_are_undone_too() -> None:
    elsewhere = types.ModuleType("elsewhere")
    code = "def draw():\n    import numpy, random\n    return numpy.random.rand() + random.random()"
    exec(code, vars(elsewhere))
    namespace = {"nn": nn, "draw": elsewhere.draw, "__name__": "a_module_without_numpy"}
    exec("class Drawing(nn.Module):\n    def forward(self, x):\n        return x * draw()", namespace)
    before = random_states()
    trace(namespace["Drawing"](), (2, 3))
    assert random_states() == before


def test_what_a_forward_of_a_single_module_does_is_undone_too() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    layer: Any = model[1]
    layer.seen = []
    layer.forward = lambda x: layer.seen.append(x.shape) or x * 2
    assert [node.op.name for node in trace(model, (1, 3, 8, 8))] == ["conv2d", "mul"]
    assert layer.seen == []


def test_modes_of_single_modules_stay(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    model = torchvision_on_meta("resnet18").train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    before = [module.training for module in model.modules()]
    trace(model, (1, 3, 64, 64))
    trace(model, (2, 3, 64, 64), training=True)
    assert [module.training for module in model.modules()] == before


def test_hooks_are_neither_run_nor_removed() -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a hook ran")

    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    for module in model.modules():
        module.register_forward_hook(refuse)
        module.register_forward_pre_hook(refuse)
        module.register_full_backward_hook(refuse)
    handle = nn.modules.module.register_module_forward_hook(refuse)
    try:
        before = contents(model)
        trace(model, (1, 3, 8, 8))
        assert contents(model) == before
        with pytest.raises(AssertionError, match="a hook ran"):
            model(torch.zeros(1, 3, 8, 8))
    finally:
        handle.remove()


@pytest.mark.parametrize("wrap", [
    lambda m: nn.utils.weight_norm(m), lambda m: nn.utils.spectral_norm(m), parametrizations.weight_norm,
    parametrizations.spectral_norm, parametrizations.orthogonal,
], ids=["weight norm by hook", "spectral norm by hook", "weight norm", "spectral norm", "orthogonal"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*spectral_norm.*:FutureWarning")
def test_reparametrised_layers(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = nn.Sequential(wrap(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).train()
    before = contents(model)
    for training in (False, True):
        graph = trace(model, (2, 3, 8, 8), training=training)
        convolution = next(node for node in graph if node.op.name == "conv2d")
        assert graph.specs(convolution.outputs)[0].shape == (2, 4, 6, 6)
        assert sum(graph.values[p.value].numel for p in graph.parameters) == sum(p.numel() for p in model.parameters())
    assert contents(model) == before
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 4, 6, 6)


def test_a_cached_parametrization_is_not_filled_with_stand_ins() -> None:
    model = parametrizations.weight_norm(nn.Linear(3, 4))
    with parametrize.cached():
        trace(model, (2, 3))
        assert type(model.weight) is Tensor


def test_a_module_that_freezes_itself_in_train_keeps_its_flags() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3)
            self.head = nn.Conv2d(4, 5, 1)

        def train(self, mode: bool = True) -> Frozen:
            super().train(mode)
            for parameter in self.body.parameters():
                parameter.requires_grad = not mode
            self.body.eval()
            return self

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x))

    model = Frozen()
    model.body.train()
    before = contents(model)
    graph = trace(model, (1, 3, 8, 8), training=True)
    assert {p.name: p.trainable for p in graph.parameters} == {
        "body.weight": False, "body.bias": False, "head.weight": True, "head.bias": True,
    }  # fmt: skip
    assert contents(model) == before


def test_torch_itself_is_as_it_was() -> None:
    owners = [nn.Module, torch.autograd.Function, torch.utils.checkpoint, torch._C.ScriptFunction]
    before = [dict(vars(owner)) for owner in owners]
    trace(nn.Conv2d(3, 4, 3), (1, 3, 8, 8))
    with pytest.raises(TraceError):
        trace(nn.Conv2d(3, 4, 3), (1, 2, 8, 8))
    assert [dict(vars(owner)) for owner in owners] == before
    assert torch.is_grad_enabled()


def test_grad_mode_of_the_caller_stays_and_does_not_matter() -> None:
    model = nn.Conv2d(3, 4, 3)
    expected = trace(model, (1, 3, 8, 8))
    with torch.no_grad():
        assert trace(model, (1, 3, 8, 8)) == expected
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert trace(model, (1, 3, 8, 8)) == expected


def test_memory_format_and_dtype_stay() -> None:
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last).bfloat16()
    before = contents(model)
    graph = trace(model, (1, 3, 8, 8))
    assert graph.values[graph.outputs[0]].dtype == "bfloat16"
    assert contents(model) == before


def test_a_traced_model_can_be_copied_and_run() -> None:
    model = Busy().eval()
    trace(model, (2, 3, 8, 8))
    copied = copy.deepcopy(model)
    assert sorted(copied.state_dict()) == sorted(model.state_dict())
