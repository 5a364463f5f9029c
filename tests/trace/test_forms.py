"""All the forms that a network may take: what is shared, what comes in, what goes out, and how it is put together."""

from __future__ import annotations

import collections
import copy
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.graph import Graph, TensorSpec
from convatlas.trace import TraceError, trace


class Net(nn.Module):
    """A network with some layers, and a function of it as its forward."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def ops(graph: Graph) -> list[str]:
    return [node.op.name for node in graph]


def paths(graph: Graph) -> list[str]:
    return [node.module for node in graph]


def macs_by_torch(model: nn.Module, *shapes: tuple[int, ...]) -> int:
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(model).to("meta")(*(torch.zeros(shape, device="meta") for shape in shapes))
    return counter.get_total_flops() // 2


# what is shared


def test_a_module_called_twice_counts_its_parameters_once_and_its_calls_each_time() -> None:
    model = Net(lambda m, x: m.conv(m.conv(x)), conv=nn.Conv2d(3, 3, 3, padding=1, bias=False))
    counted = cost(trace(model, (1, 3, 8, 8)))
    assert (counted.params, counted.macs) == (81, 2 * 3 * 64 * 27)
    assert [layer.params for layer in counted.layers] == [81, 0]
    assert paths(counted.graph) == ["conv", "conv"]


def test_a_module_under_two_names_goes_by_the_first() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    graph = trace(model, (2, 4))
    assert paths(graph) == ["0", "1", "0"]
    assert [p.name for p in graph.parameters] == [name for name, _ in model.named_parameters()]


def test_a_parameter_shared_by_two_modules_counts_once() -> None:
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    graph = trace(nn.Sequential(first, second), (2, 4))
    assert cost(graph).params == 16
    assert graph.nodes[0].inputs[1] == graph.nodes[1].inputs[1]


def test_parameters_that_no_call_uses_are_counted_and_listed() -> None:
    model = Net(lambda m, x: m.used(x), used=nn.Linear(4, 4), idle=nn.Linear(4, 5))
    counted = cost(trace(model, (2, 4)))
    assert counted.params == 20 + 25
    assert [(layer.name, layer.params) for layer in counted.layers if layer.op == "unused"] == [
        ("idle.weight", 20),
        ("idle.bias", 5),
    ]


# what comes in and goes out


def test_several_inputs() -> None:
    model = Net(lambda m, x, y: m.conv(x) + y, conv=nn.Conv2d(3, 4, 1))
    graph = trace(model, [(1, 3, 8, 8), (1, 4, 1, 1)])
    assert [graph.values[value].shape for value in graph.inputs] == [(1, 3, 8, 8), (1, 4, 1, 1)]
    assert graph.values[graph.outputs[0]].shape == (1, 4, 8, 8)


def test_inputs_by_name() -> None:
    model = Net(lambda m, image, scale: image * scale)
    graph = trace(model, {"image": (2, 3), "scale": (1, 3)})
    assert ops(graph) == ["mul"]


def test_lists_and_mappings_of_inputs() -> None:
    model = Net(lambda m, maps, more: torch.cat(maps, 1) + more["a"])
    graph = trace(model, [[(1, 3, 2, 2), (1, 5, 2, 2)], {"a": (1, 8, 1, 1)}])
    assert graph.values[graph.outputs[0]].shape == (1, 8, 2, 2)


def test_inputs_of_other_dtypes() -> None:
    model = Net(lambda m, ids, mask: m.table(ids) * mask[..., None], table=nn.Embedding(10, 4))
    graph = trace(model, [TensorSpec((2, 5), "int64"), torch.zeros(2, 5, dtype=torch.bool)])
    assert graph.values[graph.outputs[0]] == TensorSpec((2, 5, 4), "float32")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_a_bare_shape_has_the_networks_dtype(dtype: torch.dtype) -> None:
    graph = trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).to(dtype), (1, 3, 8, 8))
    assert {graph.values[value].dtype for node in graph for value in node.outputs} == {str(dtype).removeprefix("torch.")}


@dataclass
class Result:
    logits: Tensor
    maps: list[Tensor]
    name: str = "result"


Pair = collections.namedtuple("Pair", ["first", "second"])


@pytest.mark.parametrize("pack", [
    lambda a, b: (a, b), lambda a, b: [a, [b]], lambda a, b: {"a": a, "b": b}, lambda a, b: Pair(a, b), lambda a, b: Result(a, [b]),
    lambda a, b: {"a": (a,), "more": {"b": [b, None, 3]}}, lambda a, b: collections.OrderedDict(x=a, y=b),
], ids=["tuple", "lists", "dict", "named tuple", "dataclass", "nested", "ordered dict"])  # fmt: skip
def test_nested_outputs(pack: Callable[[Tensor, Tensor], Any]) -> None:
    graph = trace(Net(lambda m, x: pack(x + 1, x[:, :2])), (2, 3))
    assert [graph.values[value].shape for value in graph.outputs] == [(2, 3), (2, 2)]


def test_a_network_that_returns_its_input_or_a_parameter() -> None:
    model = Net(lambda m, x: (x, m.layer.weight), layer=nn.Linear(3, 4))
    graph = trace(model, (2, 3))
    assert graph.outputs == [graph.inputs[0], graph.parameters[0].value]


# how it is put together


def test_control_flow_on_shapes_is_followed() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        while min(x.shape[-2:]) > 2:
            x = F.max_pool2d(x, 2) if x.size(-1) % 2 == 0 else F.pad(x, (0, 1, 0, 1))
        if x.dim() == 4 and x.numel() > 3 and len(x) == 1:
            x = x.flatten(1)
        return x.unsqueeze(0) if x.ndim == 3 else x

    assert ops(trace(Net(forward), (1, 3, 10, 10))) == ["max_pool2d", "pad", "max_pool2d", "pad", "max_pool2d", "flatten"]


def test_functions_and_operators_instead_of_modules(run_by_torch: Callable[..., Any]) -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.zeros(4, 3, 3, 3))
            self.matrix = nn.Parameter(torch.zeros(4, 5))
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            kernel = (self.kernel - self.kernel.mean((1, 2, 3), keepdim=True)) / self.kernel.flatten(1).norm(dim=1)[
                :, None, None, None
            ]
            x = F.relu(F.conv2d(x, kernel, padding=1)) * self.scale.view(1, -1, 1, 1)
            x = F.adaptive_avg_pool2d(x, 1).flatten(1)
            return F.linear(x @ self.matrix, self.matrix) @ self.matrix.T.T + torch.einsum("bi,ij->bj", x, self.matrix)

    model = Functional()
    counted = cost(trace(model, (2, 3, 8, 8)))
    assert counted.macs == macs_by_torch(model, (2, 3, 8, 8))
    assert counted.params == sum(p.numel() for p in model.parameters())
    assert not [layer for layer in counted.layers if layer.op == "unused"]
    assert counted.graph.constants == []


def test_weights_that_a_forward_computes_keep_their_gradient() -> None:
    # the product's operands are a parameter, through two views, and the input: only the weight needs a gradient
    model = Net(lambda m, x: x @ m.layer.weight.T, layer=nn.Linear(3, 4, bias=False))
    counted = cost(trace(model, (2, 3)))
    assert (counted.macs, counted.backward_macs) == (24, 24)


def test_checkpointed_blocks_are_regions_of_the_graph() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = checkpoint.checkpoint(m.first, x, use_reentrant=False)
        x = F.relu(x)
        return checkpoint.checkpoint(lambda y: m.second(y), x, use_reentrant=False)

    model = Net(forward, first=nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), second=nn.Conv2d(4, 5, 1))
    graph = trace(model, (1, 3, 8, 8), training=True)
    assert [(node.op.name, node.region) for node in graph] == [("conv2d", 1), ("relu", 1), ("relu", 0), ("conv2d", 2)]
    assert not any(node.no_grad for node in graph)


def test_a_function_decorated_as_checkpointed() -> None:
    block = checkpoint.checkpoint(use_reentrant=False)(F.relu)
    assert [node.region for node in trace(Net(lambda m, x: block(x) + 1), (2, 3))] == [1, 0]


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        result = x.sigmoid() * x * scale
        ctx.save_for_backward(x, result)
        ctx.mark_non_differentiable()
        ctx.scale = scale
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        raise AssertionError


class Separate(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, x * 2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)


SAVED_UNDER_ANOTHER_NAME = Swish.apply


def test_custom_autograd_functions_are_traced_inside() -> None:
    assert ops(trace(Net(lambda m, x: Swish.apply(x, 2.0)), (2, 3))) == ["sigmoid", "mul", "mul"]
    assert ops(trace(Net(lambda m, x: Separate.apply(x)), (2, 3))) == ["add", "mul"]
    assert ops(trace(Net(lambda m, x: SAVED_UNDER_ANOTHER_NAME(x, 2.0)), (2, 3))) == ["sigmoid", "mul", "mul"]


def test_a_forward_without_gradients_is_marked() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = m.frozen(x)
        return m.head(x)

    graph = trace(Net(forward, frozen=nn.Linear(3, 4), head=nn.Linear(4, 5)), (2, 3))
    assert [node.no_grad for node in graph] == [True, False]
    assert cost(graph).backward_macs == 2 * 4 * 5


def test_a_compiled_network_is_followed_without_compiling() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    expected = trace(model, (1, 3, 8, 8))
    assert trace(torch.compile(model), (1, 3, 8, 8)) == expected  # type: ignore[arg-type]
    in_place = copy.deepcopy(model)
    in_place.compile()
    assert ops(trace(in_place, (1, 3, 8, 8))) == ["conv2d", "relu"]
    assert in_place._compiled_call_impl is not None
    inside = nn.Sequential(torch.compile(model[0]), nn.ReLU())
    assert ops(trace(inside, (1, 3, 8, 8))) == ["conv2d", "relu"]


def test_a_compiled_function_is_followed() -> None:
    double = torch.compile(lambda x: F.relu(x) * 2)
    assert ops(trace(Net(lambda m, x: double(x)), (2, 3))) == ["relu", "mul"]


def test_data_parallel_is_seen_through() -> None:
    model = nn.DataParallel(nn.Sequential(nn.Conv2d(3, 4, 3)))
    graph = trace(model, (1, 3, 8, 8))
    assert paths(graph) == ["module.0"]
    assert [p.name for p in graph.parameters] == [name for name, _ in model.named_parameters()]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_scripted_functions_are_followed() -> None:
    scripted = torch.jit.script(plus_one)
    assert ops(trace(Net(lambda m, x: scripted(x)), (2, 3))) == ["add"]


def plus_one(x: Tensor) -> Tensor:
    return x + 1


def test_a_forward_replaced_on_the_instance_is_the_one_that_runs() -> None:
    model = nn.Sequential(nn.Linear(3, 4))
    model[0].forward = lambda x: x * 2  # type: ignore[method-assign]
    assert ops(trace(model, (2, 3))) == ["mul"]


def test_subclasses_with_a_call_of_their_own() -> None:
    class Doubled(nn.Conv2d):
        def __call__(self, x: Tensor) -> Tensor:
            return super().__call__(x) * 2  # type: ignore[no-any-return]

    model = nn.Sequential(Doubled(3, 4, 3), nn.ReLU())
    assert ops(trace(model, (1, 3, 8, 8))) == ops(trace(Net(lambda m, x: m.layers(x), layers=model), (1, 3, 8, 8)))
    assert ops(trace(model, (1, 3, 8, 8))) == ["conv2d", "mul", "relu"]


def test_subclasses_with_a_forward_of_their_own() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.weight - self.weight.mean(), self.bias, self.stride, self.padding)

    class Plain(nn.Conv2d):
        pass

    assert ops(trace(Standardised(3, 4, 3), (1, 3, 8, 8))) == ["mean", "sub", "conv2d"]
    assert ops(trace(Plain(3, 4, 3), (1, 3, 8, 8))) == ["conv2d"]


def test_layers_called_by_keyword() -> None:
    model = Net(lambda m, x: m.norm(input=m.conv(input=x)), conv=nn.Conv2d(3, 4, 1), norm=nn.BatchNorm2d(4))
    assert ops(trace(model, (1, 3, 8, 8))) == ["conv2d", "batch_norm"]


def test_layers_applied_to_a_learnt_map() -> None:
    class Learnt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map = nn.Parameter(torch.zeros(1, 4, 8, 8))
            self.body = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.MaxPool2d(2))
            self.lift = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(), nn.Linear(256, 5))

        def forward(self, x: Tensor) -> Tensor:
            return self.body(self.map).mean() + self.lift(self.map).sum() + x

    graph = trace(Learnt().train(), (2, 3), training=True)
    assert [name for name in ops(graph) if name != "add"][:4] == ["batch_norm", "relu", "conv2d", "max_pool2d"]


def test_a_slice_of_a_sequential_keeps_its_layers_paths() -> None:
    model = Net(lambda m, x: m.body[1:](m.body[0](x)), body=nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, 1)))
    assert paths(trace(model, (1, 3, 4, 4))) == ["body.0", "body.1", "body.2"]


def test_modules_in_lists_dicts_and_made_on_the_way() -> None:
    model = Net(
        lambda m, x: nn.ReLU()(m.byname["a"](m.listed[0](x))), listed=nn.ModuleList([nn.Linear(3, 3)]),
        byname=nn.ModuleDict({"a": nn.Linear(3, 3)}),
    )  # fmt: skip
    assert paths(trace(model, (2, 3))) == ["listed.0", "byname.a", ""]


class Shadowed(Net):
    """A class that has an attribute of a submodule's name: Python finds it first."""

    second: Any = None


