"""Products that torch makes of several: contractions, chains, attention, deformable convolution; beside torch's own counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.trace import trace

Shapes = list[tuple[int, ...]]
SIZES = dict(zip("bijklmn", range(2, 9), strict=True))
EQUATIONS = (
    "i,j->ij", "bi,bi->b", "bi,bi->bi", "ij,jk->k", "bij,bjk->bik", "ij,jk,kl->il", "ij,kj,lj->ikl", "bi,bj,bk->bijk", "ij->",
    "ij,ij->", "bij,ij->bi", "bij,kj->b", "ij,k->k", "i,i,i->i", "ij->ji", "b,bij->bij", "ij,jk,jl->", "bn,bm,nm->b",
)  # fmt: skip
PRODUCTS: dict[str, tuple[Callable[..., Any], Shapes]] = {
    "tensordot over two axes": (lambda a, b: torch.tensordot(a, b, dims=2), [(2, 3, 4), (3, 4, 5)]),
    "tensordot over named axes": (lambda a, b: torch.tensordot(a, b, dims=([1, 0], [0, 2])), [(3, 4, 5), (4, 2, 3)]),
    "inner": (torch.inner, [(3, 8), (2, 4, 8)]),
    "chain of three": (lambda *t: torch.linalg.multi_dot(t), [(3, 8), (8, 4), (4, 2)]),
    "chain whose order matters": (lambda *t: torch.linalg.multi_dot(t), [(10, 30), (30, 5), (5, 60), (60, 3)]),
    "chain between vectors": (lambda *t: torch.linalg.multi_dot(t), [(8,), (8, 4), (4,)]),
    "attention, one query for a batch of keys": (F.scaled_dot_product_attention, [(1, 2, 5, 8), (3, 2, 7, 8), (3, 2, 7, 8)]),
    "attention of few heads for many": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), [(3, 8, 5, 8), (3, 2, 7, 8), (3, 2, 7, 6)],
    ),
    "attention without heads": (F.scaled_dot_product_attention, [(5, 8), (7, 8), (7, 4)]),
    **{
        f"einsum {equation}": (
            lambda *t, equation=equation: torch.einsum(equation, *t),
            [tuple(SIZES[letter] for letter in term) for term in equation.partition("->")[0].split(",")],
        )
        for equation in EQUATIONS
    },
}  # fmt: skip


class Net(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


@pytest.mark.parametrize("way", ["quick", "exact"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_macs_are_those_that_torch_counts(name: str, way: str) -> None:
    function, shapes = PRODUCTS[name]
    tensors = [torch.rand(shape) for shape in shapes]
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        made = function(*tensors)
    counted = cost(trace(Net(function), shapes, way=way))
    assert (counted.macs, counted.uncounted) == (counter.get_total_flops() // 2, {})
    assert [counted.graph.values[value].shape for value in counted.graph.outputs] == [tuple(made.shape)]


def by_parameters(function: Callable[..., Any], shapes: Shapes) -> nn.Module:
    """The function of parameters, times the input."""

    class Trained(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tensors = nn.ParameterList([torch.rand(shape) for shape in shapes])

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = function(*self.tensors)
            return made * x

    return Trained()


@pytest.mark.parametrize("name", [name for name in PRODUCTS if not name.startswith("attention")])
def test_backward_macs_are_those_that_torch_counts(name: str) -> None:
    network = by_parameters(*PRODUCTS[name])
    made = network(torch.rand(1))
    with FlopCounterMode(display=False) as counter:
        made.sum().backward()
    assert cost(trace(network, (1,), training=True)).backward_macs == counter.get_total_flops() // 2


@pytest.mark.parametrize("equation", EQUATIONS[:-1])  # of the last one torch copies an operand, to see it in another shape
def test_einsum_keeps_as_many_bytes(equation: str, saved_storages: Callable[..., Any]) -> None:
    function, shapes = PRODUCTS[f"einsum {equation}"]
    tensors = [torch.rand(shape, requires_grad=True) for shape in shapes]
    own = {tensor.untyped_storage().data_ptr(): place for place, tensor in enumerate(tensors)}
    made, sizes = saved_storages(function, *tensors)
    assert made is not None
    graph = trace(Net(function), shapes)
    node = next(node for node in graph if node.op.kind == "einsum")
    kept = node.op.kept(graph.specs(node.inputs), graph.specs(node.outputs), [True] * len(shapes))
    assert set(kept.inputs) == {own[storage] for storage in sizes if storage in own}
    assert sum(spec.nbytes for spec in kept.extra) == sum(size for storage, size in sizes.items() if storage not in own)


def test_the_sublist_form_of_einsum() -> None:
    network = Net(lambda a, b: torch.einsum(a, [..., 0, 1], b, [1, 2], [..., 0, 2]))
    assert cost(trace(network, [(2, 5, 6), (6, 7)])).macs == 2 * 5 * 6 * 7


def test_a_query_may_be_a_parameter() -> None:
    class Pooling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Parameter(torch.rand(1, 2, 5, 8))

        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(self.query, x, x)

    assert cost(trace(Pooling(), (3, 2, 7, 8))).macs == 3 * 2 * 5 * 7 * (8 + 8)


@pytest.mark.parametrize(
    ("function", "shapes", "message"),
    [
        (lambda a, b: torch.tensordot(a, b, dims=1), [(2, 3), (4, 5)], "differ in size"),
        (lambda *t: torch.linalg.multi_dot(t), [(2, 3), (4, 5)], "do not fit"),
        (F.bilinear, [(2, 3), (2, 4), (5, 4, 3)], "does not fit the weight"),
        (F.scaled_dot_product_attention, [(1, 2, 5, 8), (1, 2, 7, 6), (1, 2, 7, 6)], "do not fit each other"),
        (F.scaled_dot_product_attention, [(1, 8, 5, 8), (1, 2, 7, 8), (1, 2, 7, 8)], "do not broadcast"),
    ],
)
def test_what_torch_refuses_is_refused(function: Callable[..., Any], shapes: Shapes, message: str) -> None:
    with pytest.raises(RuntimeError):
        function(*[torch.rand(shape) for shape in shapes])
    with pytest.raises(ValueError, match=message):
        trace(Net(function), shapes)


def deformed(x: Tensor, offset: Tensor, weight: Tensor, *mask: Tensor) -> Tensor:
    from torchvision.ops import deform_conv2d

    made: Tensor = deform_conv2d(x, offset, weight, None, (2, 1), (1, 1), 1, *mask)
    return made


def test_a_deformable_convolution_costs_as_one_of_its_size_and_the_look_ups() -> None:
    shapes = [(2, 4, 9, 8), (2, 18, 5, 8), (6, 2, 3, 3)]  # two groups of two channels
    made = deformed(*[torch.rand(shape) for shape in shapes])
    graph = trace(Net(deformed), shapes, way="exact")
    counted = cost(graph)
    assert graph.values[graph.outputs[0]].shape == tuple(made.shape) == (2, 6, 5, 8)
    assert counted.macs == 2 * 6 * 40 * 2 * 9
    looked_up = 2 * 4 * 9 * 40  # channels x taps x positions, 4 products and 4 sums each; a bias that torchvision always adds
    assert counted.elementwise == looked_up * 8 + made.numel()
    masked = cost(trace(Net(deformed), [*shapes, (2, 9, 5, 8)], way="exact"))
    assert masked.elementwise == counted.elementwise + looked_up
