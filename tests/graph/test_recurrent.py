"""Recurrent layers and cells: MACs beside torch's own count, shapes, and what autograd keeps, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.graph import Graph, Node
from convatlas.trace import trace

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "lstm": (nn.LSTM(20, 16), (5, 3, 20)),
    "lstm, two directions, samples first": (nn.LSTM(3, 32, 2, bidirectional=True, batch_first=True), (3, 5, 3)),
    "lstm with dropout between three layers": (nn.LSTM(8, 16, 3, dropout=0.2), (4, 2, 8)),
    "lstm without biases": (nn.LSTM(8, 48, bias=False), (4, 2, 8)),
    "lstm, projected": (nn.LSTM(8, 16, 2, proj_size=4, bidirectional=True), (5, 3, 8)),
    "lstm without a batch axis": (nn.LSTM(20, 16, 2), (5, 20)),
    "gru": (nn.GRU(20, 16), (5, 3, 20)),
    "gru, two directions, samples first": (nn.GRU(3, 10, 2, bidirectional=True, batch_first=True), (3, 5, 3)),
    "gru with dropout": (nn.GRU(8, 6, 2, dropout=0.2, bias=False), (4, 2, 8)),
    "gru of one step": (nn.GRU(8, 6, 2), (1, 2, 8)),
    "rnn": (nn.RNN(7, 6, 2, bidirectional=True), (5, 3, 7)),
    "rnn with relu": (nn.RNN(7, 6, nonlinearity="relu", batch_first=True), (3, 5, 7)),
    "lstm cell": (nn.LSTMCell(7, 6), (3, 7)),
    "gru cell": (nn.GRUCell(7, 6, bias=False), (3, 7)),
    "gru cell without a batch axis": (nn.GRUCell(7, 6), (7,)),
    "rnn cell": (nn.RNNCell(7, 6), (3, 7)),
}
projections = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")


def leaves(tree: Any) -> list[Tensor]:
    return [tree] if isinstance(tree, Tensor) else [leaf for item in tree for leaf in leaves(item)]


def recurrent(graph: Graph) -> Node:
    (node,) = (node for node in graph if node.op.kind == "recurrent")
    return node


def in_one_kernel(layer: nn.Module) -> bool:
    """Whether oneDNN runs a layer, whose products torch's counter does not see."""
    return isinstance(layer, nn.LSTM) and not layer.proj_size


@projections
@pytest.mark.parametrize("name", LAYERS)
def test_macs_are_those_that_torch_counts(name: str) -> None:
    layer, shape = LAYERS[name]
    graph = trace(layer, shape, training=True)
    with FlopCounterMode(display=False) as forward:
        made = leaves(layer(torch.rand(shape)))
    with FlopCounterMode(display=False) as backward:
        made[0].sum().backward()
    assert [graph.values[value].shape for value in graph.outputs] == [tuple(leaf.shape) for leaf in made]
    if not in_one_kernel(layer):
        counted = cost(graph)
        assert (counted.macs, counted.backward_macs) == (forward.get_total_flops() // 2, backward.get_total_flops() // 2)


def test_an_lstm_has_four_products_for_each_step_and_sample() -> None:
    counted = cost(trace(nn.LSTM(20, 16, 2), (5, 3, 20)))
    assert counted.macs == 15 * 4 * 16 * ((20 + 16) + (16 + 16))
    # the weights of both layers; the second one's input; the states of all steps but the first
    assert counted.backward_macs == counted.macs + 15 * 4 * 16 * 16 + 2 * 12 * 4 * 16 * 16


def test_a_step_adds_products_and_biases_and_goes_through_its_gates() -> None:
    # of each of 6 units: 3 sums of two products and two biases each, 2 sigmoids, r's product, tanh, 3 for the mean
    assert cost(trace(nn.GRUCell(7, 6), (3, 7))).elementwise == 3 * 6 * (3 * 3 + 7)
    assert cost(trace(nn.LSTMCell(7, 6, bias=False), (3, 7))).elementwise == 3 * 6 * (4 + 9)
    assert cost(trace(nn.RNN(7, 6), (4, 3, 7))).elementwise == 12 * 6 * (3 + 1)


@projections
@pytest.mark.parametrize("name", LAYERS)
def test_autograd_keeps_as_many_bytes(name: str, saved_storages: Callable[..., Any]) -> None:
    layer, shape = LAYERS[name]
    x = torch.rand(shape)
    own = {tensor.untyped_storage().data_ptr() for tensor in (x, *layer.parameters())}
    made, sizes = saved_storages(layer, x)
    assert made is not None
    assert kept_bytes(trace(layer, shape, training=True)) == sum(size for storage, size in sizes.items() if storage not in own)


def kept_bytes(graph: Graph) -> int:
    """Bytes that the recurrent node keeps beside parameters and the network's input."""
    root = {value: value for value in range(len(graph.values))}
    for node in graph:
        if node.op.is_view:
            root[node.outputs[0]] = root[node.inputs[0]]
    node = recurrent(graph)
    inputs, outputs = graph.specs(node.inputs), graph.specs(node.outputs)
    parameters = {parameter.value for parameter in graph.parameters}
    kept = node.op.kept(inputs, outputs, [value in parameters for value in node.inputs])
    values = {root[node.inputs[place]] for place in kept.inputs} | {node.outputs[place] for place in kept.outputs}
    return sum(graph.values[value].nbytes for value in values - parameters - set(graph.inputs)) + sum(s.nbytes for s in kept.extra)


def test_a_frozen_layer_below_takes_no_gradient() -> None:
    layer = nn.GRU(8, 6, 2)
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(not name.endswith("l0"))
    with FlopCounterMode(display=False) as counter:
        made = layer(torch.rand(4, 2, 8))[0]
        forward = counter.get_total_flops()
        made.sum().backward()
    assert cost(trace(layer, (4, 2, 8))).backward_macs == (counter.get_total_flops() - forward) // 2
