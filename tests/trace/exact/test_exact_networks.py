"""Networks traced in the exact way, held to a real forward pass on torch's own count of it, and to hand counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.graph import Graph, TensorSpec
from convatlas.inputs import Inputs
from convatlas.trace import DataDependentError, TraceError, trace

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning", "ignore:.*torch.jit.*:DeprecationWarning")


class Net(nn.Module):
    """A forward made of a function of the module and the input, and layers by name."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def exact(model: nn.Module, *shapes: Any, training: bool = False) -> Graph:
    return trace(model, Inputs(*shapes), training=training, way="exact")


def ops(graph: Graph) -> list[str]:
    return [node.op.name for node in graph]


def macs_by_torch(model: nn.Module, *shapes: tuple[int, ...]) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*map(torch.rand, shapes))
    return counter.get_total_flops() // 2


def test_layers_are_the_ops_that_the_quick_way_makes() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)
    ).eval()
    graph = exact(model, (2, 3, 8, 8))
    assert ops(graph) == ["conv2d", "batch_norm", "relu", "max_pool2d", "view", "linear"]
    assert [node.module for node in graph] == ["0", "1", "2", "3", "4", "5"]
    assert graph.nodes[-1].inputs[1:] == tuple(p.value for p in graph.parameters if p.name.startswith("5."))
    assert graph.way == "exact"


def test_what_a_forward_hook_carries_is_part_of_the_network() -> None:
    kept: dict[str, Tensor] = {}
    model = Net(
        lambda m, x: torch.cat([m.second(m.first(x)), kept["first"]], 1), first=nn.Conv2d(3, 4, 3), second=nn.Conv2d(4, 4, 1)
    )
    model.first.register_forward_hook(lambda module, args, output: kept.update(first=output))  # type: ignore[operator,union-attr]
    graph = exact(model, (1, 3, 6, 6))
    assert graph.values[graph.outputs[0]].shape == (1, 8, 4, 4)
    concatenated = graph.nodes[-1]
    assert concatenated.inputs[1] == graph.nodes[0].outputs[0]


def test_a_custom_functions_forward_and_vmap_are_counted() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
            return 2 * F.linear(x, weight)

    weight = nn.Parameter(torch.rand(4, 3))
    model = Net(lambda m, x: torch.func.vmap(lambda row: row @ m.layer.weight)(Doubled.apply(x, weight)), layer=nn.Linear(2, 4))
    assert cost(exact(model, (5, 3))).macs == 5 * 3 * 4 + 5 * 4 * 2 == macs_by_torch(model, (5, 3))


def test_autocast_inside_forward_is_seen_as_casts() -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model.layer(x)  # type: ignore[no-any-return]

    graph = exact(Net(forward, layer=nn.Linear(4, 2)), (3, 4))
    assert ops(graph).count("cast") == 3
    assert graph.values[graph.outputs[0]].dtype == "bfloat16"


def test_values_that_follow_from_shapes_and_constants_are_known() -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        side = torch.tensor(x.shape[-2:]).prod().sqrt().item()
        kept = torch.arange(x.shape[1])[torch.arange(x.shape[1]) % 2 == 0]
        return x[:, kept].repeat(1, int(side), 1, 1) if model.factor.item() > 1 else x

    model = Net(forward)
    model.register_buffer("factor", torch.tensor(2.0))
    graph = exact(model, (1, 6, 4, 4))
    assert graph.values[graph.outputs[0]].shape == (1, 12, 4, 4)
    assert model.factor.item() == 2.0


def test_what_depends_on_data_names_the_callers_line() -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        if x.sum() > 0:  # this line
            x = -x
        return x

    with pytest.raises(DataDependentError, match=r"test_exact_networks\.py:\d+: if x\.sum\(\) > 0:  # this line"):
        exact(Net(forward), (2, 2))


def test_a_write_through_a_view_renames_what_it_is_a_view_of() -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        y = model.layer(x)
        y[:, 1:].mul_(2.0)
        return y + y[:, :1]

    graph = exact(Net(forward, layer=nn.Linear(3, 4)), (2, 3))
    assert ops(graph) == ["linear", "slice", "mul", "insert", "slice", "add"]
    whole, part = graph.nodes[3].inputs
    assert (whole, part) == (graph.nodes[0].outputs[0], graph.nodes[2].outputs[0])
    assert graph.nodes[4].inputs == graph.nodes[3].outputs  # the other view is taken of what was written


