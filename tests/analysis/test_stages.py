"""Stages are those of the papers' tables, whole blocks in each, and everything belongs to one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import convatlas as ca
from convatlas.analysis.cost import cost
from convatlas.analysis.stages import stage_names
from convatlas.graph import Graph
from convatlas.report.diagram.items import Unit
from convatlas.report.diagram.structure import structure
from convatlas.trace import trace
from convatlas.zoo import REGISTRY

Stages = list[tuple[str, int]]  # name, channels of the last output

# The output size and width of each stage in the papers' tables. Poolings stand with what follows them, as there.
RESNET_50 = [("112x112", 64), ("56x56", 256), ("28x28", 512), ("14x14", 1024), ("7x7", 2048)]  # He et al. 2015, Table 1
PUBLISHED = {
    "resnet50": RESNET_50,
    "seresnet50": RESNET_50,  # Hu et al. 2017, Table 1: the gates' 1x1 maps make no stage
    "preact_resnet50": RESNET_50,  # a block begins with its norm
    "resnet18": [("112x112", 64), ("56x56", 64), ("28x28", 128), ("14x14", 256), ("7x7", 512)],
    "vgg16": [("224x224", 64), ("112x112", 128), ("56x56", 256), ("28x28", 512), ("14x14", 512), ("7x7", 512)],  # 2014, Table 1
    "densenet121": [("112x112", 64), ("56x56", 256), ("28x28", 512), ("14x14", 1024), ("7x7", 1024)],  # growth 32 of 6, 12, 24, 16
    "mobilenet_v2": [("112x112", 16), ("56x56", 24), ("28x28", 32), ("14x14", 96), ("7x7", 1280)],  # Sandler et al. 2018, Table 2
    "efficientnet_b0": [("112x112", 16), ("56x56", 24), ("28x28", 40), ("14x14", 112), ("7x7", 1280)],  # Tan, Le 2019, Table 1
    "shufflenet_v2_x1_0": [("112x112", 24), ("56x56", 24), ("28x28", 116), ("14x14", 232), ("7x7", 1024)],  # Ma et al., Table 5
    "googlenet": [("112x112", 64), ("56x56", 192), ("28x28", 480), ("14x14", 832), ("7x7", 1024)],  # Szegedy et al. 2014, Table 1
    "convnext_tiny": [("56x56", 96), ("28x28", 192), ("14x14", 384), ("7x7", 768)],  # Liu et al. 2022, Table 9
    "nasnetamobile": [("111x111", 32), ("56x56", 44), ("28x28", 264), ("14x14", 528), ("7x7", 1056)],  # Zoph et al., Figure 2
    "resnet20_cifar": [("32x32", 16), ("16x16", 32), ("8x8", 64)],  # He et al. 2015, Section 4.2
    "lenet5": [("28x28", 6), ("14x14", 6), ("10x10", 16), ("5x5", 16)],  # LeCun et al. 1998, Figure 2; C5's maps are 1x1
}  # fmt: skip


def stages_of(graph: Graph) -> Stages:
    """Each stage's name and the width of its last output, head and unused parameters left out."""
    found = [stage for stage in cost(graph).by_stage() if stage.name not in ("head", "unused")]
    return [(stage.name, stage.output_shape[1]) for stage in found]


@pytest.mark.parametrize("name", PUBLISHED)
def test_stages_are_the_papers(name: str) -> None:
    assert stages_of(ca.trace(name)) == PUBLISHED[name]


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_make_no_stage(name: str) -> None:
    trunk = [stage for stage, _ in stages_of(ca.trace(name))]
    assert [stage for stage, _ in stages_of(ca.trace(name, (2, *REGISTRY[name].input_size), training=True))] == trunk


def test_a_block_that_halves_is_whole_in_the_stage_that_it_leads_to() -> None:
    graph = ca.trace("resnet50")
    stages = dict(zip((node.module for node in graph.nodes), stage_names(graph), strict=True))
    assert stages["layer1.2.conv3"] == "56x56"
    assert {stages[f"layer2.0.{part}"] for part in ("conv1", "conv2", "conv3", "downsample.0")} == {"28x28"}
    assert stages["maxpool"] == "56x56"


def test_ops_on_single_positions_before_a_reduction_belong_to_it() -> None:
    graph = ca.trace("densenet121")
    stages = dict(zip((node.module for node in graph.nodes), stage_names(graph), strict=True))
    assert stages["features.denseblock1.denselayer6.conv2"] == "56x56"
    assert {stages[f"features.transition1.{part}"] for part in ("norm", "conv", "pool")} == {"28x28"}


