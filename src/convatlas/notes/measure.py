"""What the claims are computed from: graphs of zoo networks and of small modules, traced once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from .. import api
from ..analysis.cost import Cost, LayerCost
from ..analysis.cost import cost as count_graph
from ..analysis.memory import TrainingMemory
from ..analysis.receptive_field import ReceptiveFields
from ..analysis.receptive_field import receptive_field as fields_of_graph
from ..errors import ConvatlasError
from ..graph import Graph, Node
from ..graph.ops import Window

if TYPE_CHECKING:
    from torch import nn

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
WEIGHTED = (*CONVOLUTIONS, "linear")


@cache
def graph(name: str, size: int | None = None) -> Graph:
    """A zoo network's graph for one image, of ``size`` x ``size`` pixels or the network's own size."""
    return api.trace(name, None if size is None else (1, 3, size, size))


@cache
def cost(name: str, size: int | None = None) -> Cost:
    """The cost of a zoo network for one image."""
    return count_graph(graph(name, size))


@cache
def fields(name: str, size: int | None = None) -> ReceptiveFields:
    """The receptive fields of a zoo network."""
    return fields_of_graph(graph(name, size))


@cache
def memory(name: str, batch: int, *, optimizer: str = "sgd", device: str = "cuda", **options: Any) -> TrainingMemory:
    """The simulated memory of a training step in single precision at the network's own image size."""
    return api.training_memory(
        _network(name, **options), (batch, *_input_size(name)), optimizer=optimizer, momentum=0.9, device=device
    )


def module_cost(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> Cost:
    """The cost of a module that was made for one claim."""
    return api.cost(on_meta(build), shape)


def module_fields(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> ReceptiveFields:
    """The receptive fields of such a module."""
    return fields_of_graph(api.trace(on_meta(build), shape))


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a module without memory for its weights."""
    import torch

    with torch.device("meta"):
        return build()


@cache
def cost_with(name: str, **options: Any) -> Cost:
    """The cost of a zoo network built with options."""
    return api.cost(_network(name, **options), (1, *_input_size(name)))


def _network(name: str, **options: Any) -> nn.Module:
    network: nn.Module = on_meta(lambda: api.create(name, **options))
    return network


def _input_size(name: str) -> tuple[int, int, int]:
    from ..zoo import entry

    return entry(name).input_size


def macs(name: str) -> int:
    """Multiply-accumulates of a zoo network for one image."""
    return cost(name).macs


def params(name: str) -> int:
    """Parameters of a zoo network."""
    return cost(name).params


def layer(name: str, path: str, size: int | None = None) -> LayerCost:
    """What the module at ``path`` calls first."""
    return next(found for found in cost(name, size).layers if found.name == path)


def node(name: str, path: str, size: int | None = None) -> Node:
    """The first call of the module at ``path``."""
    return next(found for found in graph(name, size).nodes if found.module == path)


def weight_params(name: str, path: str) -> int:
    """Parameters of a layer without its bias."""
    found = graph(name)
    return sum(prod(found.values[p.value].shape) for p in found.parameters if p.name == f"{path}.weight")


def operations(layer: LayerCost) -> int:
    """What the lecture counts of a layer: MACs, or C x H' x W' x K x K for a pooling."""
    return layer.elementwise if "pool" in layer.op else layer.macs


def total(layers: Iterable[LayerCost], quantity: Callable[[LayerCost], int]) -> int:
    """A sum over layers."""
    return sum(quantity(layer) for layer in layers)


def convolutions(name: str, size: int | None = None) -> list[LayerCost]:
    """The convolutions of a network, in order."""
    return [layer for layer in cost(name, size).layers if layer.op in CONVOLUTIONS]


def of_ops(found: Cost, *ops: str) -> list[LayerCost]:
    """The layers that call one of these ops."""
    return [layer for layer in found.layers if layer.op in ops]


def memory_of(layers: Iterable[LayerCost]) -> int:
    """Bytes of the layers' outputs."""
    return total(layers, lambda layer: layer.activation_bytes)


def macs_of(layers: Iterable[LayerCost]) -> int:
    """MACs of layers."""
    return total(layers, lambda layer: layer.macs)


def params_of(layers: Iterable[LayerCost]) -> int:
    """Parameters of layers."""
    return total(layers, lambda layer: layer.params)


def until_map(name: str, side: int) -> list[LayerCost]:
    """Convolutions and poolings from the image to the first map of that side, it included."""
    layers = []
    for layer in cost(name).layers:
        if layer.op in (*CONVOLUTIONS, "max_pool2d"):
            layers.append(layer)
            if layer.output_shape[-1] == side:
                return layers
    raise ConvatlasError(f"{name} has no map of {side}x{side}")


def geometry(name: str, path: str, size: int | None = None) -> str:
    """A layer in the lecture's words: "3x227 -> 64x56, k11 s4 p2"."""
    found, layer_node = graph(name, size), node(name, path, size)
    inputs, outputs = found.specs(layer_node.inputs), found.specs(layer_node.outputs)
    into, out = inputs[0].shape, outputs[0].shape
    window = layer_node.op.window(inputs, outputs)
    if len(out) != 4 or not isinstance(window, Window):
        return f"{'x'.join(map(str, into[1:3]))} -> {'x'.join(map(str, out[1:3]))}"
    shape = f"{into[1]}x{into[2]} -> {out[1]}x{out[2]}"
    return f"{shape}, k{window.kernel[0]} s{window.stride[0]:g} p{window.padding[0]}"


def depth(name: str) -> int:
    """Weighted layers on the longest path from the image to the logits."""
    found = graph(name)
    depths: dict[int, int] = {}
    for call in found.nodes:
        before = max((depths.get(value, 0) for value in call.inputs), default=0)
        depths.update(dict.fromkeys(call.outputs, before + (call.op.name in WEIGHTED)))
    return max(depths[value] for value in found.outputs)


def window(name: str, path: str, size: int | None = None) -> Window:
    """Kernel, stride and padding of a convolution or pooling."""
    found, call = graph(name, size), node(name, path, size)
    result = call.op.window(found.specs(call.inputs), found.specs(call.outputs))
    assert isinstance(result, Window)
    return result


def trend(name: str, paths: str, axis: int, words: str, sign: int) -> str:
    """``words`` if an axis of the outputs of some modules always grows (``sign`` 1) or never (-1), else its values."""
    groups = {group.name: group.output_shape for group in cost(name).by_module()}
    values = [groups[path][axis] for path in paths.split()]
    steps = [after - before for before, after in pairwise(values)]
    holds = all(step > 0 for step in steps) if sign > 0 else all(step <= 0 for step in steps)
    return words if holds else ", ".join(map(str, values))
