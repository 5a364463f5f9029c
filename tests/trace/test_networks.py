"""Whole networks of torchvision and timm: parameters are torch's, MACs are FlopCounterMode's halves, to the unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision.models
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import Cost, cost
from convatlas.trace import trace

Build = Callable[..., nn.Module]
Run = Callable[..., Any]
TORCHVISION = torchvision.models.list_models(module=torchvision.models)
# one of each kind of construction: plain, depthwise, squeezed, split attention, involution-like kernels, re-parametrised,
# weight-standardised, channels last, shuffled, hybrid with attention, multi-scale, feature pyramid, blur pools
TIMM = [
    "resnet18d", "resnetv2_50x1_bit", "resnest14d", "skresnet18", "res2net50_26w_4s", "seresnext26t_32x4d", "densenet121",
    "dla34", "dpn68", "hrnet_w18_small", "vovnet39a", "cspdarknet53", "darknet53", "dm_nfnet_f0", "nf_regnet_b0", "regnety_002",
    "repvgg_a0", "mobileone_s0", "fastvit_t8", "mobilenetv4_conv_small", "efficientnet_lite0", "tf_efficientnet_b0",
    "mixnet_s", "ghostnet_100", "hardcorenas_a", "lcnet_050", "tinynet_e", "convnext_atto", "convnextv2_atto", "xception41",
    "inception_v4", "selecsls42", "rexnet_100", "visformer_tiny", "coatnet_pico_rw_224", "maxvit_pico_rw_256", "edgenext_xx_small",
    "levit_128s", "repghostnet_050", "starnet_s1", "bat_resnext26ts", "halonet26t", "lambda_resnet26t", "gernet_s", "volo_d1_224",
    "convmixer_768_32", "focalnet_tiny_srf", "inception_next_atto", "mambaout_femto", "rdnet_tiny", "tresnet_m", "legacy_senet154",
]  # fmt: skip


def check(model: nn.Module, shape: tuple[int, ...], run_by_torch: Run) -> Cost:
    """Trace and count, compare with torch."""
    graph = trace(model, shape, training=model.training)
    counted = cost(graph)
    reference = run_by_torch(model, shape)
    assert counted.params == sum(parameter.numel() for parameter in model.parameters())
    assert counted.macs == reference.macs
    assert [graph.values[value].shape for value in graph.outputs] == reference.outputs
    return counted


def torchvision_shape(name: str, batch: int) -> tuple[int, ...]:
    size = 299 if name == "inception_v3" else 224
    return (batch, 3, size, size)


REPEATED = {  # a smaller sibling's structure
    "convnext_base", "convnext_large", "densenet161", "densenet169", "densenet201", "efficientnet_b3", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l", "efficientnet_v2_m", "regnet_x_16gf", "regnet_x_32gf",
    "regnet_x_3_2gf", "regnet_x_8gf", "regnet_y_128gf", "regnet_y_16gf", "regnet_y_1_6gf", "regnet_y_32gf", "regnet_y_3_2gf",
    "regnet_y_8gf", "resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "swin_b", "swin_s", "swin_v2_b", "swin_v2_s",
    "vgg19", "vgg19_bn", "vit_h_14", "vit_l_16", "vit_l_32", "wide_resnet101_2",
}  # fmt: skip


@pytest.mark.sample({*TORCHVISION} - REPEATED)
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_evaluating(torchvision_on_meta: Build, run_by_torch: Run, name: str) -> None:
    counted = check(torchvision_on_meta(name).eval(), torchvision_shape(name, 1), run_by_torch)
    assert counted.uncounted == {}


TRAINED = {*TORCHVISION[::4], "googlenet", "inception_v3", "densenet121"}  # with their auxiliary classifiers


@pytest.mark.sample(TRAINED)
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_training(torchvision_on_meta: Build, run_by_torch: Run, name: str) -> None:
    counted = check(torchvision_on_meta(name).train(), torchvision_shape(name, 2), run_by_torch)
    assert counted.uncounted == {}


def timm_shape(model: nn.Module, batch: int) -> tuple[int, ...]:
    return (batch, *model.pretrained_cfg.get("input_size", (3, 224, 224)))  # type: ignore[operator, union-attr]


@pytest.mark.parametrize("name", TIMM)
def test_timm_sample(timm_on_meta: Build, run_by_torch: Run, name: str) -> None:
    model = timm_on_meta(name).eval()
    counted = check(model, timm_shape(model, 1), run_by_torch)
    assert counted.uncounted == {}


@pytest.mark.parametrize("name", TIMM[::4])
def test_timm_sample_training(timm_on_meta: Build, run_by_torch: Run, name: str) -> None:
    model = timm_on_meta(name).train()
    check(model, timm_shape(model, 2), run_by_torch)


def timm_networks() -> list[str]:
    import timm

    return timm.list_models()


@pytest.mark.slow
@pytest.mark.parametrize("name", timm_networks())
def test_timm_whole(timm_on_meta: Build, run_by_torch: Run, name: str) -> None:
    try:
        model = timm_on_meta(name).eval()
    except (NotImplementedError, RuntimeError) as error:
        pytest.skip(f"does not build on meta: {error}")
    shape = timm_shape(model, 1)
    if name.startswith("sequencer2d"):  # recurrent, not convolutional: torch counts inside an LSTM, a trace lists it
        counted = cost(trace(model, shape))
        assert counted.uncounted.keys() == {"lstm"}
        assert counted.macs < run_by_torch(model, shape).macs
    else:
        assert check(model, shape, run_by_torch).uncounted == {}


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "resnet18", "googlenet", "squeezenet1_0"])
def test_backward_of_networks_without_groups(torchvision_on_meta: Build, name: str) -> None:
    # FlopCounterMode takes no notice of groups in the weight's gradient, so only these can be compared
    options: dict[str, Any] = {"aux_logits": False} if name == "googlenet" else {}
    model = torchvision_on_meta(name, **options).train()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(torchvision_shape(name, 2), device="meta")).sum().backward()
    counted = cost(trace(model, torchvision_shape(name, 2), training=True))
    assert counted.macs + counted.backward_macs == counter.get_total_flops() // 2
