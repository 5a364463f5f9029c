"""One network of every family, some larger ones and ten of timm's, in every format, at their own size.

With initial weights: what is compared is the arithmetic, and no weights need be downloaded.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from convatlas.export import Card, write_network
from convatlas.models import load
from convatlas.models.building import weights_allocated
from convatlas.models.tracing import own_size
from convatlas.zoo import REGISTRY

OF_THE_ZOO = [
    "alexnet",
    "convnext_tiny",
    "densenet_bc100_k12_cifar",
    "efficientnet_lite0",
    "efficientnet_v2_b0",
    "googlenet",
    "highway32",
    "inception_v3",
    "lenet5",
    "mnasnet_a1_035",
    "mobilenet_v1_025",
    "mobilenet_v2_035",
    "mobilenet_v3_small_075",
    "nasnetamobile",
    "nin_cifar",
    "resnet18",
    "plain20_cifar",
    "preact_resnet164_cifar",
    "regnet_x_200mf",
    "resnext50_32x4d",
    "seresnet18",
    "shufflenet_v1_x0_25_g1",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "vgg11",
    "wrn_16_4_cifar",
    "zfnet",
    "resnet50",
    "densenet121",
    "efficientnet_b0",
    "mobilenet_v2",
]
OF_TIMM = [
    "resnet26d",
    "mobilenetv4_conv_small",
    "convnextv2_atto",
    "regnety_002",
    "ghostnet_100",
    "repvgg_a0",
    "edgenext_xx_small",
    "mobileone_s0",
    "resnetv2_50",
    "tf_efficientnet_b0",
]


def test_every_family_is_there() -> None:
    assert {REGISTRY[name].family for name in OF_THE_ZOO} == {entry.family for entry in REGISTRY.values()}


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".onnx", ".pt2", ".xml"])
@pytest.mark.parametrize("name", [*OF_THE_ZOO, *(f"timm:{name}" for name in OF_TIMM)])
def test_a_network_computes_the_same_in_its_runtime(tmp_path: Path, name: str, ending: str) -> None:
    torch.manual_seed(0)
    with weights_allocated():
        loaded = load(name)
    for module in loaded.module.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)  # some papers' initial weights make next to nothing of an image
    written = write_network(loaded.module, tmp_path / f"net{ending}", Card(model=name, weights="none", input_size=own_size(loaded)))
    assert written.difference <= 1e-4
