"""Products copy an operand exactly where torch does, for whatever layout it comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from convatlas.trace import trace


class Copies(TorchDispatchMode):
    """Counts the copies that torch makes."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        self.count += func is torch.ops.aten.clone.default
        return func(*args, **(kwargs or {}))


class Net(nn.Module):
    """A function of the inputs with their axes in another order."""

    def __init__(self, function: Callable[..., Tensor], *orders: list[int]) -> None:
        super().__init__()
        self.function, self.orders = function, orders
        self.weight = nn.Parameter(torch.zeros(2, 3))

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(self, *[x.permute(order) for x, order in zip(inputs, self.orders, strict=True)])


def agree(net: Net, *shapes: tuple[int, ...]) -> None:
    """``shapes`` are those of the permuted inputs."""
    stored = []
    for shape, order in zip(shapes, net.orders, strict=True):
        stored.append(tuple(shape[order.index(axis)] for axis in range(len(shape))))
    with Copies() as copies:
        net(*[torch.zeros(shape) for shape in stored])
    graph = trace(net, stored, training=True)
    made = [node for node in graph if node.op.kind == "copy" or getattr(node.op, "copies", False)]
    assert len(made) == copies.count, [str(node.op) for node in graph]


orders = st.integers(3, 5).flatmap(lambda rank: st.permutations(range(rank)))
batches = st.lists(st.sampled_from([2, 3, 4]), min_size=1, max_size=3)


@settings(deadline=None)
@given(st.data(), batches)
def test_products_of_stacks(data: st.DataObject, batch: list[int]) -> None:
    rank = len(batch) + 2
    both = [data.draw(st.permutations(range(rank))) for _ in range(2)]
    shared = [[1 if data.draw(st.booleans()) else n for n in batch] for _ in range(2)]
    net = Net(lambda m, a, b: a @ b, *both)
    agree(net, (*shared[0], 5, 6), (*shared[1], 6, 7))


@settings(deadline=None)
@given(orders, st.data())
def test_a_stack_times_one_matrix_and_a_linear_layer(order: list[int], data: st.DataObject) -> None:
    lead = [data.draw(st.sampled_from([2, 3, 4])) for _ in order[1:]]
    agree(Net(lambda m, x: x @ m.weight.T, order), (*lead, 3))
    agree(Net(lambda m, x: nn.functional.linear(x, m.weight), order), (*lead, 3))
