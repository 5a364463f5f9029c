"""What the tests of the zoo share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convatlas.zoo import REGISTRY

torch.set_num_threads(1)  # a worker a core

POOL = torch.randn(1_000_003, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def _fill(model: nn.Module) -> None:
    start = 0
    layers = sum(isinstance(module, nn.Conv2d) for module in model.modules())
    gain = 2**0.5 if layers < 300 else 0.4  # a thousand residual sums of variance 1 would overflow

    def random(tensor: Tensor) -> Tensor:
        nonlocal start  # a stretch of one long list of random numbers: drawing 100 million takes too long
        count = tensor.numel()
        start = (start + 7919) % (len(POOL) - 1)
        repeats = -(-(start + count) // len(POOL))
        return POOL.repeat(repeats)[start : start + count].view_as(tensor)

    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            parameter.copy_(random(parameter) * gain * parameter[0].numel() ** -0.5)
        else:
            parameter.copy_(random(parameter) * 0.1 + (not name.endswith("bias")))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(random(buffer) * 0.1)
        elif name.endswith("running_var"):
            buffer.copy_(random(buffer).abs() * 0.5 + 0.75)


@pytest.fixture(scope="session")
def fill() -> Callable[[nn.Module], None]:
    """Gives a model random weights that keep activations near 1, and random statistics: nothing is neutral any more."""
    return _fill


def parity_modules() -> list[ModuleType]:
    """The tables `parity_*.py` beside this file."""
    modules = []
    for path in sorted(Path(__file__).parent.glob("parity_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        modules.append(module)
    return modules


@pytest.fixture(scope="session")
def parity_tables() -> list[ModuleType]:
    """The modules that hold `PARITY`, `PUBLISHED` and `DEPARTS`."""
    return parity_modules()


# Every kind of layer that a family has, in its cheapest networks; the cheapest comes first. `test_sample.py` holds it to that.
SAMPLE: dict[str, tuple[str, ...]] = {
    "alexnet": ("alexnet", "alexnet_2012"),
    "cifar_resnet": ("resnet20_cifar", "plain20_cifar"),
    "convnext": ("convnext_tiny",),
    "densenet": ("densenet40_k12_cifar", "densenet_bc100_k12_cifar", "densenet121"),
    "efficientnet": ("efficientnet_lite0", "efficientnet_b0"),
    "efficientnet_v2": ("efficientnet_v2_b0",),
    "googlenet": ("googlenet_2014", "googlenet"),
    "highway": ("highway19",),
    "inception": ("inception_v3",),
    "lenet": ("lenet5",),
    "mnasnet": ("mnasnet0_5", "mnasnet_a1_035", "mnasnet_small"),
    "mobilenet_v1": ("mobilenet_v1_025",),
    "mobilenet_v2": ("mobilenet_v2_035",),
    "mobilenet_v3": ("mobilenet_v3_small_minimal", "mobilenet_v3_small_075"),
    "nasnet": ("nasnetamobile",),
    "nin": ("nin_cifar", "nin_imagenet"),
    "preact_resnet": (
        "preact_resnet18",
        "preact_resnet110_cifar",
        "preact_resnet164_cifar",
        "resnet110_cifar_scaled",
        "resnet110_cifar_dropout",
        "resnet110_cifar_conv",
        "resnet110_cifar_exclusive_gate",
        "resnet110_cifar_shortcut_gate",
    ),
    "regnet": ("regnet_x_200mf", "regnet_y_200mf"),
    "resnet": ("resnet18", "plain18", "resnet50", "resnet50_v1"),
    "resnext": ("resnext50_32x4d",),
    "senet": ("seresnet18", "seresnext50_32x4d"),
    "shufflenet_v1": ("shufflenet_v1_x0_25_g1", "shufflenet_v1_x0_25_g3"),
    "shufflenet_v2": ("shufflenet_v2_x0_5",),
    "squeezenet": ("squeezenet1_1", "squeezenet1_0"),
    "vgg": ("vgg11", "vgg11_bn"),
    "wide_resnet": ("wrn_16_4_cifar", "wide_resnet50_2"),
    "zfnet": ("zfnet",),
}


# branches, gates, shuffles, squeezes and dropped paths; the others' forward passes are made of the same
COMPILED = {
    "densenet40_k12_cifar", "googlenet_2014", "highway19", "mobilenet_v3_small_minimal", "preact_resnet18", "resnet20_cifar", "seresnet18",
    "shufflenet_v1_x0_25_g1", "squeezenet1_1", "convnext_tiny",
}  # fmt: skip


@pytest.fixture(scope="session")
def sample() -> dict[str, tuple[str, ...]]:
    """`SAMPLE`: names by family."""
    return SAMPLE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What a test runs for, by the arguments that it takes; what is left out here runs when slow tests do.

    ``network_name`` (or ``running``, a network that computes): every network; here those of `SAMPLE`.
    ``name_with_stem``: those with a stem for small images.
    ``name_of_a_family``: every network; here the first of each family. ``name_to_compile``: every network; here those of `COMPILED`.
    ``parity_row``, ``torchvision_row``: each row of the tables `PARITY`, and those of torchvision; here all but those of giants.
    """
    sample = {name for names in SAMPLE.values() for name in names}
    first = {names[0] for names in SAMPLE.values()}
    with_stem = [name for name, entry in REGISTRY.items() if "stem" in entry.options]
    for argument, names, here in (
        ("network_name", list(REGISTRY), sample),
        ("running", list(REGISTRY), sample),
        ("name_with_stem", with_stem, sample),
        ("name_of_a_family", list(REGISTRY), first),
        ("name_to_compile", list(REGISTRY), COMPILED),
    ):
        if argument in metafunc.fixturenames:
            parameters = [pytest.param(name, marks=[] if name in here else [pytest.mark.slow]) for name in names]
            metafunc.parametrize(argument, parameters, indirect=argument == "running", scope="module")
    for argument, libraries in (("parity_row", ("torchvision", "timm")), ("torchvision_row", ("torchvision",))):
        if argument in metafunc.fixturenames:
            rows = [row for module in parity_modules() for row in getattr(module, "PARITY", [])]
            metafunc.parametrize(argument, [_parity_parameter(row) for row in rows if row[1] in libraries])


GIANTS = {  # they repeat a smaller sibling's structure
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "densenet161",
    "densenet169",
    "densenet201",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_lite3",
    "efficientnet_lite4",
    "efficientnet_v2_b2",
    "efficientnet_v2_b3",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "nasnetalarge",
    "preact_resnet101",
    "preact_resnet152",
    "regnet_x_12gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_4gf",
    "regnet_x_6_4gf",
    "regnet_x_8gf",
    "regnet_y_128gf",
    "regnet_y_12gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_4gf",
    "regnet_y_6_4gf",
    "regnet_y_8gf",
    "resnet101",
    "resnet152",
    "resnext101_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "seresnet101",
    "seresnet152",
    "seresnext101_32x4d",
    "vgg13",
    "vgg13_bn",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "wide_resnet101_2",
}


def _parity_parameter(row: tuple[Any, ...]) -> Any:
    name, library, theirs, options, _ = row
    identity = "-".join([name, library, theirs, *(f"{key}={value}" for key, value in options.items())])
    return pytest.param(row, id=identity, marks=[pytest.mark.slow] if name in GIANTS else [])
