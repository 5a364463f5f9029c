"""The training step that is made of a graph, against the one that torch's own engine runs and the exact way records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convatlas.devices.cpu import Cpu
from convatlas.graph.layout import laid_out
from convatlas.graph.training import BACKWARD, FORWARD, TrainingGraph
from convatlas.graph.transforms import as_real, decomposed, training_step, with_loss
from convatlas.trace import trace

Build = Callable[..., nn.Module]
MAP = (2, 4, 6, 6)


class Net(nn.Module):
    """A layer, and a function of what it makes and of twice that."""

    def __init__(self, function: Callable[..., Any], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.layer = layer or nn.Conv2d(4, 4, 1)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        y = self.layer(x)
        return self.function(y, y * 2) + 0


CASES: dict[str, Callable[..., Any]] = {
    "sum with a map of channels": lambda x, y: x + y[:1, :, :1, :1],
    "difference": lambda x, y: x - y[:, :1],
    "product with a gate": lambda x, y: x * y[:, :, :1, :1],
    "quotient": lambda x, y: x / y[:, :1],
    "product in place": lambda x, y: (x * 1).mul_(y),
    "a number less": lambda x, y: 1 - x,
    "rectified": lambda x, y: F.relu(x),
    "rectified in place": lambda x, y: F.relu(x * 1, inplace=True),
    "gaussian": lambda x, y: F.gelu(x),
    "hard swish": lambda x, y: F.hardswish(x),
    "log of a sigmoid": lambda x, y: F.logsigmoid(x),
    "exponential": lambda x, y: x.exp(),
    "root": lambda x, y: x.sqrt(),
    "inverse root": lambda x, y: x.rsqrt(),
    "inverse": lambda x, y: x.reciprocal(),
    "power": lambda x, y: x**3,
    "magnitude": lambda x, y: x.abs(),
    "sine": lambda x, y: x.sin(),
    "error function": lambda x, y: x.erf(),
    "sum": lambda x, y: x.sum(1),
    "variance": lambda x, y: x.var(1),
    "extreme": lambda x, y: x.amax(1),
    "log of a sum": lambda x, y: x.logsumexp(1),
    "running sum": lambda x, y: x.cumsum(1),
    "softmax": lambda x, y: x.softmax(1),
    "gate": lambda x, y: F.glu(x, 1),
    "dropout": lambda x, y: F.dropout(x, 0.5),
    "dropout of channels": lambda x, y: F.dropout2d(x, 0.5),
    "masked": lambda x, y: x.masked_fill(x > 0, 0.0),
    "half and back": lambda x, y: x.half().float(),
    "concatenation": lambda x, y: torch.cat([x, y], 1),
    "stack": lambda x, y: torch.stack([x, y], 1),
    "padding": lambda x, y: F.pad(x, (1, 1, 1, 1)),
    "repeat": lambda x, y: x.repeat(1, 2, 1, 1),
    "RMS norm of a turned map": lambda x, y: F.rms_norm(x.permute(0, 2, 3, 1), (4,)),
    "copy in another order": lambda x, y: x.permute(0, 2, 3, 1).contiguous(),
    "part": lambda x, y: x[:, 1:],
    "one of two parts": lambda x, y: x.chunk(2, 1)[0].square(),
    "both parts": lambda x, y: x.chunk(2, 1)[0] * x.chunk(2, 1)[1],
    "one of four": lambda x, y: x.unbind(1)[0].square(),
    "expansion": lambda x, y: x[:, :, :1].expand(2, 4, 6, 6).square(),
    "pixel shuffle": lambda x, y: F.pixel_shuffle(x, 2),
    "resampling": lambda x, y: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "sliding windows": lambda x, y: F.unfold(x, 3),
    "max pooling": lambda x, y: F.max_pool2d(x, 2),
    "average pooling": lambda x, y: F.avg_pool2d(x, 2),
    "equal parts": lambda x, y: F.adaptive_avg_pool2d(x, 2),
    "product of matrices": lambda x, y: x @ y.transpose(-2, -1),
    "product for a whole stack": lambda x, y: x @ y[0, 0],
    "einsum": lambda x, y: torch.einsum("bhqd,bhkd->bhqk", x, y),
    "attention": lambda x, y: F.scaled_dot_product_attention(x, y, y),
    "attention with dropout": lambda x, y: F.scaled_dot_product_attention(x, y, y, dropout_p=0.1),
    "used three times": lambda x, y: x.relu() * x + y * x.sigmoid(),
}
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv2d(4, 4, 3),
    "transposed": lambda: nn.ConvTranspose2d(4, 4, 3),
    "batch norm": lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "layer norm": lambda: nn.LayerNorm(6),
    "RMS norm": lambda: nn.RMSNorm(6),
    "local response norm": lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.LocalResponseNorm(3)),
    "learnt slope": lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.PReLU()),
    "linear": lambda: nn.Linear(6, 5),
    "linear without a bias": lambda: nn.Linear(6, 5, bias=False),
}


def made(network: nn.Module, shape: tuple[int, ...]) -> TrainingGraph:
    """The step that is made of the quick way's graph."""
    graph = with_loss(trace(network, shape, training=True))
    return training_step(*decomposed(*laid_out(graph, {}), Cpu(2).decomposes))


def recorded(network: nn.Module, shape: tuple[int, ...]) -> TrainingGraph:
    """The step that the exact way records."""
    step = trace(network, shape, training=True, way="exact").step
    assert step is not None
    return as_real(step)