class Lenient(Net):
    """A class with an idea of its own of what a submodule's name means."""

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__("first" if name == "second" else name)


def test_an_attribute_hides_a_submodule_of_its_name() -> None:
    model = Net(lambda m, x: x if m.first is None else m.first(x), first=nn.Conv2d(3, 3, 1))
    model.__dict__["first"] = None
    assert len(trace(model, (1, 3, 8, 8))) == 0


def exchange(m: Any, x: Tensor) -> Any:
    m.first(x)
    m.add_module("first", m.second)
    return m.first(x)


def exchange_by_assignment(m: Any, x: Tensor) -> Any:
    m.first = m.second
    return m.first(x)


def remove(m: Any, x: Tensor) -> Any:
    del m.first
    return x if hasattr(m, "first") else m.second(x)


def lend_a_forward(m: Any, x: Tensor) -> Tensor:
    m.second.forward = m.first.forward
    out: Tensor = m.second(x)
    del m.second.forward
    return out


@pytest.mark.parametrize("kind", [Net, Shadowed, Lenient])
@pytest.mark.parametrize(
    "function",
    [
        exchange,
        exchange_by_assignment,
        remove,
        lend_a_forward,
        lambda m, x: x if m.second is None else m.second(x),
        lambda m, x: m.first(m.first(x)),
    ],
)
def test_submodules_are_found_as_python_finds_them(kind: type[Net], function: Callable[..., Any]) -> None:
    model = kind(function)
    model.first, model.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3)
    before = dict(model._modules)
    try:
        out, macs = copy.deepcopy(model)(torch.zeros(1, 3, 8, 8)), macs_by_torch(model, (1, 3, 8, 8))
    except (AttributeError, TypeError, RuntimeError):
        with pytest.raises(TraceError):
            trace(model, (1, 3, 8, 8))
    else:
        graph = trace(model, (1, 3, 8, 8))
        assert graph.values[graph.outputs[0]].shape == out.shape
        assert cost(graph).macs == macs
    assert list(model._modules.items()) == list(before.items())


