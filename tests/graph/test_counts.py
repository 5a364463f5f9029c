"""Every op's count on a tiny network, worked out by hand. MACs leave biases out; element-wise operations are apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convatlas.analysis.cost import cost
from convatlas.graph import Graph, TensorSpec
from convatlas.graph.ops import OPS, Insert, StochasticDepth, Uncounted
from convatlas.trace import trace

Shapes = list[tuple[int, ...]]


class Case(NamedTuple):
    op: str
    network: nn.Module | Callable[..., Any]
    inputs: Shapes
    macs: int
    elementwise: int
    training: bool = False


class Net(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


CASES: dict[str, Case] = {
    # 4 x 6x6 outputs, each 3 x 3x3 taps: 144 x 27; a bias for each of 144
    "convolution": Case("Conv", nn.Conv2d(3, 4, 3), [(1, 3, 8, 8)], 144 * 27, 144),
    # no bias: nothing element-wise; batch of 2: 2 x 4 x 8x8 outputs x 27
    "convolution, batch of 2": Case("Conv", nn.Conv2d(3, 4, 3, padding=1, bias=False), [(2, 3, 8, 8)], 512 * 27, 0),
    # 6 x 4x4 outputs, each sees 4/2 channels x 9 taps
    "grouped": Case("Conv", nn.Conv2d(4, 6, 3, 2, 1, groups=2, bias=False), [(1, 4, 8, 8)], 96 * 18, 0),
    # 8 x 5x5 outputs, each sees one channel x 9 taps
    "depthwise": Case("Conv", nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), [(1, 8, 5, 5)], 200 * 9, 0),
    # dilation 2 leaves 8 - 4 = 4: 2 x 4x4 outputs x 3 x 9; the taps count, not their reach
    "dilated": Case("Conv", nn.Conv2d(3, 2, 3, dilation=2, bias=False), [(1, 3, 8, 8)], 32 * 27, 0),
    # 5 outputs x 2 filters x 3 channels x 4 taps
    "1d": Case("Conv", nn.Conv1d(3, 2, 4, bias=False), [(1, 3, 8)], 10 * 12, 0),
    # 2x2x2 outputs x 2 filters x 1 channel x 27 taps
    "3d": Case("Conv", nn.Conv3d(1, 2, 3, bias=False), [(1, 1, 4, 4, 4)], 16 * 27, 0),
    # the input's 3 x 4x4 elements each go to 2 channels x 3x3 places; 2 x 9x9 outputs have a bias
    "transposed": Case("ConvTranspose", nn.ConvTranspose2d(3, 2, 3, 2), [(1, 3, 4, 4)], 48 * 18, 162),
    # two groups: each of the 4 x 4x4 elements goes to 3 of the 6 channels x 4 places
    "transposed, grouped": Case("ConvTranspose", nn.ConvTranspose2d(4, 6, 2, 2, groups=2, bias=False), [(1, 4, 4, 4)], 64 * 12, 0),
    "columns": Case("Unfold", nn.Unfold(3), [(1, 2, 5, 5)], 0, 0),  # only moves elements
    # 2 x 9 x 9 columns, each added once
    "columns back": Case("Fold", nn.Fold((5, 5), 3), [(1, 18, 9)], 0, 162),
    "linear": Case("Linear", nn.Linear(5, 7), [(2, 5)], 2 * 7 * 5, 14),
    "linear over a map": Case("Linear", nn.Linear(5, 7, bias=False), [(2, 3, 3, 5)], 18 * 7 * 5, 0),
    # 2 x 3x5 outputs of 4 products
    "matrix product": Case("Matmul", Net(torch.matmul), [(2, 3, 4), (4, 5)], 30 * 4, 0),
    "product with an addend": Case("Matmul", Net(torch.addmm), [(3, 5), (3, 4), (4, 5)], 15 * 4, 15),
    # each of 2 rows takes 6 matrices of 4 x 5, and a bias for each
    "bilinear": Case("Bilinear", nn.Bilinear(4, 5, 6), [(2, 4), (2, 5)], 2 * 120, 12),
    # n, h, w, c, d all run: 2 x 3 x 3 x 4 x 5
    "einsum": Case("Einsum", Net(lambda x, w: torch.einsum("nchw,cd->ndhw", x, w)), [(2, 4, 3, 3), (4, 5)], 360, 0),
    # first i j k (2x3x4) into i k, then i k l (2x4x5)
    "einsum of three": Case("Einsum", Net(lambda *t: torch.einsum("ij,jk,kl->il", *t)), [(2, 3), (3, 4), (4, 5)], 24 + 40, 0),
    # scores: 2 heads x 3 queries x 4 keys x 5 features; then as much again times 6 value features; softmax and scale on 24 scores
    "attention": Case("Attention", Net(F.scaled_dot_product_attention), [(1, 2, 3, 5), (1, 2, 4, 5), (1, 2, 4, 6)], 24 * 11, 24 * 4),
    # each of 2 steps x 3 samples: (5 + 4) x 4 products for each gate; a sum, two biases for each; 9, 7 or 1 functions a unit
    "lstm": Case("Lstm", nn.LSTM(5, 4), [(2, 3, 5)], 6 * 4 * 36, 6 * 4 * (4 * 3 + 9)),
    "gru": Case("Gru", nn.GRU(5, 4), [(2, 3, 5)], 6 * 3 * 36, 6 * 4 * (3 * 3 + 7)),
    "recurrent cell": Case("Rnn", nn.RNNCell(5, 4, bias=False), [(3, 5)], 3 * 36, 3 * 4 * 2),
    # running statistics: a factor and a summand for each of 2 x 3 x 4x4
    "batch norm": Case("BatchNorm", nn.BatchNorm2d(3), [(2, 3, 4, 4)], 0, 96 * 2),
    # the batch's own: mean, variance (2), subtract, divide, scale, shift; and one count of batches
    "batch norm in training": Case("BatchNorm", nn.BatchNorm2d(3), [(2, 3, 4, 4)], 0, 96 * 6 + 1, training=True),
    "layer norm": Case("LayerNorm", nn.LayerNorm(6), [(2, 4, 6)], 0, 48 * 6),
    "layer norm without weights": Case("LayerNorm", nn.LayerNorm(6, elementwise_affine=False), [(2, 4, 6)], 0, 48 * 4),
    # square, sum, divide; scale
    "rms norm": Case("RMSNorm", nn.RMSNorm(6), [(2, 4, 6)], 0, 48 * 4),
    "group norm": Case("GroupNorm", nn.GroupNorm(2, 4), [(1, 4, 3, 3)], 0, 36 * 6),
    "instance norm": Case("InstanceNorm", nn.InstanceNorm2d(4), [(1, 4, 3, 3)], 0, 36 * 6),
    # squares over 5 channels, then factor, summand, power, divide, and the square itself
    "local response norm": Case("LocalResponseNorm", nn.LocalResponseNorm(5), [(1, 8, 2, 2)], 0, 32 * 10),
    # 3 x 2x2 windows of 3x3
    "max pool": Case("MaxPool", nn.MaxPool2d(3, 2), [(1, 3, 5, 5)], 0, 12 * 9),
    "average pool": Case("AvgPool", nn.AvgPool2d(2), [(1, 3, 5, 5)], 0, 12 * 4),
    "norm pool": Case("LpPool", nn.LPPool2d(2, 2), [(1, 3, 4, 4)], 0, 12 * 4),
    # everything is read once
    "global pool": Case("AdaptiveAvgPool", nn.AdaptiveAvgPool2d(1), [(1, 3, 5, 5)], 0, 75),
    # 5 into 2: windows 0-2 and 2-4, so 6 taps an axis
    "adaptive max pool": Case("AdaptiveMaxPool", nn.AdaptiveMaxPool2d(2), [(1, 3, 5, 5)], 0, 3 * 36),
    "activation": Case("Activation", nn.ReLU(), [(2, 3)], 0, 6),
    # add 3, clip twice, multiply, divide
    "hard swish": Case("Activation", nn.Hardswish(), [(2, 3)], 0, 30),
    "number": Case("Activation", Net(lambda x: x * 2), [(2, 3)], 0, 6),
    # broadcast: an operation for each of 2 x 3 x 4
    "sum of two": Case("Binary", Net(torch.add), [(2, 3, 1), (1, 4)], 0, 24),
    "learnt slope": Case("Prelu", nn.PReLU(3), [(1, 3, 2, 2)], 0, 24),
    # half of 8 channels: a sigmoid and a product
    "gate": Case("Glu", nn.GLU(1), [(1, 8, 2, 2)], 0, 32),
    # exp, sum, divide
    "softmax": Case("Softmax", nn.Softmax(1), [(2, 10)], 0, 60),
    "dropout": Case("Dropout", nn.Dropout(0.5), [(2, 10)], 0, 40, training=True),  # draw and scale
    "cast": Case("Cast", Net(lambda x: x.half()), [(2, 3)], 0, 0),
    "choice": Case("Where", Net(lambda m, x: torch.where(m > 0, x, 0.0)), [(2, 3), (2, 3)], 0, 6 + 6),  # the comparison too
    "mean": Case("Reduce", Net(lambda x: x.mean((2, 3))), [(1, 3, 4, 4)], 0, 48),
    # mean, subtract, square
    "variance": Case("Reduce", Net(lambda x: x.var(1)), [(2, 5)], 0, 30),
    "extreme with its place": Case("Select", Net(lambda x: x.max(1)[0]), [(2, 5)], 0, 10),
    "running sum": Case("Cumulative", Net(lambda x: x.cumsum(1)), [(2, 5)], 0, 10),
    # log-softmax (3) and the pick, counted for every logit
    "loss": Case("Loss", Net(lambda x: F.cross_entropy(x, torch.zeros(4, dtype=torch.int64))), [(4, 5)], 0, 80),
    # 3 x 8x8 outputs of 4 taps, a product and a sum each
    "bilinear resampling": Case("Interpolate", nn.Upsample(scale_factor=2, mode="bilinear"), [(1, 3, 4, 4)], 0, 192 * 8),
    "nearest resampling": Case("Interpolate", nn.Upsample(scale_factor=2), [(1, 3, 4, 4)], 0, 0),
    # 4 taps, a product and a sum each, for 2 x 5x5
    "look-up": Case("GridSample", Net(lambda x, g: F.grid_sample(x, g, align_corners=False)), [(1, 2, 4, 4), (1, 5, 5, 2)], 0, 50 * 8),
    # 16 taps; 8 in three dimensions; the nearest one is only moved
    "cubic look-up": Case("GridSample", Net(lambda x, g: F.grid_sample(x, g, mode="bicubic", align_corners=False)), [(1, 2, 4, 4), (1, 5, 5, 2)], 0, 50 * 32),
    "look-up in a volume": Case("GridSample", Net(lambda x, g: F.grid_sample(x, g, align_corners=False)), [(1, 2, 4, 4, 4), (1, 2, 2, 2, 3)], 0, 16 * 16),
    "nearest look-up": Case("GridSample", Net(lambda x, g: F.grid_sample(x, g, mode="nearest", align_corners=False)), [(1, 2, 4, 4), (1, 5, 5, 2)], 0, 0),
    # what moves elements computes nothing
    "view": Case("View", nn.Flatten(), [(2, 3, 4)], 0, 0),
    "permutation": Case("Permute", Net(lambda x: x.permute(0, 2, 1)), [(2, 3, 4)], 0, 0),
    "expansion": Case("Expand", Net(lambda x: x.expand(2, 3)), [(1, 3)], 0, 0),
    "part": Case("Slice", Net(lambda x: x[:, 1:]), [(2, 3)], 0, 0),
    "parts": Case("Split", Net(lambda x: x.chunk(2, 1)), [(2, 4)], 0, 0),
    "concatenation": Case("Concat", Net(lambda x, y: torch.cat([x, y], 1)), [(2, 3), (2, 4)], 0, 0),
    "stack": Case("Stack", Net(lambda x, y: torch.stack([x, y])), [(2, 3), (2, 3)], 0, 0),
    "padding": Case("Pad", nn.ZeroPad2d(1), [(1, 2, 3, 3)], 0, 0),
    "copy": Case("Copy", Net(lambda x: x.clone()), [(2, 3)], 0, 0),
    # 2 bags of 3 rows of 5: an addition for each element read
    "bags": Case("EmbeddingBag", nn.EmbeddingBag(7, 5, mode="sum"), [TensorSpec((2, 3), "int64")], 0, 30),
    # 3x5 weights squared, added and scaled; 2x5 outputs x 3
    "weight of direction and length": Case(
        "WeightNorm", nn.utils.parametrizations.weight_norm(nn.Linear(3, 5, bias=False)), [(2, 3)], 30, 45
    ),
    # 3x4 pairs: nothing moves but what `abs` reads, once for each complex number
    "pairs as complex numbers": Case("Reinterpret", Net(lambda x: torch.view_as_complex(x).abs()), [(3, 4, 2)], 0, 12),
    "assignment": Case("Assign", Net(lambda x: x.clone().copy_(x)), [(2, 3)], 0, 0),
    "gathering": Case("Gather", Net(lambda x: x[torch.tensor([0, 1])]), [(2, 3)], 0, 0),
    "embedding": Case("Embedding", Net(lambda x: F.embedding(torch.zeros(2, dtype=torch.int64), x)), [(5, 3)], 0, 0),
    "pixel shuffle": Case("PixelShuffle", nn.PixelShuffle(2), [(1, 8, 2, 2)], 0, 0),
    "channel shuffle": Case("ChannelShuffle", nn.ChannelShuffle(2), [(1, 4, 2, 2)], 0, 0),
    "flip": Case("Flip", Net(lambda x: x.flip(1)), [(2, 3)], 0, 0),
    "roll": Case("Roll", Net(lambda x: x.roll(1, 1)), [(2, 3)], 0, 0),
    "repetition": Case("Repeat", Net(lambda x: x.repeat(2, 1)), [(2, 3)], 0, 0),
    "windows": Case("Windows", Net(lambda x: x.unfold(1, 2, 1)), [(2, 3)], 0, 0),
    "new tensor": Case("Fill", Net(lambda x: x.new_zeros(3)), [(2, 3)], 0, 0),
    "another name": Case("Alias", Net(lambda x: x.detach()), [(2, 3)], 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore:.*var.*degrees of freedom:UserWarning")
def test_count_by_hand(case: Case) -> None:
    assert isinstance(case.network, nn.Module)
    graph = trace(case.network, case.inputs, training=case.training)
    assert case.op in {type(node.op).__name__ for node in graph}
    counted = cost(graph)
    assert counted.uncounted == {}
    assert (counted.macs, counted.elementwise) == (case.macs, case.elementwise)


def test_every_op_has_a_count_by_hand() -> None:
    assert {case.op for case in CASES.values()} | {
        "StochasticDepth",
        "DeformConv",
        "Uncounted",
        "Custom",
        "Gradient",
        "Insert",
    } == set(OPS)


def test_what_a_view_wrote_is_moved_by_the_call_that_writes() -> None:
    graph = Graph()
    whole, part = (graph.add_input(TensorSpec(shape)) for shape in ((4, 6), (4, 2)))
    graph.outputs.append(graph.add_node(Insert((0, 3), (1, 1), (0, 1)), whole, part))
    counted = cost(graph)
    assert (counted.bytes_moved, counted.activation_bytes, counted.elementwise) == (0, 0, 0)


def test_stochastic_depth_scales_each_element_in_training_only() -> None:
    for training, operations in ((True, 24), (False, 0)):
        graph = Graph()
        graph.outputs.append(graph.add_node(StochasticDepth(0.1, training), graph.add_input(TensorSpec((2, 3, 2, 2)))))
        assert cost(graph).elementwise == operations


def test_an_unknown_op_is_listed_and_not_silently_zero() -> None:
    counted = cost(trace(Net(lambda x: torch.linalg.inv(x)), (3, 3)))
    assert counted.uncounted == {"linalg_inv_ex": 1}
    assert [layer.counted for layer in counted.layers] == [False]
    graph = Graph()
    graph.add_node(Uncounted("mystery", (((2, 3), "float32"),)), graph.add_input(TensorSpec((2,))))
    assert cost(graph).uncounted == {"mystery": 1}


BACKWARD: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    # the first layer's input needs no gradient: once for the weight
    "first convolution": (nn.Conv2d(3, 4, 3), (1, 3, 8, 8), 144 * 27),
    # depthwise, then pointwise: weight of the first (200 x 9); weight and input of the second (2 x 150 x 8)
    "depthwise first": (nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 6, 1)), (1, 8, 5, 5), 1800 + 2 * 1200),
    # pointwise first (200 x 4); depthwise second: twice 200 x 9
    "depthwise second": (nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, 1, 1, groups=8)), (1, 4, 5, 5), 800 + 2 * 1800),
    # grouped second: twice 6 x 4x4 x 2 x 9, after 8x8 x 4 x 3
    "grouped second": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 6, 3, 2, 1, groups=2)), (1, 3, 8, 8), 768 + 2 * 1728),
    # 5x7 weights once, then 7x2 twice
    "two linear layers": (nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2)), (1, 5), 35 + 2 * 14),
    # 4x4 x 3 x 2 x 9, once
    "transposed": (nn.ConvTranspose2d(3, 2, 3, 2), (1, 3, 4, 4), 48 * 18),
}


@pytest.mark.parametrize("case", BACKWARD)
def test_backward_by_hand(case: str) -> None:
    network, shape, macs = BACKWARD[case]
    assert cost(trace(network, shape)).backward_macs == macs


def test_backward_leaves_frozen_layers_out() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1), nn.Conv2d(5, 6, 1))
    for parameter in network[0].parameters():
        parameter.requires_grad_(False)
    # the second layer's weight only (8x8 x 4x5), the third's weight and input (2 x 8x8 x 5x6)
    assert cost(trace(network, (1, 3, 8, 8))).backward_macs == 64 * 20 + 2 * 64 * 30


@pytest.mark.parametrize(
    ("network", "inputs", "read", "written"),
    [
        # input 3x8x8, weight 4x3x3x3, bias 4; output 4x6x6; four bytes each
        pytest.param(nn.Conv2d(3, 4, 3), [(1, 3, 8, 8)], 4 * (192 + 108 + 4), 4 * 144, id="convolution"),
        pytest.param(Net(torch.add), [(2, 3), (2, 3)], 4 * 12, 4 * 6, id="sum"),
        pytest.param(Net(torch.add), [(2, 3), (1, 3)], 4 * 9, 4 * 6, id="sum with a broadcast row"),
        pytest.param(nn.Flatten(), [(2, 3, 4)], 0, 0, id="view"),
        pytest.param(nn.ReLU(inplace=True), [(2, 3)], 24, 24, id="in-place relu"),
        pytest.param(nn.Dropout(), [(2, 3)], 0, 0, id="dropout that is off"),
        pytest.param(Net(lambda x: x.half()), [(2, 3)], 24, 12, id="cast to two bytes"),
        # rows 0 and 1 of five: two indices of eight bytes, and what is picked
        pytest.param(Net(lambda x: x[[0, 1]]), [(5, 3)], 16 + 24, 24 + 16, id="gathering"),
    ],
)
def test_bytes_by_hand(network: nn.Module, inputs: Shapes, read: int, written: int) -> None:
    counted = cost(trace(network, inputs))
    assert (counted.bytes_read, counted.bytes_written) == (read, written)


def test_an_in_place_relu_takes_no_new_memory_and_moves_as_much() -> None:
    plain, overwriting = (cost(trace(nn.ReLU(inplace), (2, 3))) for inplace in (False, True))
    assert (plain.activation_bytes, overwriting.activation_bytes) == (24, 0)
    assert plain.bytes_moved == overwriting.bytes_moved


def test_statistics_of_the_batch_take_a_second_pass_over_the_input() -> None:
    shape = (2, 3, 4, 4)  # 96 elements; weight, bias, mean and variance of 3; the counter's 8 bytes are read and written
    assert cost(trace(nn.BatchNorm2d(3), shape)).bytes_read == 4 * (96 + 12)
    assert cost(trace(nn.BatchNorm2d(3), shape, training=True)).bytes_read == 4 * (2 * 96 + 12) + 8
