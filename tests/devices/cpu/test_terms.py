"""A CPU's convolutions by ATen's own choice of kernel, and times that no larger batch makes shorter."""

from __future__ import annotations

import pytest
import torch

from convatlas.api.counting import trace
from convatlas.devices.card import Card
from convatlas.devices.cpu.lower import kernels_of
from convatlas.devices.cpu.terms import least_seconds, terms
from convatlas.devices.lower import lower
from convatlas.graph.batch import batched
from convatlas.graph.ops import Conv
from convatlas.graph.spec import TensorSpec

CARD = Card(
    name="some_cpu_2_threads", flops={"float32": 2e11}, vector_flops=2e11, bandwidth=2e10, l2_bytes=2**25, processors=2,
    clock_hz=2e9, memory_bytes=2**34, source="a test",
)  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("image", "weight", "stride", "groups"),
    [
        ((1, 160, 7, 7), (320, 160, 1, 1), 1, 1),
        ((1, 160, 7, 7), (320, 160, 3, 3), 1, 1),
        ((1, 64, 56, 56), (64, 64, 1, 1), 1, 1),
        ((8, 64, 28, 28), (128, 64, 1, 1), 1, 1),
        ((8, 64, 28, 28), (128, 64, 1, 1), 2, 1),
        ((16, 64, 28, 28), (128, 64, 1, 1), 1, 1),
        ((1, 16, 14, 14), (16, 16, 5, 5), 1, 1),
        ((1, 32, 14, 14), (32, 1, 3, 3), 1, 32),
        ((8, 32, 14, 14), (64, 32, 3, 3), 1, 1),
        ((8, 32, 14, 14), (32, 1, 1, 1), 1, 32),
        ((1, 32, 14, 14), (64, 8, 1, 1), 1, 4),
    ],
)
def test_torchs_own_kernel_runs_where_aten_chooses_it(
    image: tuple[int, ...], weight: tuple[int, ...], stride: int, groups: int, threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        chosen = torch._C._select_conv_backend(
            torch.zeros(image), torch.zeros(weight), None, [stride] * 2, [0, 0], [1, 1], False, [0, 0], groups, None
        )
    finally:
        torch.set_num_threads(before)
    op = Conv((stride, stride), groups=groups)
    inputs = TensorSpec(image), TensorSpec(weight)
    (kernel,), _ = kernels_of(op, inputs, (None, None), (op.output(*inputs),), threads=threads)
    assert kernel.kind.endswith("/native") == (chosen == torch._C._ConvBackend.Slow2d)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnext50_32x4d", "convnext_tiny"])
def test_no_term_shrinks_with_the_batch_nor_lies_below_nothing(name: str) -> None:
    graph = trace(name)

    def seconds(batch: int) -> float:
        kernels = [launch.kernel for launch in lower(batched(graph, batch), kernels_of)]
        values = [value for kernel in kernels for _, value in terms(kernel, CARD)]
        assert min(values) >= 0
        return sum(values) + sum(least_seconds(kernel, CARD) for kernel in kernels)

    assert seconds(2) < seconds(4) < seconds(16)