def test_a_failure_that_the_forward_catches_does_not_shift_paths() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        try:
            return m.wrong(x)
        except RuntimeError:
            return F.relu(m.right(x))
        except ValueError:
            return F.relu(m.right(x))

    model = Net(forward, wrong=nn.Linear(9, 9), right=nn.Linear(3, 4))
    assert paths(trace(model, (2, 3))) == ["right", ""]


def test_dropout_and_statistics_follow_the_mode() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Dropout(0.0))
    assert ops(trace(model.train(), (2, 3))) == ["batch_norm"]
    assert ops(trace(model.eval(), (2, 3), training=True)) == ["add", "batch_norm", "dropout"]


def test_an_unknown_function_gets_its_shape_from_torch_and_is_listed() -> None:
    graph = trace(Net(lambda m, x: torch.linalg.qr(x)[1] + 1), (3, 3))
    assert ops(graph) == ["linalg_qr", "add"]
    assert [node.op.name for node in graph.uncounted] == ["linalg_qr"]


def test_the_device_that_code_sees_is_the_networks_own() -> None:
    seen = []
    trace(Net(lambda m, x: seen.append((x.device, x.is_cuda, x.is_meta)) or x, layer=nn.Linear(2, 2)), (2, 3))
    assert seen == [(torch.device("cpu"), False, False)]


def test_what_a_kernels_first_call_imports_keeps_no_tensor_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(x: Tensor) -> Tensor:
        if "imported_late" not in sys.modules:
            monkeypatch.setitem(sys.modules, "imported_late", types.ModuleType("imported_late"))
            frame: Any = [sys._getframe()]  # in a cycle, as a failed import leaves it, with all frames below
            frame.append(frame)
        return torch.empty_like(x)

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ops.convatlas_test.late(x + 1) * 2 + 1

    library = torch.library.Library("convatlas_test", "DEF")
    library.define("late(Tensor x) -> Tensor")
    library.impl("late", late, "Meta")
    first, second = (trace(Net(), (1, 3)) for _ in range(2))
    assert "imported_late" in sys.modules
    assert first.released == second.released
