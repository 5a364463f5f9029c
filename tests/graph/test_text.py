"""A graph survives JSON without loss, and a damaged file is refused in one line."""

from __future__ import annotations

import copy
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision.models
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from convatlas.analysis.cost import cost
from convatlas.graph import Graph
from convatlas.trace import trace
from convatlas.zoo import REGISTRY, create

Build = Callable[..., nn.Module]


# one of each kind of construction, and of each family of the zoo
TORCHVISION = {
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "swin_v2_t",
    "vgg11_bn", "vit_b_32",
}  # fmt: skip
ZOO = {entry.family: name for name, entry in reversed(REGISTRY.items())}.values()


@pytest.mark.sample(TORCHVISION)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
def test_torchvision_networks_survive(torchvision_on_meta: Build, name: str, training: bool) -> None:
    size = 299 if name == "inception_v3" else 224
    graph = trace(torchvision_on_meta(name), (2, 3, size, size), training=training)
    graph.step = None  # what was recorded of a step is not in the file
    assert Graph.from_json(graph.to_json()) == graph


@pytest.mark.sample(ZOO)
@pytest.mark.parametrize("name", REGISTRY)
def test_zoo_networks_survive(name: str) -> None:
    with torch.device("meta"):
        network = create(name)
    graph = trace(network, (2, *REGISTRY[name].input_size), training=True)
    assert Graph.from_json(graph.to_json()) == graph


def small_graph() -> Graph:
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)]
    return trace(nn.Sequential(*layers), (1, 3, 8, 8), training=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", "[" * 100_000, '{"format": 0}', '{"format": 1}', "no graph", "\x00"])
def test_what_is_no_graph_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="graph file"):
        Graph.from_json(text)


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    text = small_graph().to_json()
    for end in range(0, len(text), 7):
        with pytest.raises(ValueError, match="graph file"):
            Graph.from_json(text[:end])


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every entry of nested lists and objects."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [inner for key, value in items for inner in [(*path, key), *places(value, (*path, key))]]


WHOLE = json.loads(small_graph().to_json())
OPTIONAL = {"no_grad", "region"}


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.sampled_from(places(WHOLE)),
    st.one_of(st.none(), st.booleans(), st.integers(-3, 99), st.floats(), st.text(max_size=3), st.just([]), st.just({}),
              st.just([-1]), st.just("remove")),
)  # fmt: skip
def test_a_damaged_entry_is_refused_or_harmless(path: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(WHOLE)
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    if value == "remove":
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    text = json.dumps(data)
    try:
        graph = Graph.from_json(text)
    except ValueError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 300
        return
    # what is accepted is a graph in full: it can be written, read and counted
    assert Graph.from_json(graph.to_json()) == graph
    cost(graph)


def test_a_graph_whose_shapes_do_not_follow_from_each_other_is_refused() -> None:
    data = copy.deepcopy(WHOLE)
    output = data["nodes"][0]["outputs"][0]
    data["values"][output][0] = [1, 4, 6, 7]
    with pytest.raises(ValueError, match="damaged graph file"):
        Graph.from_json(json.dumps(data))


def test_a_graph_of_resnet152_takes_less_than_5_mb(torchvision_on_meta: Build) -> None:
    network = torchvision_on_meta("resnet152")
    trace(network, (1, 3, 224, 224))  # whatever is made once for all traces
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    graph = trace(network, (1, 3, 224, 224))
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(graph) > 500
    assert taken < 5e6
