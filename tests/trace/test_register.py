"""People's own ops: rules for functions, overloads and modules, in both ways of tracing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import convatlas as ca
from convatlas import ConvatlasError, OpCost, TensorSpec
from convatlas.graph import Graph
from convatlas.graph.ops import Activation, Gradient
from convatlas.trace import trace

WAYS = ["quick", "exact"]


@torch.library.custom_op("convatlas_tests::mixed", mutates_args=())
def mixed(x: Tensor, weight: Tensor, *, k: int) -> tuple[Tensor, Tensor]:
    raise AssertionError("a kernel ran")


@torch.library.custom_op("convatlas_tests::faked", mutates_args=())
def faked(x: Tensor) -> Tensor:
    raise AssertionError("a kernel ran")


@faked.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], 2)


def mixed_rule(x: TensorSpec, weight: TensorSpec, *, k: int) -> OpCost:
    rows = TensorSpec((x.shape[0], weight.shape[0]), x.dtype)
    chosen = TensorSpec((x.shape[0], k), "int64")
    return OpCost(macs=x.numel * weight.shape[0], output=(rows, chosen), saved=(weight, chosen, TensorSpec((7,), "uint8")))


class Mixing(nn.Module):
    def __init__(self, op: Callable[..., Any]) -> None:
        super().__init__()
        self.first, self.weight, self.op = nn.Linear(8, 8), nn.Parameter(torch.zeros(5, 8)), op

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows, chosen = self.op(self.first(x), self.weight, k=3)
        return rows.relu(), chosen


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """Registers rules for the time of one test."""
    undo: list[Callable[[], None]] = []
    yield lambda target, rule: undo.append(ca.register_op(target, rule))
    for remove in undo:
        remove()


def node(graph: Graph, name: str) -> Any:
    (found,) = (node for node in graph.nodes if node.op.name == name)
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("op", [mixed, torch.ops.convatlas_tests.mixed, torch.ops.convatlas_tests.mixed.default])
@pytest.mark.parametrize("registered", [mixed, torch.ops.convatlas_tests.mixed, torch.ops.convatlas_tests.mixed.default])
def test_an_op_of_a_library_costs_what_its_rule_says(way: str, op: Any, registered: Any, register: Callable[..., None]) -> None:
    register(registered, mixed_rule)
    graph = trace(Mixing(op), (4, 8), training=True, way=way)
    counted = ca.cost(graph)
    assert counted.macs == 4 * 8 * 8 + 4 * 8 * 5
    assert counted.backward_macs == 4 * 8 * 8 + 2 * 4 * 8 * 5, "to the first layer's weight; to the op's input and weight"
    assert not counted.uncounted
    assert counted.params == 8 * 8 + 8 + 5 * 8
    call = node(graph, "mixed")
    specs = graph.specs(call.outputs)
    assert specs == [TensorSpec((4, 5)), TensorSpec((4, 3), "int64")]
    kept = call.op.kept(graph.specs(call.inputs), specs, [True, True])
    assert (kept.inputs, kept.outputs, kept.extra) == ((1,), (1,), (TensorSpec((7,), "uint8"),))
    assert Graph.from_json(graph.to_json()).nodes == graph.nodes


def test_a_recorded_step_has_one_gradient_of_the_call(register: Callable[..., None]) -> None:
    register(mixed, mixed_rule)
    step = trace(Mixing(mixed), (4, 8), training=True, way="exact").step
    assert step is not None
    (gradient,) = (node for node in step.nodes if isinstance(node.op, Gradient) and node.op.of.name == "mixed")
    assert gradient.op.macs((), ()) == 2 * 4 * 8 * 5
    assert [step.values[value].shape for value in gradient.outputs] == [(4, 8), (5, 8)]
    assert {len(step.gradients), len(step.released) > 0} == {3, True}


@pytest.mark.parametrize("way", ["auto", "exact"])
def test_what_a_rule_leaves_out_is_asked_of_torch(way: str, register: Callable[..., None]) -> None:
    register(faked, lambda x: OpCost(macs=0, elementwise=3 * x.numel, bytes_read=11))

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return faked(x)

    graph = trace(Net(), (4, 8), way=way)
    (layer,) = ca.cost(graph).layers
    assert layer.output_shape == (4, 2)
    assert (layer.elementwise, layer.bytes_read, layer.bytes_written) == (96, 11, 4 * 2 * 4)


@pytest.mark.parametrize("way", WAYS)
def test_a_function_of_torch_gets_the_calls_own_arguments(way: str, register: Callable[..., None]) -> None:
    register(torch.special.bessel_j0, lambda x: Activation("bessel_j0"))

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.bessel_j0(x)

    counted = ca.cost(trace(Net(), (4, 8), way=way))
    assert not counted.uncounted
    assert counted.elementwise == 32


@torch.library.custom_op("convatlas_tests::into", mutates_args=("out",))
def into(x: Tensor, out: Tensor) -> None:
    raise AssertionError("a kernel ran")


class Writing(nn.Module):
    """Calls a kernel that writes where it is told to, as those of CUDA do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        into(self.linear(x), out)
        return out.relu()