def test_a_scripted_network_and_part_have_their_parameters_and_ops() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Linear(4, 8), nn.ReLU()))
    for model in (scripted, Net(lambda m, x: m.part(x), part=scripted)):
        counted = cost(exact(model, (3, 4)))
        assert (counted.params, counted.macs) == (4 * 8 + 8, 3 * 4 * 8)


@pytest.mark.parametrize("way", ["auto", "quick"])
def test_a_scripted_part_is_no_matter_for_the_quick_way(way: str) -> None:
    model = Net(lambda m, x: m.part(x), part=torch.jit.script(nn.Linear(4, 2)))
    if way == "quick":
        with pytest.raises(TraceError, match="--exact"):
            trace(model, (1, 4), way=way)
    else:
        assert (trace(model, (1, 4)).way, trace(model, (1, 4)).why) == ("exact", "a scripted part")


def test_a_graphs_file_tells_the_way() -> None:
    graph = exact(nn.MaxPool2d(2, return_indices=True), (1, 2, 4, 4))
    assert Graph.from_json(graph.to_json()) == graph


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly"):
        trace(nn.ReLU(), (1, 2), way="exactly")


def test_a_network_is_left_as_it_was_after_an_error() -> None:
    def forward(model: Any, x: Tensor) -> Tensor:
        model.seen.append(x)
        model.layer.register_forward_hook(lambda *args: None)
        model.extra = x
        with torch.no_grad():
            model.layer.weight.mul_(0)
        raise ArithmeticError("no")

    model = Net(forward, layer=nn.Linear(2, 2))
    model.seen = []
    weight, value = model.layer.weight, model.layer.weight.clone()
    with pytest.raises(TraceError, match="ArithmeticError: no"):
        exact(model, (1, 2), training=True)
    assert model.layer.weight is weight
    assert torch.equal(weight, value)
    assert not model.seen
    assert not hasattr(model, "extra")
    assert not model.layer._forward_hooks
    assert model.training


def test_a_packed_sequence_of_known_lengths_takes_its_steps() -> None:
    def forward(model: Any, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(model.layer(packed)[0], batch_first=True)[0]

    model = Net(forward, layer=nn.LSTM(4, 8, batch_first=True))
    x, lengths = torch.rand(3, 7, 4), torch.tensor([2, 5, 1])
    graph = exact(model, x, lengths)
    assert graph.values[graph.outputs[0]].shape == tuple(model(x, lengths).shape) == (3, 5, 8)
    assert cost(graph).macs == (2 + 5 + 1) * 4 * 8 * (4 + 8)  # steps that there are, four gates each
    with pytest.raises(DataDependentError, match="lengths of a packed sequence"):
        exact(model, x, TensorSpec((3,), "int64"))


def test_an_array_at_the_end_of_forward_ends_the_graph_there() -> None:
    graph = exact(Net(lambda m, x: {"array": m.layer(x).detach().cpu().numpy()}, layer=nn.Linear(3, 4)), (2, 3))
    assert graph.values[graph.outputs[0]].shape == (2, 4)
    with pytest.raises(DataDependentError, match=r"\.numpy\(\)"):
        exact(Net(lambda m, x: x.numpy() + 1), (2, 3))
    assert exact(Net(lambda m, x: x[: torch.arange(3).numpy().max()]), (5, 3)).values[-1].shape == (2, 3)


def test_oneDNNs_lstm_is_an_lstm() -> None:  # noqa: N802
    graph = exact(nn.LSTM(4, 8, 2, bidirectional=True), (5, 3, 4))
    assert ops(graph).count("lstm") == 4
    assert cost(graph).macs == 5 * 3 * 4 * 8 * 2 * ((4 + 8) + (16 + 8))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*quantiz.*:UserWarning")
def test_a_quantised_layer_has_its_products() -> None:
    model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 4)), {nn.Linear}, dtype=torch.qint8)
    assert cost(exact(model, (2, 8))).macs == 2 * 8 * 4
