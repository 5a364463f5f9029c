"""How tensors lie in memory: the walk over a graph against the strides that torch itself gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torchvision.models
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from convatlas.graph import Graph
from convatlas.graph.layout import channels_last, laid_out
from convatlas.graph.strides import Shape, Strides, normal, same_layout
from convatlas.trace import trace

MAP, VOLUME, SEQUENCE = (2, 4, 6, 6), (2, 4, 6, 6, 6), (2, 4, 6)


class Net(nn.Module):
    """A function, or a module, of one input."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


CASES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "sum with a map of channels": (lambda x: x + torch.ones(4, 1, 1), MAP),
    "product from the left": (lambda x: torch.ones(2, 4, 1, 1) * x, MAP),
    "sum with a packed one": (lambda x: torch.ones(2, 4, 6, 6) + x, MAP),
    "activation": (F.silu, MAP),
    "log of a sigmoid": (F.logsigmoid, MAP),
    "in place": (lambda x: F.relu((x * 2), inplace=True), MAP),
    "power": (lambda x: x**2, MAP),
    "gate": (lambda x: F.glu(x, 1), MAP),
    "learnt slope": (nn.PReLU(4), MAP),
    "dropout": (lambda x: F.dropout(x, 0.5), MAP),
    "dropout of channels": (lambda x: F.dropout2d(x, 0.5), MAP),
    "half precision": (lambda x: x.half(), MAP),
    "softmax": (lambda x: x.softmax(1), MAP),
    "mean": (lambda x: x.mean((2, 3)), MAP),
    "variance": (lambda x: x.var(1), MAP),
    "maximum along an axis": (lambda x: x.max(1)[0], MAP),
    "sorted": (lambda x: x.sort(1)[0], MAP),
    "running sum": (lambda x: x.cumsum(1), MAP),
    "concatenation": (lambda x: torch.cat([x, x], 1), MAP),
    "concatenation with a packed one": (lambda x: torch.cat([x, torch.ones(2, 4, 6, 6)], 1), MAP),
    "stack": (lambda x: torch.stack([x, x], 1), MAP),
    "padding": (lambda x: F.pad(x, (1, 1, 1, 1)), MAP),
    "reflection": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), MAP),
    "padding round": (lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"), MAP),
    "clone": (lambda x: x.clone(), MAP),
    "packed clone": (lambda x: x.clone(memory_format=torch.contiguous_format), MAP),
    "copy to channels last": (lambda x: x.contiguous(memory_format=torch.channels_last), MAP),
    "flip": (lambda x: x.flip(1), MAP),
    "roll": (lambda x: x.roll(1, 1), MAP),
    "repeat": (lambda x: x.repeat(1, 2, 1, 1), MAP),
    "part": (lambda x: x[:, 1:, ::2, 1:], MAP),
    "sum of a part": (lambda x: x[:, 1:] + 1, MAP),
    "a position": (lambda x: x[:, :, 0], MAP),
    "chunk": (lambda x: x.chunk(2, 1)[1] * 2, MAP),
    "expansion": (lambda x: x[:, :, :1].expand(2, 4, 6, 6).square(), MAP),
    "permutation": (lambda x: x.permute(0, 2, 3, 1).exp(), MAP),
    "flat positions": (lambda x: x.flatten(2), MAP),
    "flat": (lambda x: x.flatten(1), MAP),
    "channels in groups": (lambda x: x.reshape(2, 2, 2, 6, 6).transpose(1, 2).reshape(2, 4, 6, 6), MAP),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x, 2), (2, 8, 6, 6)),
    "pixel unshuffle": (lambda x: F.pixel_unshuffle(x, 2), MAP),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), MAP),
    "bicubic": (lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), MAP),
    "sliding windows": (lambda x: F.unfold(x, 3), MAP),
    "max pooling": (lambda x: F.max_pool2d(x, 2), MAP),
    "average pooling": (lambda x: F.avg_pool2d(x, 2), MAP),
    "equal parts": (lambda x: F.adaptive_avg_pool2d(x, 2), MAP),
    "maximum of equal parts": (lambda x: F.adaptive_max_pool2d(x, 2), MAP),
    "norm pooling": (lambda x: F.lp_pool2d(x, 2, 2), MAP),
    "convolution": (nn.Conv2d(4, 8, 3), MAP),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4), MAP),
    "transposed": (nn.ConvTranspose2d(4, 8, 3), MAP),
    "batch norm": (nn.BatchNorm2d(4), MAP),
    "group norm": (nn.GroupNorm(2, 4), MAP),
    "instance norm": (nn.InstanceNorm2d(4), MAP),
    "layer norm": (nn.LayerNorm(6), MAP),
    "local response norm": (nn.LocalResponseNorm(3), MAP),
    "linear": (nn.Linear(6, 5), MAP),
    "product of matrices": (lambda x: x @ x.transpose(-2, -1), MAP),
    "einsum with its channels last": (lambda x: torch.einsum("nchw,cd->ndhw", x, torch.ones(4, 5)), MAP),
    "einsum in order": (lambda x: torch.einsum("nchw,ncd->nhwd", x, torch.ones(2, 4, 5)), MAP),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), MAP),
    "3-D convolution": (nn.Conv3d(4, 8, 3), VOLUME),
    "3-D transposed": (nn.ConvTranspose3d(4, 8, 3), VOLUME),
    "3-D batch norm": (nn.BatchNorm3d(4), VOLUME),
    "3-D max pooling": (nn.MaxPool3d(2), VOLUME),
    "3-D equal parts": (nn.AdaptiveAvgPool3d(2), VOLUME),
    "trilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), VOLUME),
    "1-D convolution": (nn.Conv1d(4, 8, 3), SEQUENCE),
    "1-D batch norm": (nn.BatchNorm1d(4), SEQUENCE),
    "1-D average pooling": (lambda x: F.avg_pool1d(x, 2), SEQUENCE),
    "1-D max pooling": (lambda x: F.max_pool1d(x, 2), SEQUENCE),
    "1-D gate": (lambda x: F.glu(x, 1), SEQUENCE),
}  # fmt: skip


