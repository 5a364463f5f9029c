"""The quick way and the exact way give the same graph of a network, as far as one can ask: each is the other's check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from convatlas import list_models
from convatlas.analysis.cost import cost
from convatlas.api.counting import loaded_from, size_of
from convatlas.graph import Graph
from convatlas.graph.layout import laid_out
from convatlas.trace import trace

Build = Callable[..., nn.Module]
Size = Callable[[nn.Module, str], tuple[int, ...]]
Moderate = Callable[[list[str]], list[str]]

# one of each kind of construction; `slow` runs the registries
ZOO = [
    "alexnet", "convnext_tiny", "densenet40_k12_cifar", "efficientnet_lite0", "googlenet_2014", "highway19", "lenet5", "mnasnet_small",
    "mobilenet_v1_025", "mobilenet_v3_small", "nin_cifar", "plain20_cifar", "preact_resnet18", "regnet_y_200mf", "resnet20_cifar",
    "resnet18", "seresnet18", "shufflenet_v1_x0_25_g3", "squeezenet1_1", "vgg11_bn", "wrn_16_4_cifar", "zfnet",
]  # fmt: skip
TORCHVISION = [
    "convnext_tiny", "efficientnet_b0", "googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v2",
    "regnet_x_400mf", "resnet50", "resnext50_32x4d", "shufflenet_v2_x0_5", "swin_t", "swin_s", "vit_b_32",
]  # fmt: skip
TIMM = [
    "resnet10t", "cpubone_nano", "vit_dlittle_patch16_reg1_gap_256", "resnetv2_50x1_bit", "resnest14d", "skresnet18", "res2net50_26w_4s", "dla34", "dpn68", "hrnet_w18_small", "nf_regnet_b0",
    "repvgg_a0", "mobileone_s0", "fastvit_t8", "mobilenetv4_conv_small", "ghostnet_100", "lcnet_050", "convnextv2_atto",
    "edgenext_xx_small", "levit_128s", "lambda_resnet26t", "halonet26t", "volo_d1_224", "focalnet_tiny_srf", "vit_tiny_patch16_224",
    "deit_tiny_patch16_224", "mixer_s32_224", "rexnet_100", "xcit_nano_12_p16_224", "tresnet_m",
]  # fmt: skip


def aliases(graph: Graph) -> list[int]:
    """For each output, the first output whose memory it shares."""
    base = list(range(len(graph.values)))
    for node in graph.nodes:
        if node.op.is_view and node.inputs:
            for value in node.outputs:
                base[value] = base[node.inputs[0]]
    found = [base[value] for value in graph.outputs]
    return [found.index(each) for each in found]


def facts(graph: Graph) -> dict[str, Any]:
    """What both ways are to say alike."""
    counted = cost(graph)
    return {
        "MACs": counted.macs,
        "backward MACs": counted.backward_macs,
        "parameters": [(p.name, graph.values[p.value], p.trainable) for p in graph.parameters],
        "outputs": [graph.values[value] for value in graph.outputs],
        "aliases": aliases(graph),
        "uncounted": counted.uncounted,
        "modules": graph.modules,
    }


def check(model: nn.Module, size: tuple[int, ...], training: bool = True) -> None:
    shape = (2, *size)
    quick, exact = (trace(model, shape, training=training, way=way) for way in ("quick", "exact"))
    assert facts(exact) == facts(quick)
    if exact.step is not None:
        strides = laid_out(quick, {})[1]
        assert [exact.step.strides[value] for value in exact.outputs] == [strides[value] for value in quick.outputs]
    assert Graph.from_json(exact.to_json()).nodes == exact.nodes


REPEATED = {"deit_tiny_patch16_224", "nf_regnet_b0", "swin_s", "vit_tiny_patch16_224"}  # of a kind that others here have


@pytest.mark.parametrize("name", ZOO)
def test_zoo(name: str) -> None:
    loaded = loaded_from(name)
    check(loaded.module, size_of(loaded))


@pytest.mark.sample({*TORCHVISION} - REPEATED)
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(torchvision_on_meta: Build, own_input: Size, name: str) -> None:
    model = torchvision_on_meta(name)
    check(model, own_input(model, name))


@pytest.mark.sample({*TIMM} - REPEATED)
@pytest.mark.parametrize("name", TIMM)
def test_timm(timm_on_meta: Build, own_input: Size, name: str) -> None:
    model = timm_on_meta(name)
    check(model, own_input(model, name))


# The registries: all of the zoo and of torchvision's classifiers, and every third network of timm.
PARTS = 40


def differing(names: list[str], build: Build, own_input: Size) -> dict[str, str]:
    """What the two ways disagree on, by network."""
    found = {}
    for name in names:
        model = build(name)
        try:
            check(model, own_input(model, name))
        except Exception as error:  # each network is to have its say
            if "the quick way gave up" in str(error):
                continue
            found[name] = f"{type(error).__name__}: {error}"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_timms_registry(timm_on_meta: Build, own_input: Size, moderate: Moderate, part: int) -> None:
    import timm

    assert differing(moderate(timm.list_models()[::3][part::PARTS]), timm_on_meta, own_input) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_torchvisions_registry(torchvision_on_meta: Build, own_input: Size, moderate: Moderate, part: int) -> None:
    from torchvision import models

    assert differing(moderate(models.list_models(module=models)[part::8]), torchvision_on_meta, own_input) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_the_zoo(part: int) -> None:
    found = {}
    for name in list_models()[part::8]:
        loaded = loaded_from(name)
        try:
            check(loaded.module, size_of(loaded))
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    assert found == {}