def levels(step: TrainingGraph) -> tuple[int, int]:
    """Bytes that a step's tensors take at their highest, and all that are ever made."""
    dying: list[list[int]] = [[] for _ in range(len(step.nodes) + 1)]
    for place, position in step.released.items():
        dying[position].append(place)
    alive, level, highest, total = set(step.resident), 0, 0, 0
    for position, node in enumerate(step.nodes):
        for place in {step.storage[value] for value in node.outputs} - alive:
            alive.add(place)
            level += step.storage_bytes[place]
            total += step.storage_bytes[place]
        highest = max(highest, level)
        for place in alive.intersection(dying[position + 1]):
            alive.discard(place)
            level -= step.storage_bytes[place]
    return highest, total


@pytest.mark.parametrize("function", CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
def test_a_function_takes_torchs_memory_forward_and_backward(function: Callable[..., Any]) -> None:
    assert levels(made(Net(function), MAP)) == levels(recorded(Net(function), MAP))


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_layer_takes_torchs_memory_forward_and_backward(layer: Callable[[], nn.Module]) -> None:
    network = [Net(lambda x, y: x, layer()) for _ in range(2)]
    assert levels(made(network[0], MAP)) == levels(recorded(network[1], MAP))


class Twice(nn.Module):
    """A layer that is used twice, beside a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        return x + self.norm(self.layer(F.relu(x)))


def test_gradients_of_a_shared_layer_are_added_up_in_place() -> None:
    step = made(Twice(), MAP)
    assert levels(step) == levels(recorded(Twice(), MAP))
    sums = [node for node in step.nodes if node.phase == BACKWARD and node.op.name == "add"]
    assert len(sums) == 3  # the skip connection's, the weight's and the bias's
    assert all(node.op.in_place for node in sums)


def test_gradients_that_are_views_are_added_up_in_a_new_tensor() -> None:
    def used_three_times(x: Tensor, y: Tensor) -> Tensor:
        weight = x[0, 0] * 2
        return F.linear(x, weight) + F.linear(y, weight) + F.linear(y * 2, weight)

    step = made(Net(used_three_times), MAP)
    sums = [node.op.in_place for node in step.nodes if node.phase == BACKWARD and node.op.name == "add" and len(node.inputs) > 1]
    assert {True, False} == set(sums)
    assert levels(step) == levels(recorded(Net(used_three_times), MAP))


def test_what_a_parameter_gets_from_a_view_is_copied_to_lie_as_it_does() -> None:
    network = [Net(lambda x, y: x, nn.Linear(6, 6)) for _ in range(2)]
    for net in network:
        net.function = lambda x, y, net=net: x @ net.layer.weight.transpose(0, 1)
    assert levels(made(network[0], MAP)) == levels(recorded(network[1], MAP))


# torchvision's and timm's networks whose made step is otherwise than the recorded one, by at most so much of its peak; the causes are
# still to be found
KNOWN = {
    "cait_m36_384": 0.005,
    "cait_xxs24_384": 0.004,
    "dla102": 0.0101,
    "levit_128s": 0.004,
    "levit_512_s8": 0.001,
    "maxvit_t": 0.021,
    "mvitv2_base_cls": 0.028,
    "pvt_v2_b2_li": 0.0014,
    "sequencer2d_m": 0.042,
}
KEEPS_OTHERWISE = ("maxvit_t", "mvitv2_base_cls", "sequencer2d_m")


def convolutions(step: TrainingGraph) -> list[str]:
    """The modules whose convolutions run backward, in that order."""
    return [node.module for node in step.nodes if node.phase == BACKWARD and node.op.name.startswith("conv")]


def saved_bytes(step: TrainingGraph) -> int:
    """Bytes of what the forward pass makes and keeps for the backward pass; the loss's are left out."""
    made_in: dict[int, str] = {}
    for node in step.nodes:
        for value in node.outputs:
            made_in.setdefault(step.storage[value], node.phase)
    kept = step.saved - step.resident
    return sum(step.storage_bytes[place] for place in kept if made_in.get(place) == FORWARD)


def differing(names: list[str], build: Build, own_input: Callable[[nn.Module, str], tuple[int, ...]]) -> dict[str, str]:
    found = {}
    for name in names:
        model = build(name)
        shape = (2, *own_input(model, name))
        ours, torchs = made(model, shape), recorded(model, shape)
        off = levels(ours)[0] / levels(torchs)[0] - 1
        if abs(off) > KNOWN.get(name, 0):
            found[name] = f"peak {off:+.4%}"
        elif name not in KEEPS_OTHERWISE and saved_bytes(ours) != saved_bytes(torchs):
            found[name] = f"keeps {saved_bytes(ours):,} bytes, not {saved_bytes(torchs):,}"
        elif convolutions(ours) != convolutions(torchs):
            found[name] = "another order"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_torchvisions_networks(torchvision_on_meta: Build, moderate: Any, own_input: Any, part: int) -> None:
    from torchvision import models

    assert differing(moderate(models.list_models(module=models)[part::8]), torchvision_on_meta, own_input) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_timms_networks(timm_on_meta: Build, moderate: Any, own_input: Any, part: int) -> None:
    import timm

    assert differing(moderate(timm.list_models()[2::7][part::8]), timm_on_meta, own_input) == {}