def layouts(shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Tensors of a shape that lie in different ways."""
    yield torch.randn(shape)
    yield torch.randn(*shape[:-2], shape[-1], shape[-2]).transpose(-1, -2)
    yield torch.randn(shape[0], *shape[2:], shape[1]).movedim(-1, 1)
    yield torch.randn(shape[0], 2 * shape[1], *shape[2:])[:, : shape[1]]
    yield torch.randn(shape[0], *shape[2:], 2 * shape[1]).movedim(-1, 1)[:, : shape[1]]


def walked(graph: Graph, given: dict[int, Strides]) -> list[Strides]:
    """Strides of the outputs."""
    graph, strides = laid_out(graph, given)
    return [strides[value] for value in graph.outputs]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_outputs_lie_as_torchs_do(case: tuple[Callable[..., Any], tuple[int, ...]]) -> None:
    function, shape = case
    net = Net(function)
    graph = trace(net, shape, training=True)
    for x in layouts(shape):
        with torch.no_grad():
            made = net(x)
        assert walked(graph, {graph.inputs[0]: normal(shape, x.stride())}) == [normal(tuple(made.shape), made.stride())], x.stride()


def test_a_channels_last_weight_makes_its_result_so() -> None:
    net = nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last)
    graph = trace(net, MAP)
    weight = graph.parameters.values[0]
    given = {weight: channels_last(graph)[weight]}
    made = net(torch.randn(MAP))
    assert walked(graph, given) == [normal(tuple(made.shape), made.stride())]
    assert walked(graph, {}) == [None]


def test_a_reshape_copies_where_the_layout_forbids_a_view() -> None:
    graph = trace(Net(lambda x: x.flatten(1)), MAP)
    assert [node.op.is_view for node in laid_out(graph, {})[0]] == [True]
    assert [node.op.is_view for node in laid_out(graph, channels_last(graph))[0]] == [False]


def test_what_is_contiguous_already_is_not_copied() -> None:
    graph = trace(Net(lambda x: x.permute(0, 2, 3, 1).contiguous()), MAP)
    assert [node.op.is_view for node in laid_out(graph, {})[0]] == [True, False]
    assert [node.op.is_view for node in laid_out(graph, channels_last(graph))[0]] == [True, True]


NAMES = sorted(set(torchvision.models.list_models(module=torchvision.models)) - {"inception_v3"})


def same(shape: Shape, first: Strides, second: Strides) -> bool:
    """Whether two strides mean the same places; those of axes of size 1 say nothing."""
    return first == second or (first is not None and second is not None and same_layout(shape, first, second))


def differences(network: nn.Module, in_channels_last: bool) -> list[str]:
    """Modules whose outputs lie otherwise in torch than in the walk."""
    shape = (2, 3, 224, 224)
    graph = trace(network, shape)
    seen: dict[str, tuple[Shape, Strides]] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                seen[path] = tuple(output.shape), normal(tuple(output.shape), output.stride())

        return hook

    with FakeTensorMode(), torch.no_grad():  # as on a CPU: on the meta device convolutions lay out their results otherwise
        last = torch.channels_last if in_channels_last else torch.contiguous_format
        for path, module in network.named_modules():
            for own in (module._parameters, module._buffers):
                for key, tensor in own.items():
                    if tensor is not None:
                        own[key] = torch.empty(tensor.shape, dtype=tensor.dtype)
                        if tensor.dim() == 4:
                            own[key] = own[key].to(memory_format=last)
            if not list(module.children()):
                module.register_forward_hook(note(path))
        network.eval()(torch.empty(shape).to(memory_format=last))
    graph, strides = laid_out(graph, channels_last(graph) if in_channels_last else {})
    made = {node.module: strides[node.outputs[0]] for node in graph}
    return [
        f"{path}: {lies} and {made[path]}"
        for path, (shape, lies) in seen.items()
        if path in made and not same(shape, lies, made[path])
    ]


@pytest.mark.parametrize("in_channels_last", [False, True])
@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny", "swin_v2_t", "vit_b_16", "maxvit_t", "shufflenet_v2_x0_5"])
def test_modules_of_a_network_lie_as_torchs_do(
    torchvision_on_meta: Callable[[str], nn.Module], name: str, in_channels_last: bool
) -> None:
    assert differences(torchvision_on_meta(name), in_channels_last) == []


@pytest.mark.slow
@pytest.mark.parametrize("in_channels_last", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_modules_of_every_network_lie_as_torchs_do(
    torchvision_on_meta: Callable[[str], nn.Module], name: str, in_channels_last: bool
) -> None:
    assert differences(torchvision_on_meta(name), in_channels_last) == []
