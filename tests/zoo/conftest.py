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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``parity_row`` runs for each row of the tables `PARITY`, ``torchvision_row`` for torchvision's.

    The rows of giant networks run when slow tests do.
    """
    for argument, libraries in (("parity_row", ("torchvision", "timm")), ("torchvision_row", ("torchvision",))):
        if argument in metafunc.fixturenames:
            rows = [row for module in parity_modules() for row in getattr(module, "PARITY", [])]
            metafunc.parametrize(argument, [_parity_parameter(row) for row in rows if row[1] in libraries])


GIANTS = {"regnet_y_128gf"}  # they repeat a smaller sibling's structure


def _parity_parameter(row: tuple[Any, ...]) -> Any:
    name, library, theirs, options, _ = row
    identity = "-".join([name, library, theirs, *(f"{key}={value}" for key, value in options.items())])
    return pytest.param(row, id=identity, marks=[pytest.mark.slow] if name in GIANTS else [])
