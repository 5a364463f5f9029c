"""Records of cost: the notes' AlexNet table, sums that agree, stages, and the memory that outputs take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import convatlas as ca
from convatlas.analysis.cost import Cost, GroupCost, LayerCost, cost
from convatlas.trace import trace

# The lecture "CNN Architectures" (University of Michigan, EECS 498/598, lecture 8), slide "AlexNet", input 3x227x227, exact
# values. Columns: channels, side, activation KB of 1024 B, parameters, multiply-accumulates (a pool: its comparisons).
# Convolutions' parameters include the bias, linear layers' do not, as on the slide. The slide prints 145 million for conv4;
# 384 x 256 x 9 x 13 x 13 is 149,520,384.
ALEXNET = {
    "features.0": (64, 56, 784.0, 23_296, 72_855_552),
    "features.2": (64, 27, 182.25, 0, 419_904),
    "features.3": (192, 27, 546.75, 307_392, 223_948_800),
    "features.5": (192, 13, 126.75, 0, 292_032),
    "features.6": (384, 13, 253.5, 663_936, 112_140_288),
    "features.8": (256, 13, 169.0, 884_992, 149_520_384),
    "features.10": (256, 13, 169.0, 590_080, 99_680_256),
    "features.12": (256, 6, 36.0, 0, 82_944),
    "classifier.1": (4096, 1, 16.0, 37_748_736, 37_748_736),
    "classifier.4": (4096, 1, 16.0, 16_777_216, 16_777_216),
    "classifier.6": (1000, 1, 3.90625, 4_096_000, 4_096_000),
}


@pytest.fixture(scope="module")
def alexnet(torchvision_on_meta: Callable[..., nn.Module]) -> Cost:
    return cost(trace(torchvision_on_meta("alexnet"), (1, 3, 227, 227)))


@pytest.mark.parametrize("name", ALEXNET)
def test_alexnet_table_of_the_notes(alexnet: Cost, name: str) -> None:
    channels, side, kilobytes, params, operations = ALEXNET[name]
    (layer,) = (layer for layer in alexnet.layers if layer.name == name)
    assert layer.output_shape == ((1, channels, side, side) if layer.op != "linear" else (1, channels))
    assert layer.activation_bytes / 1024 == kilobytes
    assert layer.params - (channels if layer.op == "linear" else 0) == params
    assert (layer.elementwise if "pool" in layer.op else layer.macs) == operations


def test_alexnet_totals_of_the_notes(alexnet: Cost) -> None:
    convolutions = sum(layer.activation_bytes for layer in alexnet.layers if layer.op == "conv2d")
    assert round(convolutions / 2**20, 3) == 1.877  # MB, pools and linear layers left out
    assert alexnet.params == 61_100_840
    assert round(alexnet.macs / 1e9, 4) == 0.7168


SUMMED = ("params", "macs", "elementwise", "activation_bytes", "bytes_read", "bytes_written", "flops", "bytes_moved")
NETWORKS = ["resnet18", "googlenet", "densenet121", "shufflenet_v2_x1_0", "efficientnet_b0", "convnext_tiny", "vit_b_16"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_columns_add_up_to_the_totals(torchvision_on_meta: Callable[..., nn.Module], name: str, training: bool) -> None:
    counted = cost(trace(torchvision_on_meta(name), (2, 3, 224, 224), training=training))
    groupings: list[list[LayerCost] | list[GroupCost]] = [
        counted.layers, counted.by_op(), counted.by_stage(), counted.by_module(), counted.by_module(1), counted.by_module(2),
    ]  # fmt: skip
    for records in groupings:
        for column in SUMMED:
            assert sum(getattr(record, column) for record in records) == getattr(counted, column)
    calls = len(counted.graph)
    for groups in (counted.by_op(), counted.by_stage(), counted.by_module(), counted.by_module(1)):
        assert sum(group.calls for group in groups) == calls


def test_flops_are_two_for_a_mac_and_one_for_an_elementwise_operation() -> None:
    layer = cost(trace(nn.Conv2d(3, 4, 3), (1, 3, 8, 8))).layers[0]
    assert (layer.macs, layer.elementwise, layer.flops) == (144 * 27, 144, 2 * 144 * 27 + 144)


def test_intensity_is_flops_for_each_byte_moved() -> None:
    counted = cost(trace(nn.Sequential(nn.Linear(4, 8, bias=False), nn.Flatten(0)), (2, 4)))
    # 2 x 64 operations; input 8, weight 32, output 16 elements of four bytes
    assert counted.layers[0].intensity == 128 / (4 * 56)
    assert counted.layers[1].intensity == 0.0
    assert counted.intensity == 128 / (4 * 56)


def test_views_and_in_place_ops_take_no_memory() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5))
    counted = cost(trace(model, (1, 3, 8, 8)))
    assert [(layer.op, layer.activation_bytes) for layer in counted] == [
        ("conv2d", 576),
        ("relu", 0),
        ("relu", 576),
        ("flatten", 0),
    ]


def test_totals_grow_with_the_batch_and_parameters_do_not(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    model = torchvision_on_meta("resnet18")
    one, eight = (cost(trace(model, (batch, 3, 224, 224))) for batch in (1, 8))
    assert eight.params == one.params
    for column in ("macs", "elementwise", "activation_bytes", "bytes_written"):
        assert getattr(eight, column) == 8 * getattr(one, column)


def test_half_precision_takes_half_the_bytes() -> None:
    full, half = (cost(trace(nn.Conv2d(3, 4, 3).to(dtype), (1, 3, 8, 8))) for dtype in (torch.float32, torch.float16))
    assert full.bytes_moved == 2 * half.bytes_moved
    assert full.parameter_bytes == 2 * half.parameter_bytes
    assert full.macs == half.macs


def test_stages_are_resolutions_in_order(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    counted = cost(trace(torchvision_on_meta("resnet50"), (1, 3, 224, 224)))
    assert [stage.name for stage in counted.by_stage()] == ["112x112", "56x56", "28x28", "14x14", "7x7", "head"]
    head = counted.by_stage()[-1]
    assert (head.params, head.macs) == (2048 * 1000 + 1000, 2048 * 1000)


def test_inner_maps_of_a_gate_belong_to_the_stage_around_them(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    counted = cost(trace(torchvision_on_meta("efficientnet_b0"), (1, 3, 224, 224)))
    gates = [layer for layer in counted if layer.name.endswith("block.1.fc1")]
    assert {layer.stage for layer in gates[:1]} == {"112x112"}
    assert "1x1" not in {layer.stage for layer in counted}


def test_modules_by_depth_are_the_networks_own_children(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    model = torchvision_on_meta("resnet18")
    groups = {group.name: group for group in cost(trace(model, (1, 3, 224, 224))).by_module(1)}
    for name, child in model.named_children():
        if name in groups:
            assert groups[name].params == sum(p.numel() for p in child.parameters())


def test_ops_come_with_the_most_macs_first(alexnet: Cost) -> None:
    groups = alexnet.by_op()
    assert [group.name for group in groups][:2] == ["conv2d", "linear"]
    assert [group.macs for group in groups] == sorted((group.macs for group in groups), reverse=True)


def test_a_detached_branch_gets_no_gradient() -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 4, bias=False), nn.Linear(4, 5, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x).detach())

    # only the second layer's weight: 2 x 4 x 5
    assert cost(trace(Detached(), (2, 3))).backward_macs == 40


@pytest.mark.parametrize("model", ["resnet18", "module", "graph"])
def test_a_name_a_module_and_a_graph_cost_the_same(torchvision_on_meta: Callable[..., nn.Module], model: str) -> None:
    module = torchvision_on_meta("resnet18")
    given: Any = {"resnet18": "resnet18", "module": module, "graph": trace(module, (1, 3, 224, 224))}[model]
    counted = ca.cost(given) if model != "module" else ca.cost(given, (1, 3, 224, 224))
    assert (counted.params, counted.macs) == (11_689_512, 1_814_073_344)


def test_a_graph_at_another_size_is_refused() -> None:
    graph = trace(nn.ReLU(), (1, 3))
    with pytest.raises(ValueError, match=r"traced at \(1, 3\)"):
        ca.cost(graph, (2, 3))


def test_the_representation_says_what_is_missing() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(torch.linalg.inv(x))

    assert repr(cost(trace(Odd(), (3, 3)))) == "<Cost of Odd at 3x3: 0 params, 0 MACs, 1 ops uncounted>"


CONV = nn.Conv2d(4, 4, 3, padding=1)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize(
    "layers",
    [
        (CONV, nn.ReLU()),  # the convolution runs again for the ReLU's output
        (CONV,),  # its gradient needs its input alone, which is there
        (CONV, nn.Conv2d(4, 4, 3)),
        (CONV, nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.AvgPool2d(2)),
    ],
)
def test_what_a_checkpoint_computes_again_is_part_of_the_backward_pass(layers: tuple[nn.Module, ...], reentrant: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.body = nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(*layers)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = checkpoint(self.body, self.first(x), use_reentrant=reentrant)
            return result.sigmoid()

    network = Net()
    loss = network(torch.rand(2, 3, 8, 8)).sum()
    with FlopCounterMode(display=False) as counter:
        loss.backward()
    assert 2 * cost(trace(network, (2, 3, 8, 8), training=True)).backward_macs == counter.get_total_flops()


def test_modules_in_a_plain_list_have_gradients_too() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.head = [nn.Linear(6, 6), nn.Linear(6, 6)], nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.hidden:
                x = layer(x)
            return self.head(x)

    network = Net()
    loss = network(torch.rand(5, 6)).sum()
    with FlopCounterMode(display=False) as counter:
        loss.backward()
    assert 2 * cost(trace(network, (5, 6), training=True)).backward_macs == counter.get_total_flops()
