"""Kinds of ops that the dispatcher shows and networks seldom use: what they make, count and keep is what torch makes and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.flop_counter import FlopCounterMode

from convatlas import Graph, Inputs, TensorSpec, cost
from convatlas.trace import trace
from convatlas.trace.results import result_tensors


class Of(nn.Module):
    """A function of an input and of a square weight."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.weight, self.function = nn.Parameter(torch.rand(4, 4)), function

    def forward(self, x: Tensor) -> Any:
        return self.function(x, self.weight)


def turned(x: Tensor, weight: Tensor) -> Tensor:
    y = (x @ weight).transpose_(0, 1).unsqueeze_(0)
    y[:, 1].add_(1)
    return y.squeeze_().t_() @ weight


def as_complex(x: Tensor, weight: Tensor) -> Tensor:
    z = torch.view_as_complex((x @ weight).view(3, 2, 2).contiguous()) * 1j
    return torch.view_as_real(z).flatten(1) @ weight


def in_fractions(x: Tensor, weight: Tensor) -> Tensor:
    places = torch.arange(4, device=x.device)
    return x @ weight * (places * 0.5 + torch.exp(places) / 2)


def as_bits(x: Tensor, weight: Tensor) -> Tensor:
    return (x @ weight).detach().view(torch.int32) & 1


FUNCTIONS = [turned, as_complex, in_fractions, as_bits]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_specs_and_macs_are_torchs_and_each_op_tells_its_outputs(function: Callable[..., Any]) -> None:
    x = torch.rand(3, 4)
    with FlopCounterMode(display=False) as counter:
        made = result_tensors(Of(function)(x))
    graph = trace(Of(function), x, way="exact")
    assert [tuple(spec) for spec in graph.specs(graph.outputs)] == [(tuple(y.shape), str(y.dtype)[6:]) for y in made]
    counted = cost(graph)
    assert 2 * counted.macs == counter.get_total_flops()
    assert not counted.uncounted
    assert Graph.from_json(graph.to_json()).nodes == graph.nodes, "reading holds each op to the specs of what it made"


def test_a_gradient_flows_through_a_view_taken_in_place() -> None:
    x, network = torch.rand(3, 4), Of(turned)
    with FlopCounterMode(display=False) as counter:
        network(x).sum().backward()
    counted = cost(trace(network, x, training=True, way="exact"))
    assert 2 * (counted.macs + counted.backward_macs) == counter.get_total_flops()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_bag_of_rows_has_no_macs_and_an_addition_for_each_element_of_each_row(mode: str) -> None:
    network = nn.EmbeddingBag(50, 8, mode=mode)
    counted = cost(trace(network, Inputs(torch.zeros(12, dtype=torch.long), torch.tensor([0, 4, 9])), training=True, way="exact"))
    (layer,) = (layer for layer in counted.layers if layer.op == "embedding_bag")
    assert (counted.macs, layer.elementwise, layer.output_shape) == (0, 12 * 8, (3, 8))
    assert not counted.uncounted


def test_a_weight_made_by_a_hook_is_made_of_its_parameters() -> None:
    with pytest.warns(FutureWarning, match="weight_norm"):
        network = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 8, 3)))
    counted = cost(network, (1, 3, 8, 8))
    assert counted.params == sum(parameter.numel() for parameter in network.parameters())
    assert counted.macs == 36 * 8 * 27
    assert not counted.uncounted


def test_spectral_norm_takes_its_products_too() -> None:
    network = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 4))
    counted = cost(network, (2, 6))
    assert counted.macs == 2 * 6 * 4 + 4 * 6 + 4, "the layer; the largest singular value as u (W v)"
    assert not counted.uncounted


def test_products_with_sparse_tensors_are_not_counted_as_if_they_were_dense() -> None:
    class Neighbours(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("edges", torch.eye(4).to_sparse())
            self.linear = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(torch.sparse.mm(self.edges, x))

    for training in (False, True):
        counted = cost(trace(Neighbours(), (4, 6), training=training, way="exact"))
        assert counted.macs == 4 * 6 * 3
        assert list(counted.uncounted) == ["_sparse_addmm"]


def test_a_packed_sequence_that_is_given_has_its_own_steps() -> None:
    packed = pack_sequence([torch.rand(4, 6), torch.rand(2, 6)])
    graph = trace(nn.GRU(6, 5), Inputs(packed), way="exact")
    assert [tuple(spec.shape) for spec in graph.specs(graph.outputs)] == [
        tuple(tensor.shape) for tensor in result_tensors(nn.GRU(6, 5)(packed))
    ]
    assert cost(graph).macs == (4 + 2) * 3 * 5 * (6 + 5)
    assert graph.specs(graph.inputs) == [TensorSpec((6, 6)), TensorSpec((4,), "int64")]


def test_how_pairs_lie_in_memory() -> None:
    from convatlas.graph.ops import Reinterpret

    pairs, single = Reinterpret("view_as_real", (3, 4, 2)), Reinterpret("view_as_complex", (3, 4), "complex64")
    real, waves = torch.rand(4, 3, 2).transpose(0, 1), torch.view_as_complex(torch.rand(4, 3, 2)).t()
    assert pairs.seen_strides((3, 4), waves.stride(), (3, 4, 2)) == torch.view_as_real(waves).stride()
    assert single.seen_strides((3, 4, 2), real.stride(), (3, 4)) == torch.view_as_complex(real).stride()


def test_what_is_written_into_one_tensor_does_not_make_a_later_one_unknown() -> None:
    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(20):  # memory that was let go is used again
                mask = torch.zeros(3).bernoulli_(0.5)
                x = x * mask
                del mask
                if (torch.as_tensor([0.5, 0.2, 0.1]) == 0).any():
                    raise ValueError("a zero")
            return x

    assert cost(trace(Dropping(), (2, 3), way="exact")).macs == 0