def test_a_kernel_that_returns_nothing_is_said_to_be_unknown_too() -> None:
    graph = trace(Writing(), (4, 8))
    call = node(graph, "into")
    assert ca.cost(graph).uncounted == {"into": 1}
    assert node(graph, "relu").inputs == call.outputs, "what is read later is what the kernel wrote"
    assert Graph.from_json(graph.to_json()).nodes == graph.nodes


def test_a_rule_for_a_kernel_that_writes_into_its_arguments(register: Callable[..., None]) -> None:
    register(into, lambda x, out: OpCost(macs=7, saved=(x,)))
    graph = trace(Writing(), (4, 8))
    call = node(graph, "into")
    assert ca.cost(graph).macs == 4 * 64 + 7
    assert node(graph, "relu").inputs == call.outputs
    assert graph.values[call.inputs[call.op.saved_inputs[0]]] == TensorSpec((4, 8))
    assert call.op.saved_inputs == (1,)


def test_an_op_whose_results_torch_cannot_tell_is_refused_with_the_way_out() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return mixed(x, x, k=2)

    with pytest.raises(ConvatlasError, match=r"no fake kernel of convatlas_tests.mixed.*test_register.py.*convatlas.register_op"):
        trace(Net(), (4, 8))


class Attending(nn.Module):
    """Ends in a kernel that torch does not see."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        raise AssertionError("a kernel ran")


def attending_rule(module: Attending, x: TensorSpec, scale: float = 1.0) -> OpCost:
    width = module.query.out_features
    return OpCost(macs=2 * x.numel * width, output=TensorSpec(x.shape, x.dtype), saved=(x, module.key.weight))


@pytest.mark.parametrize("way", WAYS)
def test_a_class_of_modules_is_one_call_with_all_of_its_parameters(way: str, register: Callable[..., None]) -> None:
    register(Attending, attending_rule)
    network = nn.Sequential(nn.Linear(8, 8), Attending(8))
    graph = trace(network, (4, 8), training=True, way=way)
    counted = ca.cost(graph)
    call = node(graph, "Attending")
    assert call.module == "1"
    assert counted.params == 3 * 64 + 2 * 8
    assert counted.layers[1].params == 2 * 64 + 8
    assert counted.macs == 4 * 64 + 2 * 4 * 64
    saved = call.op.saved_inputs
    assert [graph.specs(call.inputs)[place].shape for place in saved] == [(4, 8), (8, 8)]
    assert len(graph.nodes) == 2


def test_a_second_registration_is_refused_and_says_where_the_first_one_is(register: Callable[..., None]) -> None:
    register(mixed, mixed_rule)
    with pytest.raises(ConvatlasError, match=r"mixed has a rule already, registered at .*test_register.py:\d+"):
        register(torch.ops.convatlas_tests.mixed.default, mixed_rule)


@pytest.mark.parametrize("known", [torch.matmul, nn.Conv2d, torch.ops.aten.mm, torch.ops.aten.mm.default, torch.Tensor.add])
def test_what_convatlas_knows_is_not_registered(known: Any) -> None:
    with pytest.raises(ConvatlasError, match="has a rule of convatlas's own"):
        ca.register_op(known, mixed_rule)


@pytest.mark.parametrize("unseen", [print, lambda x: x, "relu", torch.autograd.Function, None])
def test_what_torch_does_not_tell_of_is_refused_with_the_way_out(unseen: Any) -> None:
    with pytest.raises(ConvatlasError, match=r"torch does not tell when .* is called; register the op .*torch.library.custom_op"):
        ca.register_op(unseen, mixed_rule)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (lambda x, weight: None, "fails: TypeError"),
        (lambda x, weight, k: 7, "returned 7; it has to return a ca.OpCost"),
        (lambda x, weight, k: OpCost(macs=-1, output=x), "`macs` is a whole number of at least 0; got -1"),
        (lambda x, weight, k: OpCost(macs=1.5, output=x), "`macs` is a whole number of at least 0; got 1.5"),
        (lambda x, weight, k: OpCost(macs=1, output=x, saved=("x",)), "`saved` holds specs of the call, or further ones; got 'x'"),
    ],
)
def test_a_wrong_rule_is_told_with_its_place(rule: Any, said: str, register: Callable[..., None]) -> None:
    register(mixed, rule)
    with pytest.raises(ConvatlasError, match=said):
        trace(Mixing(mixed), (4, 8))


def test_a_rule_can_be_taken_away() -> None:
    remove = ca.register_op(faked, lambda x: OpCost(macs=1, output=x))
    remove()
    ca.register_op(faked, lambda x: OpCost(macs=1, output=x))()