def test_a_vision_transformers_tokens_are_one_stage(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    counted = cost(trace(torchvision_on_meta("vit_b_16"), (1, 3, 224, 224)))
    tokens, head = counted.by_stage()
    assert (tokens.name, tokens.output_shape) == ("14x14", (1, 197, 768))  # 14 x 14 patches of 16 and a class token
    assert (head.name, head.params) == ("head", 768 * 1000 + 1000)


def test_maps_with_channels_last_have_their_stages(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    graph = trace(torchvision_on_meta("swin_t"), (1, 3, 224, 224))
    stages = list(dict.fromkeys(stage_names(graph)))
    assert stages == ["56x56", "28x28", "14x14", "7x7", "head"]  # Liu et al. 2021, Table 7
    first = next(place for place, node in enumerate(graph.nodes) if node.module.startswith("features.2"))
    assert [stage_names(graph)[place] for place in (first - 1, first)] == ["56x56", "28x28"]  # the patch merging, whole


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("resnest50d", RESNET_50),  # Zhang et al. 2020: split attention pools to 1x1 within its blocks
        ("mobilenetv4_conv_small", [("112x112", 32), ("56x56", 32), ("28x28", 64), ("14x14", 96), ("7x7", 960)]),
        ("swin_tiny_patch4_window7_224", [("56x56", 56), ("28x28", 28), ("14x14", 14), ("7x7", 7)]),  # (N, H, W, C)
    ],
)
def test_timms_stages(name: str, published: Stages) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        assert stages_of(trace(timm.create_model(name), (1, 3, 224, 224))) == published


def test_a_3d_network_has_stages_by_frames_and_size(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    found = stages_of(trace(torchvision_on_meta("r3d_18"), (1, 3, 16, 112, 112)))
    assert found == [("16x56x56", 64), ("8x28x28", 128), ("4x14x14", 256), ("2x7x7", 512)]  # Tran et al. 2018, Table 1


def double(width_in: int, width: int) -> nn.Module:
    """Two 3x3 convolutions."""
    return nn.Sequential(nn.Conv2d(width_in, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU())


class Up(nn.Module):
    """Twice as large, put beside the skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.conv = nn.ConvTranspose2d(2 * width, width, 2, 2), double(2 * width, width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], 1))


class Down(nn.Module):
    """Features, and the same pooled."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.conv, self.pool = double(width_in, width), nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv(x)
        return x, self.pool(x)


class UNet(nn.Module):
    """Ronneberger et al. 2015, Figure 1, with padding and a quarter of the widths."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 64, 128)
        self.down = nn.ModuleList(Down(before, width) for before, width in zip((3, *widths[:-1]), widths, strict=True))
        self.bottom = double(128, 256)
        self.up = nn.ModuleList(Up(width) for width in reversed(widths))
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.down:
            skip, x = down(x)
            skips.append(skip)
        x = self.bottom(x)
        for up in self.up:
            x = up(x, skips.pop())
        return self.out(x)


def unet() -> Graph:
    return trace(UNet(), (1, 3, 64, 64))


def test_a_unet_goes_down_and_up() -> None:
    down = [("64x64", 16), ("32x32", 32), ("16x16", 64), ("8x8", 128), ("4x4", 256)]
    assert stages_of(unet()) == [*down, ("8x8 up", 128), ("16x16 up", 64), ("32x32 up", 32), ("64x64 up", 2)]


def test_a_detectors_pyramid_goes_up_again() -> None:
    detection = pytest.importorskip("torchvision").models.detection
    with torch.device("meta"):
        backbone = detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).backbone
        found = stages_of(trace(backbone, (1, 3, 800, 800)))
    assert found == [
        ("400x400", 64), ("200x200", 256), ("100x100", 512), ("50x50", 1024), ("25x25", 256),
        ("50x50 up", 256), ("100x100 up", 256), ("200x200 up", 256), ("13x13", 256),
    ]  # fmt: skip


def test_a_1d_network_has_stages_by_length() -> None:
    net = nn.Sequential(nn.Conv1d(1, 16, 9, 4, 4), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(16, 32, 3, 1, 1), nn.AdaptiveAvgPool1d(1))
    assert stages_of(trace(net, (1, 1, 16000))) == [("4000", 16), ("1000", 32)]


def test_without_maps_there_are_tokens_and_a_head() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, batch_first=True), 1)
    assert set(stage_names(trace(encoder, (1, 128, 64)))) == {"tokens"}
    assert set(stage_names(trace(nn.Linear(8, 4), (2, 8)))) == {"head"}
    assert stage_names(Graph()) == []


def test_a_diagrams_blocks_lie_each_in_one_stage() -> None:
    for graph in (*(ca.trace(name) for name in PUBLISHED), unet()):
        names = stage_names(graph)
        for stage in structure(graph):
            for item in stage.items:
                places = item.nodes[:1] if isinstance(item, Unit) else item.nodes  # a view of its end may be of the head
                assert {names[place] for place in places} == {stage.name}, (graph.name, item.path)
