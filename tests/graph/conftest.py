"""What the tests of the graph share: a function traced, beside the same function run by torch on small tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convatlas.graph import Graph, TensorSpec
from convatlas.trace import TraceError, trace

Function = Callable[..., Any]
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError)


class Net(nn.Module):
    """A network that is one function of its inputs."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def leaves(tree: Any) -> list[Tensor]:
    """The tensors in nested sequences."""
    if isinstance(tree, Tensor):
        return [tree]
    return [leaf for item in tree for leaf in leaves(item)] if isinstance(tree, list | tuple) else []


def facts(tensor: Tensor) -> tuple[tuple[int, ...], torch.dtype]:
    """Shape and dtype."""
    return tuple(tensor.shape), tensor.dtype


def layout(tensor: Tensor) -> list[int] | None:
    """Strides of the axes that have any; None for a contiguous tensor."""
    if tensor.is_contiguous():
        return None
    return [stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size != 1]


def spec(given: Any) -> TensorSpec:
    """A shape, or a shape and a dtype, as a spec."""
    shape, dtype = given if len(given) == 2 and isinstance(given[1], torch.dtype) else (given, torch.float32)
    return TensorSpec(shape, str(dtype).removeprefix("torch."))


def _traced(function: Function, *inputs: Any) -> Graph:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = trace(Net(function), [spec(given) for given in inputs])
    assert "AssertionError" not in graph.why, "the quick way differs from torch"
    return graph


def _same_as_torch(function: Function, *inputs: Any, strides: bool = True) -> Graph | None:
    given = [torch.ones(s.shape, dtype=getattr(torch, s.dtype)) for s in map(spec, inputs)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on what it is given
            expected = leaves(function(*given))
    except REFUSALS as refusal:
        try:
            _traced(function, *inputs)
        except TraceError:
            return None
        pytest.fail(f"traced what torch refuses: {refusal}")

    wanted = [facts(tensor) for tensor in expected], [layout(tensor) for tensor in expected]

    def noting(*tensors: Tensor) -> Any:
        result = function(*tensors)
        made = leaves(result)
        assert [facts(tensor) for tensor in made] == wanted[0]
        if strides:
            assert [layout(tensor) for tensor in made] == wanted[1]
        return result

    graph = _traced(noting, *inputs)
    assert [graph.values[value].shape for value in graph.outputs] == [tuple(leaf.shape) for leaf in expected]
    return graph


@pytest.fixture(scope="session")
def same_as_torch() -> Callable[..., Graph | None]:
    """Fails unless a function's trace has torch's shapes, dtypes and memory layouts, or is refused as torch refuses it."""
    return _same_as_torch


@pytest.fixture(scope="session")
def saved_storages() -> Callable[..., tuple[Any, dict[int, int]]]:
    """Runs a function; gives its result, and of each storage that autograd keeps for it the address and the bytes."""

    def run(function: Function, *inputs: Tensor) -> tuple[Any, dict[int, int]]:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            return function(*inputs), sizes  # while the result lives, so do they, and their addresses are theirs alone

    return run


@pytest.fixture(scope="session")
def traced() -> Callable[..., Graph]:
    """The graph of a function of tensors of given shapes."""
    return _traced
