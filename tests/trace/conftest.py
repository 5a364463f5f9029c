"""What the tests of the tracer share: torch's own counts and shapes of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Forward(NamedTuple):
    """What torch says of a forward pass."""

    macs: int
    outputs: list[tuple[int, ...]]


def tensors(tree: Any) -> list[Tensor]:
    """The tensors of an output, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    elif hasattr(tree, "__dataclass_fields__"):
        tree = list(vars(tree).values())
    return [leaf for item in tree for leaf in tensors(item)] if isinstance(tree, list | tuple) else []


def _run_by_torch(model: nn.Module, *shapes: tuple[int, ...]) -> Forward:
    inputs = [torch.empty(shape, device="meta") for shape in shapes]
    with FlopCounterMode(display=False) as counter:
        output = model(*inputs)
    flops = counter.get_total_flops()
    assert flops % 2 == 0, "it counts two operations for each multiply-accumulate"
    return Forward(flops // 2, [tuple(leaf.shape) for leaf in tensors(output)])


@pytest.fixture(scope="session")
def run_by_torch() -> Callable[..., Forward]:
    """Runs a model that lies on meta under torch's FlopCounterMode, in the mode that it is in."""
    return _run_by_torch
