"""Which kernels a GPU runs for a graph: held to hand counts and to ATen's own rules."""

from __future__ import annotations

from functools import partial
from math import prod

import pytest

from convatlas.devices.card import Card
from convatlas.devices.cuda.kernels import kernels_of
from convatlas.devices.kernel import Kernel
from convatlas.devices.lower import lower
from convatlas.devices.profile import LEAST_SHARE, Profile
from convatlas.graph import Graph, TensorSpec
from convatlas.graph.ops import Activation, Attention, BatchNorm, Binary, Conv, LayerNorm, Linear, Permute, View

CARD = Card(
    name="a card", flops={"float16": 1e14}, vector_flops=1e13, bandwidth=1e12, l2_bytes=2**22, processors=100, clock_hz=2e9,
    memory_bytes=2**34, source="made up",
)  # fmt: skip


def convolution(
    channels: int, filters: int, size: int, taps: int = 3, stride: int = 1, groups: int = 1, batch: int = 8, dtype: str = "float16"
) -> Graph:
    graph = Graph()
    image = graph.add_input(TensorSpec((batch, channels, size, size), dtype))
    weight = graph.add_parameter("weight", TensorSpec((filters, channels // groups, taps, taps), dtype))
    padding = ((taps // 2, taps // 2),) * 2
    graph.outputs = [graph.add_node(Conv((stride, stride), padding, (1, 1), groups), image, weight)]
    return graph


def kernels(graph: Graph, *, channels_last: bool = False) -> list[Kernel]:
    return [kernel for kernel, _ in lower(graph, kernels_of, channels_last=channels_last)]


def test_a_convolution_is_the_product_that_im2col_would_make() -> None:
    (kernel,) = kernels(convolution(64, 128, 14))
    assert kernel.product == (8 * 14 * 14, 64 * 9, 128, 1)
    assert kernel.bytes_read == 2 * (8 * 64 * 14 * 14 + 128 * 64 * 9)
    assert kernel.bytes_written == 2 * 8 * 128 * 14 * 14


@pytest.mark.parametrize(
    ("channels", "size", "taps", "stride", "kind"),
    [
        (64, 14, 3, 1, "depthwise"),  # cuDNN takes every odd window up to 5 at stride 1
        (64, 14, 7, 1, "depthwise_aten"),
        (16, 14, 3, 1, "depthwise_aten"),  # fewer than 32 channels
        (64, 6, 3, 1, "depthwise_aten"),  # narrower than 7
        (512, 14, 3, 2, "depthwise"),
        (256, 14, 3, 2, "depthwise_aten"),
        (256, 28, 5, 2, "depthwise"),
    ],
)
def test_who_runs_a_depthwise_convolution_is_atens_choice(channels: int, size: int, taps: int, stride: int, kind: str) -> None:
    graph = convolution(channels, channels, size, taps, stride, groups=channels)
    assert [kernel.kind for kernel in kernels(graph)] == [kind]
    assert [kernel.kind for kernel in kernels(graph, channels_last=True)] == ["depthwise"]


def test_depthwise_in_float32_is_atens() -> None:
    assert kernels(convolution(64, 64, 14, groups=64, dtype="float32"))[0].kind == "depthwise_aten"


def test_channels_last_goes_through_the_network_without_copies() -> None:
    graph = convolution(64, 128, 14)
    scale = [graph.add_parameter(name, TensorSpec((128,))) for name in "wbmv"]
    normed = graph.add_node(BatchNorm(), graph.outputs[0], *scale)
    graph.add_node(Activation("relu", in_place=True), normed)
    assert [(kernel.kind, kernel.layout) for kernel in kernels(graph, channels_last=True)] == [
        ("conv", "nhwc"), ("batch_norm", "nhwc"), ("relu", "nhwc"),
    ]  # fmt: skip


def test_layer_norm_over_permuted_channels_copies_first() -> None:
    graph = Graph()
    image = graph.add_input(TensorSpec((8, 64, 14, 14), "float16"))
    last = graph.add_node(Permute((0, 2, 3, 1)), image)
    graph.add_node(LayerNorm(1), last)
    assert [kernel.kind for kernel in kernels(graph)] == ["transpose", "layer_norm"]
    assert [kernel.kind for kernel in kernels(graph, channels_last=True)] == ["layer_norm"]


def test_views_cost_nothing_until_a_layout_forbids_them() -> None:
    graph = Graph()
    image = graph.add_input(TensorSpec((8, 64, 14, 14)))
    graph.add_node(View((8, 64, 196)), image)
    assert kernels(graph) == []
    graph.add_node(View((8, 64 * 14, 14)), graph.add_node(Permute((0, 3, 2, 1)), image))
    (made,) = kernels(graph)
    assert made.bytes_read == made.bytes_written == 4 * 8 * 64 * 196


def test_a_residual_of_another_layout_is_told_from_one_of_the_same() -> None:
    graph = Graph()
    image = graph.add_input(TensorSpec((8, 16, 16, 16)))
    graph.add_node(Binary("add"), image, image)
    graph.add_node(Binary("add"), image, graph.add_node(Permute((0, 1, 3, 2)), image))
    assert [kernel.kind for kernel in kernels(graph)] == ["add/same", "add/crossed"]


_BY_HAND = ["mul", "mul", "rows", "rows", "matmul", "softmax", "matmul"]


@pytest.mark.parametrize(
    ("shape", "torch", "kinds"),
    [
        ((2, 4, 49, 32), (2, 9), ["attention"]),
        ((2, 4, 49, 32), (1, 13), _BY_HAND),  # before torch had a fused one
        ((2, 9, 4, 49, 32), (2, 4), _BY_HAND),  # no fused kernel takes five axes
        ((2, 9, 4, 49, 32), (2, 9), ["cast"] * 4 + _BY_HAND),  # and since 2.5 torch's own is in float32
    ],
)
def test_which_attention_is_fused(shape: tuple[int, ...], torch: tuple[int, int], kinds: list[str]) -> None:
    graph = Graph()
    given = [graph.add_input(TensorSpec(shape, "float16")) for _ in range(3)]
    graph.add_node(Attention(), *given)
    made = [kernel for kernel, _ in lower(graph, partial(kernels_of, torch=torch))]
    assert [kernel.kind for kernel in made] == kinds
    assert sum(kernel.macs for kernel in made) == 2 * prod(shape) * 49


def test_a_linear_layer_has_one_row_for_each_token() -> None:
    graph = Graph()
    tokens = graph.add_input(TensorSpec((8, 49, 96), "float16"))
    weight = graph.add_parameter("weight", TensorSpec((384, 96), "float16"))
    graph.add_node(Linear(), tokens, weight)
    (kernel,) = kernels(graph)
    assert kernel.product == (8 * 49, 96, 384, 1)
    assert kernel.weight_bytes == 2 * 384 * 96


def test_no_kernel_is_faster_than_the_datasheet_allows_even_without_coefficients() -> None:
    (kernel,) = kernels(convolution(512, 512, 28, batch=64))
    assert kernel.seconds(Profile(name="ideal", card=CARD, coefficients={})) == pytest.approx(LEAST_SHARE * 2 * kernel.macs / 1e14)
