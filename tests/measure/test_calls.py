"""An op that is called alone computes what the network computes there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from convatlas.devices.conditions import Conditions
from convatlas.graph.spec import TensorSpec
from convatlas.measure.calls import function_of, tensors
from convatlas.measure.common import Common
from convatlas.measure.pieces import op_pieces
from convatlas.trace import trace


class Net(nn.Module):
    """Of each op that is called alone, one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(3, 2, 1, ceil_mode=True))
        self.grouped = nn.Sequential(nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4), nn.Hardswish(), nn.AvgPool2d(2))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Hardsigmoid())
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(self.stem(x))
        x = torch.cat([x * self.gate(x), nn.functional.pad(x, (0, 1, 1, 0))[:, :, 1:, :-1] + x], 1)
        return self.head(self.norm(x.mean((2, 3))) * 0.5)


def test_ops_called_one_by_one_give_what_the_network_gives() -> None:
    network, images = Net().eval(), torch.rand(2, 3, 32, 32)
    graph = trace(network, (2, 3, 32, 32))
    values: dict[int, Tensor] = {graph.inputs[0]: images}
    given = dict(network.named_parameters()) | dict(network.named_buffers())
    for each in [*graph.parameters, *graph.buffers]:
        values[each.value] = given[each.name]
    seen = {}
    handles = [
        module.register_forward_hook(lambda module, inputs, output: seen.update({module: output})) for module in network.modules()
    ]
    expected = network(images)
    for handle in handles:
        handle.remove()
    checked = 0
    for node in graph.nodes:
        function, module = function_of(node.op), dict(network.named_modules())[node.module]
        if function is None or list(module.children()) or any(value not in values for value in node.inputs):
            continue
        result = function(*[values[value].clone() for value in node.inputs])
        assert isinstance(result, Tensor)
        torch.testing.assert_close(result, seen[module])
        values[node.outputs[0]] = result
        checked += 1
    assert checked >= 9
    assert expected.shape == (2, 5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tensors_lie_as_they_are_asked_to(dtype: str) -> None:
    spec = TensorSpec((2, 8, 5, 5), dtype)
    last, packed = tensors([spec, spec], [(200, 1, 40, 8), None])
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert packed.is_contiguous()
    assert {last.dtype, packed.dtype} == {getattr(torch, dtype)}


def test_the_common_ops_can_be_called_each_and_what_is_written_before_may_be_written() -> None:
    with torch.device("meta"):
        graph = trace(Common(48).eval(), (1, 48, 16, 16))
    kinds = set()
    for piece in op_pieces([graph], Conditions(layout="nhwc", precision="bf16"), 1000):
        call, written = piece.make()
        for tensor in written:
            tensor.copy_(tensor.clone())
        call()
        kinds |= {kernel.kind for kernel in piece.kernels}
    assert {"sum/outer", "softmax", "matmul", "layer_norm", "depthwise/direct"} <= kinds
