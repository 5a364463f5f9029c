"""A network that cannot be traced says why, where, and what would work, in one line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.models
from torch import Tensor, nn

from convatlas.errors import ConvatlasError
from convatlas.graph import TensorSpec
from convatlas.trace import DataDependentError, InputTooSmallError, TraceError, trace


class Net(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def message(model: Any, inputs: Any, kind: type[ConvatlasError] = ConvatlasError) -> str:
    """What the error says, once it is clear that it says it in one line."""
    with pytest.raises(kind) as caught:
        trace(model, inputs)
    text = str(caught.value)
    assert "\n" not in text
    return text


DEPENDING = {
    "truth": lambda x: x + 1 if x.sum() > 0 else x,
    "item": lambda x: x * x.max().item(),
    "int": lambda x: x[: int(x.sum())],
    "float": lambda x: x * float(x.mean()),
    "list": lambda x: x.tolist(),
    "mask": lambda x: x[x > 0],
    "assertion": lambda x: exec("assert (x == 0).all()", {"x": x}),
    "nonzero": lambda x: x.nonzero(),
    "where": lambda x: torch.where(x > 0),
    "unique": lambda x: torch.unique(x),
    "masked_select": lambda x: torch.masked_select(x, x > 0),
    "range": lambda x: list(range(x.long().sum())),
    "equal": lambda x: torch.equal(x, x),
    "contains": lambda x: 3.0 in x,
    "one hot": lambda x: F.one_hot(x.long()),
    "repeats": lambda x: x.repeat_interleave(x[0].long(), dim=1),
    "size from a value": lambda x: x.view(int(x.sum()), -1),
}


@pytest.mark.parametrize("name", DEPENDING)
def test_values_are_not_known_and_the_line_is_named(name: str) -> None:
    text = message(Net(DEPENDING[name]), (2, 3), DataDependentError)
    line = inspect.getsourcelines(DEPENDING[name])[1]
    assert f"test_errors.py:{line}: " in text or name == "assertion"
    assert "depends on a tensor's values" in text


def test_values_of_a_parameter_on_meta_are_not_known() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale.item()

    assert len(trace(Scaled(), (2, 3))) == 1  # real values are there to be read
    assert "depends on a tensor's values" in message(Scaled().to("meta"), (2, 3), DataDependentError)


def test_too_small_an_input_names_the_layer_its_size_and_the_least_that_works(
    torchvision_on_meta: Callable[..., nn.Module],
) -> None:
    text = message(torchvision_on_meta("alexnet"), (1, 3, 32, 32), InputTooSmallError)
    # features.12, the last pool, gets 1x1 and needs 3x3; 63 pixels are the least, as trying with torch shows below
    assert text == (
        "features.12 (MaxPool2d): max_pool2d got 1x1, but needs at least 3x3; the least input that works is 63x63; the input was 1x3x32x32"
    )
    network = torchvision.models.alexnet().eval()
    network(torch.zeros(1, 3, 63, 63))
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 3, 62, 62))


@pytest.mark.parametrize(
    ("layer", "size", "least"),
    [
        (nn.Conv2d(3, 4, 7), 6, 7),
        (nn.Conv2d(3, 4, 5, padding=1), 2, 3),
        (nn.Conv2d(3, 4, 3, dilation=3), 6, 7),
        (nn.MaxPool2d(3, 2), 2, 3),
        (nn.AvgPool2d(4), 3, 4),
        (nn.ReflectionPad2d(3), 3, 4),
        (nn.Unfold(3), 2, 3),
        (nn.ConvTranspose2d(3, 4, 1, padding=1), 2, 3),
        (nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 3)), 14, 15),
    ],
    ids=["convolution", "padded", "dilated", "max pool", "average pool", "reflection", "columns", "transposed", "three layers"],
)
def test_the_least_size_is_the_least(layer: nn.Module, size: int, least: int) -> None:
    assert f"the least input that works is {least}x{least}" in message(layer, (1, 3, size, size), InputTooSmallError)
    layer(torch.zeros(1, 3, least, least))
    with pytest.raises((RuntimeError, ValueError)):
        layer(torch.zeros(1, 3, least - 1, least - 1))


@pytest.mark.parametrize(
    ("model", "inputs", "says"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3)), (1, 1, 8, 8), "0 (Conv2d): conv2d expects 3 channels, got 1 in (1, 1, 8, 8)"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), (1, 3, 8), "0 (Conv2d): conv2d expects 3 channels, got 1 in (1, 3, 8)"),
        (nn.Conv2d(3, 4, 3), (1, 1, 3, 8, 8), "conv2d takes 4 axes (N, C, size), got (1, 1, 3, 8, 8)"),
        (nn.Conv2d(3, 4, 3), (8,), "conv2d takes 4 axes (N, C, size), got (8,)"),
        (nn.BatchNorm2d(3), (2, 4, 8, 8), "batch_norm expects 3 channels, got 4 in (2, 4, 8, 8)"),
        (nn.BatchNorm2d(3), (2, 3), "BatchNorm2d takes 4 axes, got (2, 3)"),
        (nn.Sequential(nn.Flatten(), nn.Linear(10, 2)), (1, 3, 4, 4), "1 (Linear): linear expects 10 features, got 48 in (1, 48)"),
        (nn.LayerNorm(5), (2, 4), "layer_norm over (5,) does not fit (2, 4)"),
        (nn.PixelShuffle(2), (1, 3, 4, 4), "3 channels do not divide by 4"),
        (Net(lambda x: x + torch.zeros(5)), (2, 3), "shapes (2, 3) and (5,) do not broadcast"),
        (Net(lambda x: x.view(4, 4)), (2, 3), "(2, 3) does not fit into (4, 4)"),
        (Net(lambda x: x @ x), (2, 3), "inner sizes 3 and 2 differ"),
        (Net(lambda x: x.missing()), (2, 3), "AttributeError"),
        (Net(lambda x: eval("undefined")), (2, 3), "NameError: name 'undefined' is not defined"),
        (Net(lambda x: [][1]), (2, 3), "IndexError: list index out of range"),
    ],
)
def test_what_does_not_fit_is_shown_with_its_layer(model: nn.Module, inputs: Any, says: str) -> None:
    assert says in message(model, inputs)


def test_the_input_is_shown_and_the_cause_is_chained() -> None:
    with pytest.raises(TraceError, match=r"the input was 1x1x8x8") as caught:
        trace(nn.Conv2d(3, 4, 3), (1, 1, 8, 8))
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("1x3x224x224", "'1x3x224x224'"),
        (3, "got 3"),
        (None, "got None"),
        ((1, 3, 0, 8), "(1, 3, 0, 8)"),
        ((1, 3, -8, 8), "(1, 3, -8, 8)"),
        ((1, 3, 8.5, 8), "8.5"),
        ((1, 3, "8", 8), "'8'"),
        (object, "got <class 'object'>"),
    ],
)
def test_an_input_that_is_no_shape_is_shown(inputs: Any, says: str) -> None:
    assert says in message(nn.Conv2d(3, 4, 3), inputs)


def test_numpy_sizes_are_sizes() -> None:
    assert trace(nn.ReLU(), (np.int64(2), np.int32(3))).values[0] == TensorSpec((2, 3))


@pytest.mark.parametrize("model", [nn.Conv2d, lambda x: x, "resnet50", None])
def test_what_is_no_module_is_shown(model: Any) -> None:
    assert message(model, (1, 3, 8, 8)).startswith("expected an nn.Module, got ")


def test_a_parameter_that_no_lazy_layer_gives_a_shape_is_named_with_the_way_out() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Linear(3, 4))
    model[1].weight = nn.UninitializedParameter()
    assert message(model, (2, 3)).startswith("1.weight has no shape yet; run the lazy module once before tracing it")


def test_a_quantized_weight_is_named() -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("packed", torch.empty(2, dtype=torch.bits8))
    assert message(model, (1, 2)).startswith("packed is of dtype torch.bits8, which has no size in whole bytes")


def test_too_few_inputs() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    assert "missing 1 required positional argument: 'y'" in message(Two(), (2, 3))


def test_a_stand_in_that_outlives_its_trace_says_so() -> None:
    kept: list[Tensor] = []
    trace(Net(lambda x: kept.append(x)), (2, 3))
    with pytest.raises(TraceError, match="a tensor of a finished trace was used"):
        kept[0] + 1
    with pytest.raises(TraceError, match="a tensor of a finished trace was used"):
        torch.relu(kept[0])


def test_an_error_in_a_nested_module_names_the_innermost() -> None:
    model = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(4, 4))))
    assert message(model, (2, 3)).startswith("0.1.0 (Linear): ")


def test_an_interrupt_passes_and_leaves_torch_clean() -> None:
    def interrupt(x: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(Net(interrupt), (2, 3))
    assert nn.ReLU()(torch.tensor([-1.0])).item() == 0.0
    assert len(trace(nn.ReLU(), (2, 3))) == 1
