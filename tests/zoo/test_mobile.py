"""What is special to the mobile, searched and scaled families, against what their papers and repositories print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from convatlas.weights.timm_names import EFFICIENTNET
from convatlas.zoo import REGISTRY, Network, create
from convatlas.zoo.layers.conv import round_channels
from convatlas.zoo.layers.inverted_residual import InvertedResidual
from convatlas.zoo.layers.same import SamePad
from convatlas.zoo.layers.shuffle import channel_shuffle
from convatlas.zoo.layers.squeeze_excitation import SqueezeExcitation
from convatlas.zoo.layers.stochastic_depth import StochasticDepth
from convatlas.zoo.nasnet import NASNet
from convatlas.zoo.regnet import VARIANTS as REGNETS
from convatlas.zoo.regnet import stage_shapes
from convatlas.zoo.shufflenet_v1 import CHANNELS, ShuffleUnit
from convatlas.zoo.shufflenet_v2 import ShuffleBlock


def on_meta(name: str, **options: Any) -> Network:
    with torch.device("meta"):
        return create(name, **options).eval()


def stage_shapes_at(name: str, size: int, **options: Any) -> dict[str, tuple[int, int]]:
    """Channels and side of the maps of every stage."""
    with torch.no_grad():
        stages = on_meta(name, **options).forward_intermediates(torch.empty(1, 3, size, size, device="meta"))
    return {stage: (output.shape[1], output.shape[-1]) for stage, output in stages.items()}


def leaves(network: nn.Module, kind: type[nn.Module]) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, kind)]


# Shared layers


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [(32 * 0.35, 16), (16 * 0.35, 8), (83, 80), (84, 88), (3, 8), (1280 * 1.4, 1792), (24 * 1.3, 32)],
)
def test_channels_are_rounded_to_8_and_never_lose_a_tenth(channels: float, rounded: int) -> None:
    assert round_channels(channels) == rounded


@pytest.mark.parametrize("size", range(5, 12))
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (7, 2), (3, 1)])
def test_same_padding_makes_one_output_for_every_stride_begun(size: int, kernel: int, stride: int) -> None:
    padded = SamePad(kernel, stride)(torch.ones(1, 1, size, size))
    assert nn.functional.max_pool2d(padded, kernel, stride).shape[-1] == -(-size // stride)
    before = int(padded[0, 0, padded.shape[-2] // 2].ne(0).int().argmax())
    assert before == (padded.shape[-1] - size) // 2, "the larger half must stand behind"


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_channel_shuffle_is_pytorchs(groups: int) -> None:
    x = torch.randn(2, 24, 3, 5)
    assert torch.equal(channel_shuffle(x, groups), nn.ChannelShuffle(groups)(x))


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = StochasticDepth(0.25)
    x = torch.ones(4000, 2, 1, 3)
    y = layer(x)
    values = y.flatten(1)
    assert torch.equal(values.min(1).values, values.max(1).values), "an image was dropped in part"
    assert y.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert y.mean().item() == pytest.approx(1.0, abs=0.05)
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"1\.5"):
        StochasticDepth(1.5)


@pytest.mark.parametrize(("stride", "channels", "residual"), [(1, 8, True), (2, 8, False), (1, 16, False)])
def test_inverted_residual_adds_its_input_only_where_shapes_agree(stride: int, channels: int, residual: bool) -> None:
    block = InvertedResidual(8, channels, expanded=24, stride=stride).eval()
    x = torch.randn(1, 8, 6, 6)
    f = cast(nn.Module, block.block)(x)
    torch.testing.assert_close(block(x), x + f if residual else f)


# MobileNet V1 to V3


def test_mobilenet_v1_sees_315_pixels() -> None:
    field, stride = 1, 1
    for conv in leaves(on_meta("mobilenet_v1"), nn.Conv2d):
        field += (conv.kernel_size[0] - 1) * stride
        stride *= conv.stride[0]
    assert (field, stride) == (315, 32)


def test_mobilenet_v1_spends_its_cost_as_table_2_says() -> None:
    """Table 2: shares of the multiply-adds and of the parameters; the paper prints 1.19 % for the 3x3, which is 1.91 %."""
    network = on_meta("mobilenet_v1")
    weights = {"1x1": 0, "depthwise": 0, "3x3": 0, "linear": 0}
    macs = dict(weights)

    def count(layer: Any, inputs: Any, output: Tensor) -> None:
        kind = "linear" if isinstance(layer, nn.Linear) else "depthwise" if layer.groups > 1 else "1x1"
        kind = "3x3" if kind == "1x1" and layer.kernel_size == (3, 3) else kind
        weights[kind] += layer.weight.numel()
        macs[kind] += output.numel() * layer.weight[0].numel()

    for layer in [*leaves(network, nn.Conv2d), *leaves(network, nn.Linear)]:
        layer.register_forward_hook(count)
    network(torch.empty(1, 3, 224, 224, device="meta"))
    shares = [{kind: round(100 * n / sum(of.values()), 2) for kind, n in of.items()} for of in (macs, weights)]
    assert shares == [
        {"1x1": 94.86, "depthwise": 3.06, "3x3": 1.91, "linear": 0.18},
        {"1x1": 74.59, "depthwise": 1.06, "3x3": 0.02, "linear": 24.33},
    ]


@pytest.mark.parametrize(
    ("name", "millions"),
    [("_035", 1.66), ("_050", 1.95), ("_075", 2.61), ("", 3.47), ("_130", 5.34), ("_140", 6.06)],
)
def test_mobilenet_v2_has_the_official_parameters_without_batch_norms(name: str, millions: float) -> None:
    network = on_meta(f"mobilenet_v2{name}")
    norms = sum(parameter.numel() for norm in leaves(network, nn.BatchNorm2d) for parameter in norm.parameters())
    assert round((sum(parameter.numel() for parameter in network.parameters()) - norms) / 1e6, 2) == millions


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large"])
def test_width_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=r"`width` \(=-0\.5\)"):
        create(name, width=-0.5)
    assert on_meta(name, width=0.5).num_classes == 1000


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mobilenet_v3_large_075", "tf_mobilenetv3_large_075"),
        ("mobilenet_v3_small_075", "tf_mobilenetv3_small_075"),
        ("mobilenet_v3_large_minimal", "tf_mobilenetv3_large_minimal_100"),
        ("mobilenet_v3_small_minimal", "tf_mobilenetv3_small_minimal_100"),
    ],
)
def test_mobilenet_v3_is_timms(name: str, theirs: str, fill: Callable[[nn.Module], None]) -> None:
    """The order of the tensors is the same, and the hidden layer of the head is a 1x1 convolution there.

    At sizes of 1 + 32 n, TensorFlow's padding is symmetric, and the networks are the same function.
    """
    timm = pytest.importorskip("timm")
    reference = timm.create_model(theirs, pretrained=False).eval()
    fill(reference)
    network = on_meta(name)
    ours = network.state_dict()
    state = zip(ours.items(), reference.state_dict().values(), strict=True)
    network.load_state_dict({key: tensor.reshape(own.shape) for (key, own), tensor in state}, assign=True)
    for size in (97, 129):
        images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))
        with torch.no_grad():
            expected = reference(images)
            torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


def test_mobilenet_v3_minimal_has_plain_parts_only() -> None:
    network = on_meta("mobilenet_v3_large_minimal")
    assert not leaves(network, SqueezeExcitation)
    assert not leaves(network, nn.Hardswish)
    assert {conv.kernel_size for conv in leaves(network, nn.Conv2d)} == {(1, 1), (3, 3)}


# ShuffleNet


@pytest.mark.parametrize("groups", list(CHANNELS))
def test_shufflenet_v1_has_the_maps_of_table_1(groups: int) -> None:
    channels = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}[groups]
    assert stage_shapes_at(f"shufflenet_v1_x1_0_g{groups}", 224) == {
        "stem": (24, 56),
        "stage2": (channels, 28),
        "stage3": (2 * channels, 14),
        "stage4": (4 * channels, 7),
    }


@pytest.mark.parametrize(("shuffle", "seen"), [(True, [0, 1, 2]), (False, [0])])
def test_shufflenet_v1_exchanges_groups_only_by_its_shuffle(shuffle: bool, seen: list[int]) -> None:
    torch.manual_seed(0)
    unit = ShuffleUnit(36, 36, stride=1, groups=3, first_groups=3, shuffle=shuffle)
    x = torch.randn(2, 36, 7, 7, requires_grad=True)
    unit(x)[:, :12].sum().backward()
    assert x.grad is not None
    by_group = x.grad.view(2, 3, 12, 7, 7).abs().sum(dim=(0, 2, 3, 4))
    assert by_group.nonzero().flatten().tolist() == seen


def test_shufflenet_v1_without_shuffle_has_the_same_parameters() -> None:
    apart = on_meta("shufflenet_v1_x1_0_g3", shuffle=False)
    assert list(apart.state_dict()) == list(on_meta("shufflenet_v1_x1_0_g3").state_dict())


def test_shufflenet_v2_lets_half_of_the_channels_pass() -> None:
    x = torch.randn(2, 16, 7, 7)
    y = ShuffleBlock(16, 16, stride=1).eval()(x)
    assert torch.equal(y[:, ::2], x[:, :8])


# MnasNet and NASNet


def test_mnasnet_a1_is_the_figure() -> None:
    """Fig. 7a: kernels 3, 5, 3, 3, 5, 3 and squeeze-and-excitation in the second, fourth and fifth searched stage."""
    layers = cast(nn.Sequential, on_meta("mnasnet_a1").layers)
    stages = [layer for layer in layers if isinstance(layer, nn.Sequential)]
    assert [len(stage) for stage in stages] == [2, 3, 4, 2, 3, 1]
    assert [max(conv.kernel_size[0] for conv in leaves(stage, nn.Conv2d)) for stage in stages] == [3, 5, 3, 3, 5, 3]
    assert [len(leaves(stage, SqueezeExcitation)) for stage in stages] == [0, 3, 0, 2, 3, 0]


def test_nasnet_stacks_cells_as_its_name_says() -> None:
    """4 @ 1056 and 6 @ 4032: normal cells in a stage, and channels before the classifier."""
    for name, cells, features, size in (("nasnetamobile", 4, 1056, 224), ("nasnetalarge", 6, 4032, 331)):
        network = cast(NASNet, on_meta(name))
        assert sum(key.startswith("cell_") and "stem" not in key for key in dict(network.named_children())) == 3 * cells
        assert list(stage_shapes_at(name, size).values())[-3:] == [
            (features // 4, -(-size // 8)),
            (features // 2, -(-size // 16)),
            (features, -(-size // 32)),
        ]


@pytest.mark.parametrize(
    ("name", "after", "before", "channels"),
    [("nasnetamobile", "cell_4", "cell_3", 264), ("nasnetalarge", "cell_6", "cell_4", 1008)],
)
def test_cell_after_a_reduction_reads_a_cell_from_before_it(name: str, after: str, before: str, channels: int) -> None:
    network = cast(NASNet, on_meta(name))
    read: dict[str, Tensor] = {}
    made: dict[str, Tensor] = {}

    def note(cell: str, args: tuple[Tensor, Tensor], output: Tensor) -> None:
        read[cell], made[cell] = args[1], output

    for cell in ("cell_3", "cell_4", "cell_6"):
        network.get_submodule(cell).register_forward_hook(lambda _, args, output, cell=cell: note(cell, args, output))
    network(torch.empty(1, 3, 128, 128, device="meta"))
    assert read[after] is made[before]
    assert made[before].shape[1] == channels


# EfficientNet


@pytest.mark.parametrize(
    ("name", "depths", "channels"),
    [
        ("efficientnet_b0", [1, 2, 2, 3, 3, 4, 1], [16, 24, 40, 80, 112, 192, 320]),
        ("efficientnet_b4", [2, 4, 4, 6, 6, 8, 2], [24, 32, 56, 112, 160, 272, 448]),
        ("efficientnet_b7", [4, 7, 7, 10, 10, 13, 4], [32, 48, 80, 160, 224, 384, 640]),
        ("efficientnet_lite4", [1, 4, 4, 6, 6, 8, 1], [24, 32, 56, 112, 160, 272, 448]),
    ],
)
def test_compound_scaling_gives_these_stages(name: str, depths: list[int], channels: list[int]) -> None:
    features = cast(nn.Sequential, on_meta(name).features)
    assert [len(cast(nn.Sequential, stage)) for stage in features[1:-1]] == depths
    assert [shape[0] for shape in stage_shapes_at(name, 224).values()][1:-1] == channels


def test_b7_is_evaluated_at_600_pixels_and_lite_has_no_attention() -> None:
    assert REGISTRY["efficientnet_b7"].input_size == (3, 600, 600)
    assert not leaves(on_meta("efficientnet_lite0"), SqueezeExcitation | nn.SiLU)  # type: ignore[arg-type]


def test_stochastic_depth_rises_linearly_and_can_be_left_out() -> None:
    rates = [layer.drop for layer in leaves(on_meta("efficientnet_b0", stochastic_depth=0.32), StochasticDepth)]
    assert rates == pytest.approx([0.02 * i for i in range(1, 16)])
    assert not leaves(on_meta("efficientnet_b0", stochastic_depth=0.0), StochasticDepth)
    rates = [layer.drop for layer in leaves(on_meta("convnext_tiny", stochastic_depth=0.17), StochasticDepth)]
    assert rates == pytest.approx([0.01 * i for i in range(18)])


def test_names_of_timm_are_known_in_full() -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs = timm.create_model("efficientnet_b7", pretrained=False).state_dict()
    assert [EFFICIENTNET(key) for key in theirs] == list(on_meta("efficientnet_b7").state_dict())


# pycls, which counts multiply-accumulates and an addition for each bias: dev/model_complexity.json

PYCLS = {
    "efficientnet_b0": 385_825_092,
    "efficientnet_b1": 686_817_992,
    "efficientnet_b2": 993_578_282,
    "efficientnet_b3": 1_827_162_472,
    "efficientnet_b4": 4_393_801_064,
    "efficientnet_b5": 10_266_426_072,
    "regnet_x_1_6gf": 1_602_850_792,
    "regnet_x_12gf": 12_086_679_016,
    "regnet_x_16gf": 15_940_756_456,
    "regnet_x_200mf": 199_040_872,
    "regnet_x_3_2gf": 3_176_622_952,
    "regnet_x_32gf": 31_735_930_792,
    "regnet_x_4gf": 3_964_499_816,
    "regnet_x_400mf_pycls": 397_678_568,
    "regnet_x_6_4gf": 6_460_292_264,
    "regnet_x_600mf": 600_891_112,
    "regnet_x_8gf": 7_995_133_416,
    "regnet_x_800mf": 799_700_712,
    "regnet_y_1_6gf": 1_612_087_326,
    "regnet_y_12gf": 12_092_395_504,
    "regnet_y_16gf": 15_911_534_044,
    "regnet_y_200mf": 199_519_076,
    "regnet_y_3_2gf": 3_176_496_162,
    "regnet_y_32gf": 32_279_583_362,
    "regnet_y_4gf": 3_973_301_344,
    "regnet_y_400mf": 401_849_056,
    "regnet_y_6_4gf": 6_355_221_876,
    "regnet_y_600mf": 601_227_608,
    "regnet_y_8gf_pycls": 7_963_074_196,
    "regnet_y_800mf_pycls": 797_183_328,
}


@pytest.mark.parametrize(("name", "operations"), PYCLS.items())
def test_operations_with_biases_are_pycls(name: str, operations: int) -> None:
    network = on_meta(name)
    counted = 0

    def count(layer: Any, inputs: Any, output: Tensor) -> None:
        nonlocal counted
        counted += output.numel() * layer.weight[0].numel() + (0 if layer.bias is None else output.numel())

    for layer in [*leaves(network, nn.Conv2d), *leaves(network, nn.Linear)]:
        layer.register_forward_hook(count)
    network(torch.empty(1, *REGISTRY[name].input_size, device="meta"))
    assert counted == operations


# RegNet


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("regnet_x_200mf", [(1, 24, 8), (1, 56, 8), (4, 152, 8), (7, 368, 8)]),
        ("regnet_x_3_2gf", [(2, 96, 48), (6, 192, 48), (15, 432, 48), (2, 1008, 48)]),
        ("regnet_x_400mf_pycls", [(1, 32, 16), (2, 64, 16), (7, 160, 16), (12, 384, 16)]),
        ("regnet_y_4gf", [(2, 128, 64), (6, 192, 64), (12, 512, 64), (2, 1088, 64)]),
        ("regnet_y_12gf", [(2, 224, 112), (5, 448, 112), (11, 896, 112), (1, 2240, 112)]),
    ],
)
def test_regnet_rule_gives_the_stages_of_the_appendix(name: str, stages: list[tuple[int, int, int]]) -> None:
    """Blocks, channels and group width of each stage."""
    assert stage_shapes(REGNETS[name]) == stages


@pytest.mark.parametrize("name", REGNETS)
def test_regnet_has_four_stages_that_are_whole_groups(name: str) -> None:
    shapes = stage_shapes(REGNETS[name])
    assert len(shapes) == 4
    assert sum(depth for depth, _, _ in shapes) == REGNETS[name].depth
    assert all(width % group_width == 0 for _, width, group_width in shapes)


# ConvNeXt


def test_convnext_starts_near_the_identity() -> None:
    torch.manual_seed(0)
    network = create("convnext_tiny", num_classes=10)
    scales = [parameter for name, parameter in network.named_parameters() if name.endswith("layer_scale")]
    assert len(scales) == 18
    assert all(torch.equal(scale, torch.full_like(scale, 1e-6)) for scale in scales)
    weights = network.get_parameter("features.1.0.block.3.weight")
    assert weights.std().item() == pytest.approx(0.02, rel=0.1)


def test_convnext_keeps_the_compute_ratio_1_1_3_1() -> None:
    shapes = stage_shapes_at("convnext_tiny", 224)
    assert shapes["stage1"] == (96, 56)
    assert shapes["stage4"] == (768, 7)
    assert [len(cast(nn.Sequential, stage)) for stage in list(cast(nn.Sequential, on_meta("convnext_tiny").features))[1::2]] == [
        *(3, 3, 9, 3)
    ]
