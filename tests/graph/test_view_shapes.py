"""Views, indexing and joining have torch's shapes and lie in memory as torch's do, for generated inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

Check = Callable[..., Any]
quick = settings(max_examples=80, deadline=None, derandomize=True)
shapes = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=0, max_size=4).map(tuple)


def some_axis(data: st.DataObject, rank: int, slack: int = 0) -> int:
    return data.draw(st.integers(-rank - slack, max(rank - 1, 0) + slack))


def some_view(data: st.DataObject, x: Tensor) -> Callable[[Tensor], Any]:
    """A random view or reordering of a tensor, as a function."""
    rank, shape = x.dim(), tuple(x.shape)
    a, b = some_axis(data, rank), some_axis(data, rank)
    n = data.draw(st.integers(1, 3))
    order = data.draw(st.permutations(range(rank)))
    choices: list[Callable[[Tensor], Any]] = [
        lambda t: t.permute(order), lambda t: t.unsqueeze(a), lambda t: t.squeeze(), lambda t: t.reshape(-1),
        lambda t: t.clone(), lambda t: t.contiguous(), lambda t: t.detach(), lambda t: torch.relu(t),
        lambda t: t * 2, lambda t: t + t, lambda t: t.expand(n, *shape), lambda t: t.repeat(n, *([1] * rank)),
    ]  # fmt: skip
    if rank:
        size = shape[a]
        start, step = data.draw(st.integers(-size, size)), data.draw(st.integers(1, 3))
        choices += [
            lambda t: t.transpose(a, b), lambda t: t.squeeze(a), lambda t: t.flatten(a % rank), lambda t: t.movedim(a, b),
            lambda t: t.chunk(n, a)[0], lambda t: t.split(n, a)[-1], lambda t: t.tensor_split(n, a)[-1],
            lambda t: t.unbind(a)[0], lambda t: t.select(a, 0), lambda t: t.narrow(a, 0, (size + 1) // 2),
            lambda t: t[(slice(None),) * (a % rank) + (slice(start, None, step),)], lambda t: t[..., :n],
            lambda t: t.unflatten(a, (1, size)), lambda t: t[:, None] if rank > 1 else t[None], lambda t: t.mT if rank > 1 else t,
            lambda t: torch.cat([t, t], a).contiguous(), lambda t: torch.stack([t, t], a), lambda t: t.flip(a),
        ]  # fmt: skip
    return data.draw(st.sampled_from(choices))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.data(), shapes)
def test_chains_of_views(same_as_torch: Check, data: st.DataObject, shape: tuple[int, ...]) -> None:
    steps = []
    current = torch.zeros(shape)
    for _ in range(data.draw(st.integers(1, 5))):
        step = some_view(data, current)
        current = step(current)
        steps.append(step)
        if current.numel() > 5000 or 0 in current.shape:
            break

    def chain(x: Tensor) -> list[Tensor]:
        made = []
        for step in steps:
            x = step(x)
            made.append(x)
        return made

    same_as_torch(chain, shape)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data(), shapes)
def test_wrong_axes_and_sizes_are_refused(same_as_torch: Check, data: st.DataObject, shape: tuple[int, ...]) -> None:
    rank = len(shape)
    a, b = some_axis(data, rank, 2), some_axis(data, rank, 2)
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    functions: dict[str, Callable[[Tensor], Any]] = {
        "transpose": lambda t: t.transpose(a, b), "unsqueeze": lambda t: t.unsqueeze(a), "sum": lambda t: t.sum(a),
        "softmax": lambda t: t.softmax(a), "flatten": lambda t: t.flatten(a, b), "narrow": lambda t: t.narrow(a, b, 2),
        "select": lambda t: t.select(a, b), "split": lambda t: t.split(sizes, a), "chunk": lambda t: t.chunk(3, a),
        "cat": lambda t: torch.cat([t, t], a), "stack": lambda t: torch.stack([t, t], a), "reshape": lambda t: t.reshape(sizes),
        "view with -1": lambda t: t.reshape(-1, *sizes), "expand": lambda t: t.expand(sizes), "unflatten": lambda t: t.unflatten(a, sizes),
        "index": lambda t: t[a], "index twice": lambda t: t[a, b], "unbind": lambda t: t.unbind(a), "movedim": lambda t: t.movedim(a, b),
        "cumsum": lambda t: t.cumsum(a), "topk": lambda t: t.topk(2, a), "max": lambda t: t.max(a), "glu": lambda t: torch.nn.functional.glu(t, a),
        "squeeze": lambda t: t.squeeze(a), "permute": lambda t: t.permute(a, b), "repeat": lambda t: t.repeat(sizes),
        "index_select": lambda t: t.index_select(a, torch.tensor([0, 0])), "flip": lambda t: t.flip(a),
        "repeat_interleave": lambda t: t.repeat_interleave(2, a),
    }  # fmt: skip
    name = data.draw(st.sampled_from(sorted(functions)))
    same_as_torch(functions[name], shape)


INDICES: dict[str, Any] = {
    "number": 1, "negative": -1, "slice": slice(1, None), "step": slice(None, None, 2), "empty": slice(2, 1), "ellipsis": ...,
    "new axis": None, "true": True, "pair": (0, 1), "pair of slices": (slice(1, 3), slice(0, 2)), "last axis": (..., -1),
    "new axis in between": (slice(None), None, 0), "list": [0, 2, 1], "list later": (slice(None), [0, 1]),
    "two lists": ([0, 1], [1, 0]), "lists apart": ([0, 1], slice(None), [1, 0]), "list and number": ([0, 1, 2], 0),
    "number then lists": (0, [0, 1], [1, 2]), "nested list": [[0, 1], [1, 0]], "lists that broadcast": ([[0], [1]], [0, 1, 2]),
    "tensor": torch.tensor([0, 1, 1]), "tensor of two axes": torch.tensor([[0, 1], [1, 0]]), "scalar tensor": torch.tensor(1),
    "tensor behind": (..., torch.tensor([0, 0, 1, 1])), "range": (slice(None), range(2)), "too many": (0, 0, 0, 0, 0),
    "out of range": 9, "stop beyond": slice(1, 99), "negative bounds": slice(-3, -1),
}  # fmt: skip


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_indexing(same_as_torch: Check, index: Any) -> None:
    same_as_torch(lambda x: x[index], (3, 4, 5, 6), strides=not isinstance(index, list | tuple | torch.Tensor))


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_assignment_leaves_the_shape_and_no_strangers(same_as_torch: Check, index: Any) -> None:
    def function(x: Tensor) -> Tensor:
        x = x.clone()
        x[index] = 0.0
        return x * 1

    graph = same_as_torch(function, (3, 4, 5, 6))
    if graph is not None:
        used = {value for node in graph.nodes for value in (*node.inputs, *node.outputs)}
        assert used == set(range(len(graph.values))), "a value that no node makes or reads"


@pytest.mark.parametrize("sections", [1, 2, 3, 7, [1], [2, 3], [0, 2, 2], [1, 99], [-2], [4, 2]])
def test_tensor_split(same_as_torch: Check, sections: Any) -> None:
    same_as_torch(lambda x: x.tensor_split(sections, 1), (2, 5, 3))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, [2, 3], [5, 0], [1, 1]])
def test_split(same_as_torch: Check, size: Any) -> None:
    same_as_torch(lambda x: torch.split(x, size, dim=1), (2, 5, 3))


@pytest.mark.parametrize("indexing", ["ij", "xy"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_meshgrid(same_as_torch: Check, indexing: str, count: int) -> None:
    same_as_torch(lambda *t: torch.meshgrid(*t, indexing=indexing), *[(n,) for n in (2, 3, 4)[:count]])


def test_windows_as_a_view(same_as_torch: Check) -> None:
    same_as_torch(lambda x: x.unfold(2, 3, 2).unfold(3, 2, 1), (1, 2, 7, 6))
    same_as_torch(lambda x: x.unfold(2, 9, 2), (1, 2, 7, 6))


@pytest.mark.parametrize("function", [
    lambda x: torch.permute(input=x, dims=(2, 0, 1)), lambda x: torch.flatten(input=x, start_dim=1),
    lambda x: x.view(size=(6, 4)), lambda x: torch.cat(tensors=(x, x), dim=2), lambda x: torch.stack(tensors=[x], dim=-1),
    lambda x: x.expand_as(x), lambda x: x.view_as(x), lambda x: x.T if x.dim() == 2 else x.permute(2, 1, 0),
    lambda x: torch.hstack([x, x]), lambda x: torch.vstack([x, x]), lambda x: x.swapaxes(0, 2), lambda x: x.rot90(1, (0, 2)),
    lambda x: x.repeat_interleave(2), lambda x: x.repeat_interleave(3, dim=1), lambda x: x.tile(2), lambda x: x.ravel(),
    lambda x: x.gather(2, torch.zeros(2, 3, 7, dtype=torch.int64)), lambda x: x.roll(1, 2), lambda x: x.type_as(x),
    lambda x: x.index_select(1, torch.tensor([0, 0, 1])), lambda x: x.take(torch.tensor([0, 5])), lambda x: x.tril(),
    lambda x: torch.nn.functional.one_hot(torch.arange(4), 5), lambda x: x.new_zeros(2, 3), lambda x: x.new_full((2,), 1.0),
    lambda x: x.masked_fill(x > 0, 0.0), lambda x: torch.zeros_like(x), lambda x: torch.full((2, 2), 3), lambda x: torch.eye(3),
    lambda x: torch.full_like(x, 2), lambda x: torch.arange(3), lambda x: torch.arange(1, 7, 2), lambda x: torch.arange(0.0, 1, 0.3),
    lambda x: torch.arange(start=1, end=4), lambda x: torch.linspace(0, 1, 5), lambda x: torch.linspace(0, 1, steps=6),
    lambda x: torch.tensor([[1, 2], [3, 4]]), lambda x: torch.tensor(1.5), lambda x: torch.tensor([True]), lambda x: x.new_tensor([1.0]),
    lambda x: torch.randint(0, 5, (2, 2)), lambda x: torch.randint(5, size=(3,)), lambda x: torch.randperm(4), lambda x: torch.empty(2, 3),
    lambda x: torch.ones((2, 3), dtype=torch.int32), lambda x: torch.rand(size=(2,)), lambda x: x.bernoulli(), lambda x: x.T.real,
    lambda x: x.contiguous(memory_format=torch.contiguous_format), lambda x: x.to(torch.float16), lambda x: x.half(), lambda x: x.long(),
    lambda x: x.to("cpu", torch.float64), lambda x: x.to(dtype=torch.bool), lambda x: x.to(x), lambda x: x.bool().int(), lambda x: x.double(),
    lambda x: x.unsqueeze(0).to(memory_format=torch.channels_last), lambda x: x.transpose(0, 2).clone(memory_format=torch.contiguous_format),
    lambda x: torch.atleast_3d(x), lambda x: x.diagonal(0, 0, 1), lambda x: torch.block_diag(x[0], x[1]), lambda x: torch.hsplit(x, 3),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:The use of `x.T`:UserWarning")
def test_other_forms(same_as_torch: Check, function: Callable[[Tensor], Any]) -> None:
    same_as_torch(function, (2, 3, 4))
