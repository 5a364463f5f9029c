"""A trace leaves the caller's module, torch and the random generators as it found them, also when it fails."""

from __future__ import annotations

import copy
import gc
import random
import types
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize

from convatlas.trace import TraceError, trace
from convatlas.trace import random_states as generators


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


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of one thread: libraries that other tests used leave idle ones behind."""
    monkeypatch.setattr(generators, "threading", types.SimpleNamespace(active_count=lambda: 1))


def random_states() -> Any:
    state: Any = np.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tolist(), state["state"]["pos"], state["gauss"], torch.get_rng_state().tolist()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_whatever_a_forward_does_is_undone(training: bool, mode: bool, fails: bool) -> None:
    model = Busy(fails).train(mode)
    model.frozen.eval()
    np.random.randn(1)  # leaves a second number waiting in the generator
    before, states = contents(model), random_states()
    if fails:
        with pytest.raises(TraceError, match="on purpose"):
            trace(model, (2, 3, 8, 8), training=training)
    else:
        trace(model, (2, 3, 8, 8), training=training)
    assert not differences(before, contents(model))
    assert random_states() == states


class Meddling(nn.Module):
    """Does one thing in its forward, and then runs its layers."""

    def __init__(self, deed: Callable[[Any], Any]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()
        self.rest = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Identity(), nn.Identity()])
        self.named = nn.ModuleDict({"a": nn.Identity()})
        self.register_buffer("passing", torch.zeros(2), persistent=False)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        hooked = [self, self.conv, self.blocks, self.rest]
        self.handles = tuple(module.register_full_backward_hook(lambda *_: None) for module in hooked)
        self.handles += tuple(module.register_state_dict_post_hook(lambda *_: None) for module in hooked)
        self.deed = deed

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)) * self.scale
        self.deed(self)
        return self.rest(x)


DEEDS: dict[str, Callable[[Any], Any]] = {
    "sets a layer's attribute": lambda m: setattr(m.conv, "stride", (2, 2)),
    "sets a sequence's attribute": lambda m: setattr(m.rest, "note", 1),
    "removes a layer's attribute": lambda m: delattr(m.norm, "momentum"),
    "gives a layer a forward": lambda m: setattr(m.act, "forward", lambda x: x),
    "switches a layer's mode": lambda m: m.norm.train(not m.norm.training),
    "switches all modes": lambda m: m.train(not m.training),
    "registers a layer's buffer": lambda m: m.act.register_buffer("seen", torch.zeros(3)),
    "registers a passing buffer": lambda m: m.norm.register_buffer("seen", torch.zeros(3), persistent=False),
    "registers a passing buffer of its own": lambda m: m.register_buffer("seen", torch.zeros(3), persistent=False),
    "registers a buffer anew": lambda m: m.register_buffer("passing", torch.zeros(3)),
    "registers a layer's parameter": lambda m: m.act.register_parameter("slope", nn.Parameter(torch.ones(1))),
    "replaces a layer's parameter": lambda m: setattr(m.conv, "weight", nn.Parameter(torch.ones(4, 3, 1, 1))),
    "removes a layer's parameter": lambda m: delattr(m.conv, "bias"),
    "replaces its own parameter past torch": lambda m: m._parameters.update(scale=None),
    "empties its own buffers past torch": lambda m: m._buffers.clear(),
    "forgets a submodule past torch": lambda m: m._modules.pop("act"),
    "replaces a layer's parameter past torch": lambda m: m.conv._parameters.update(weight=m.conv.weight * 2),
    "removes a layer's buffer past torch": lambda m: m.norm._buffers.pop("running_mean"),
    "adds a layer's parameter past torch": lambda m: m.conv._parameters.update(scale=nn.Parameter(torch.ones(1))),
    "forgets its hooks past torch": lambda m: m._forward_hooks.clear(),
    "hooks itself past torch": lambda m: m._forward_pre_hooks.update({0: lambda *_: None}),
    "adds a module to a layer": lambda m: m.act.add_module("inner", nn.ReLU()),
    "appends to a sequence": lambda m: m.rest.append(nn.ReLU()),
    "inserts into a sequence": lambda m: m.rest.insert(0, nn.ReLU()),
    "exchanges a part of a sequence": lambda m: m.rest.__setitem__(1, nn.Tanh()),
    "removes a part of a sequence": lambda m: m.rest.__delitem__(1),
    "inserts into a list": lambda m: m.blocks.insert(0, nn.ReLU()),
    "removes a part of a list": lambda m: m.blocks.__delitem__(0),
    "empties a mapping": lambda m: m.named.clear(),
    "removes hooks": lambda m: [handle.remove() for handle in m.handles],
    "exchanges hooks": lambda m: (m.handles[1].remove(), m.conv.register_forward_hook(lambda *_: None)),
    "hooks a layer": lambda m: m.act.register_forward_pre_hook(lambda *_: None),
    "hooks a layer with keywords": lambda m: m.act.register_forward_hook(lambda *_: None, with_kwargs=True, always_call=True),
    "calls a layer with another weight": lambda m: functional_call(m.conv, {"weight": m.conv.weight * 2}, torch.zeros(2, 3, 8, 8)),
    "compiles a layer": lambda m: m.act.compile(),
    "traces a part of itself": lambda m: trace(m.rest, (1, 4, 8, 8)),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
def test_whatever_is_done_to_layers_and_sequences_is_undone(deed: str, mode: bool, training: bool) -> None:
    model = Meddling(DEEDS[deed]).train(mode)
    before, layers = contents(model), list(model.modules())
    trace(model, (2, 3, 8, 8), training=training)
    assert not differences(before, contents(model))
    assert list(model.modules()) == layers


def test_containers_are_emptied_wherever_the_module_keeps_them() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.log: list[Tensor] = []  # before torch's own attributes
            super().__init__()
            self.layer = nn.ReLU()
            self.kept: dict[str, Tensor] = {}

        def forward(self, x: Tensor) -> Tensor:
            self.log.append(x)
            self.kept["x"] = x
            return self.layer(x)

    model = Early()
    trace(model, (2, 3))
    assert (model.log, model.kept) == ([], {})


@pytest.mark.usefixtures("alone")
def test_numbers_drawn_by_code_elsewhere_are_undone_too() -> None:
    elsewhere = types.ModuleType("elsewhere")
    exec("def draw():\n    import random\n    return random.random() + random.gauss(0, 1)", vars(elsewhere))
    namespace = {"nn": nn, "draw": elsewhere.draw, "__name__": "a_module_that_names_no_generator"}
    exec("class Drawing(nn.Module):\n    def forward(self, x):\n        return x * draw()", namespace)
    before = random_states()
    trace(namespace["Drawing"](), (2, 3))
    assert random_states() == before


def test_what_another_thread_draws_meanwhile_is_not_drawn_twice() -> None:
    class Waits(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            drawn.extend(pool.submit(draw).result())
            return x

    def draw() -> list[float]:
        return torch.rand(3).tolist()  # type: ignore[no-any-return]

    drawn: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # the thread is there before the trace
        torch.manual_seed(0)
        trace(Waits(), (2, 3))
        drawn += pool.submit(draw).result()
    torch.manual_seed(0)
    assert drawn == [*draw(), *draw()]


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


def test_forward_hooks_run_as_torch_runs_them_and_stay() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    model[0].register_forward_hook(lambda module, inputs, output: output * 2)
    model[1].register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,))
    handle = nn.modules.module.register_module_forward_hook(lambda module, inputs, output: output.exp())
    try:
        before = contents(model)
        graph = trace(model, (1, 3, 8, 8))
        assert [node.op.name for node in graph] == ["conv2d", "exp", "mul", "add", "relu", "exp", "exp"]
        assert contents(model) == before
    finally:
        handle.remove()


def test_backward_hooks_do_not_run() -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a hook ran")

    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    for module in model.modules():
        module.register_full_backward_hook(refuse)
    before = contents(model)
    trace(model, (1, 3, 8, 8))
    assert contents(model) == before


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


def test_a_cached_parametrization_is_not_filled_with_proxies() -> None:
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


def test_torch_itself_is_as_it_was_and_stays_so_meanwhile() -> None:
    owners = [
        nn.Module,
        torch.autograd.Function,
        torch.utils.checkpoint,
        torch._C.ScriptFunction,
        torch.overrides,
        nn.modules.module,
    ]
    functions = [value for owner in owners for value in vars(owner).values() if isinstance(value, types.FunctionType)]

    def state() -> Any:
        codes = [(function.__code__, function.__kwdefaults__) for function in functions]
        return [dict(vars(owner)) for owner in owners], codes, gc.isenabled()

    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(state())
            return x

    seen, before = [], state()
    trace(nn.Sequential(nn.Conv2d(3, 4, 3), Looks()), (1, 3, 8, 8))
    with pytest.raises(TraceError):
        trace(nn.Conv2d(3, 4, 3), (1, 2, 8, 8))
    assert [*seen, state()] == [before, before]
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
