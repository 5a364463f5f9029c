"""The block structure that is found in graphs is the one of the papers' tables, and no op gets lost in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import nn

from convatlas.api import trace
from convatlas.graph import Graph
from convatlas.report.diagram.items import Block, Item, Repeat, Stage, Unit
from convatlas.report.diagram.structure import structure

GraphOf = Callable[[str], Graph]


def _flat(items: Sequence[Item], times: int = 1) -> Iterator[tuple[Unit | Block, int]]:
    """Each op and block with how often it occurs."""
    for item in items:
        if isinstance(item, Repeat):
            yield from _flat(item.items, times * item.times)
        else:
            yield item, times


def _blocks(stages: Sequence[Stage], kind: str) -> list[int]:
    """How many blocks of a class each stage has, stages without any left out."""
    counts = [sum(n for item, n in _flat(stage.items) if isinstance(item, Block) and item.kind == kind) for stage in stages]
    return [count for count in counts if count]


@pytest.mark.parametrize(
    ("name", "kind", "published"),
    [
        ("resnet18", "BasicBlock", [2, 2, 2, 2]),  # He et al. 2015, Table 1
        ("resnet50", "Bottleneck", [3, 4, 6, 3]),
        ("resnet152", "Bottleneck", [3, 8, 36, 3]),
        ("googlenet", "Inception", [2, 5, 2]),  # Szegedy et al. 2014, Table 1
        ("mobilenet_v2", "Bottleneck", [1, 2, 3, 7, 4]),  # Sandler et al. 2018, Table 2, by the size of the output
        ("efficientnet_b0", "InvertedResidual", [1, 2, 2, 6, 5]),  # Tan, Le 2019, Table 1, by the size of the output
        ("convnext_tiny", "Block", [3, 3, 9, 3]),  # Liu et al. 2022, Section 2.2
        ("squeezenet1_0", "Fire", [3, 4, 1]),  # Iandola et al. 2016, Table 1
    ],
)
def test_blocks_by_stage_are_the_published_ones(name: str, kind: str, published: list[int], graph_of: GraphOf) -> None:
    assert _blocks(structure(graph_of(name)), kind) == published


def test_layers_of_dense_blocks_are_the_published_ones(graph_of: GraphOf) -> None:
    stages = structure(graph_of("densenet121"))
    blocks = [item for stage in stages for item, _ in _flat(stage.items) if isinstance(item, Block) and item.kind == "DenseBlock"]
    layers = [sum(times for part, times in _flat(block.parts) if isinstance(part, Block)) for block in blocks]
    assert layers == [6, 12, 24, 16]  # Huang et al. 2016, Table 1


def test_convolutions_in_a_row_are_put_together(graph_of: GraphOf) -> None:
    stages = structure(graph_of("vgg16"))
    convolutions = [
        [(item.text, n) for item, n in _flat(stage.items) if isinstance(item, Unit) and "conv" in item.text] for stage in stages
    ]
    assert convolutions[:5] == [  # Simonyan, Zisserman 2014, Table 1, column D
        [("3×3 conv, 64", 2)],
        [("3×3 conv, 128", 2)],
        [("3×3 conv, 256", 3)],
        [("3×3 conv, 512", 3)],
        [("3×3 conv, 512", 3)],
    ]


def test_a_series_of_several_ops_starts_where_a_module_does(graph_of: GraphOf) -> None:
    series = [item for stage in structure(graph_of("mobilenet_v1")) for item in stage.items if isinstance(item, Repeat)]
    texts = [(item.times, [inner.text for inner in item.items if isinstance(inner, Unit)]) for item in series]
    assert texts == [(5, ["3×3 depthwise, 512", "1×1 conv, 512"])]  # Howard et al. 2017, Table 1


@pytest.mark.parametrize(
    ("name", "trait"),
    [
        ("resnet50", "residual"),
        ("googlenet", "concat"),
        ("seresnet50", "gate"),
        ("efficientnet_b0", "gate"),
        ("shufflenet_v2_x1_0", "concat"),
    ],
)
def test_what_makes_a_block_is_told(name: str, trait: str, graph_of: GraphOf) -> None:
    blocks = [item for stage in structure(graph_of(name)) for item, _ in _flat(stage.items) if isinstance(item, Block)]
    assert blocks
    assert all(trait in block.traits for block in blocks)


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "googlenet",
        "densenet121",
        "mobilenet_v3_small",
        "nasnetamobile",
        "inception_v3",
        "shufflenet_v2_x1_0",
        "convnext_tiny",
    ],
)
def test_every_op_is_in_one_item(name: str, graph_of: GraphOf) -> None:
    graph = graph_of(name)
    nodes = Counter(node for stage in structure(graph) for item in stage.items for node in item.nodes)
    assert nodes == Counter(range(len(graph.nodes)))


def test_the_books_that_training_keeps_do_not_show() -> None:
    def texts(training: bool) -> list[object]:
        stages = structure(trace("resnet18", training=training))
        return [
            [(unit.text, unit.tail) for unit in item.units] if isinstance(item, Block) else item.text
            for s in stages
            for item, _ in _flat(s.items)
        ]

    assert texts(training=True) == texts(training=False)  # batch norms count their batches


class _ResidualInForward(nn.Module):
    """Shortcuts that the network's own forward adds, as people write at first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return x


class _UNet(nn.Module):
    """A skip from the first to the last stage."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = (nn.Sequential(nn.Conv2d(n, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)) for n in (3, 8))
        self.up = nn.Sequential(nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = self.down(x)
        deep = nn.functional.interpolate(self.deep(nn.functional.max_pool2d(skip, 2)), scale_factor=2.0)
        return self.up(torch.cat([skip, deep], 1))


def _own(module: nn.Module) -> Graph:
    return trace(module, (1, 3, 32, 32))


def test_shortcuts_in_the_networks_own_forward_are_blocks() -> None:
    (stage,) = structure(_own(_ResidualInForward()))
    first, series = stage.items
    assert isinstance(first, Unit)
    assert isinstance(series, Repeat)
    assert series.times == 3
    assert [block.traits for block in series.items if isinstance(block, Block)] == [["residual"]]


def test_a_network_with_a_long_skip_keeps_every_op() -> None:
    graph = _own(_UNet())
    stages = structure(graph)
    assert sorted(node for stage in stages for item in stage.items for node in item.nodes) == list(range(len(graph.nodes)))
    assert [stage.name for stage in stages][:1] == ["32x32"]


def test_a_graph_without_ops_has_no_stages() -> None:
    assert structure(Graph()) == []
