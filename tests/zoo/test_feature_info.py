"""What a network says of its stages is what they give."""

from __future__ import annotations

import pytest
import torch

from convatlas.zoo import create


def test_resnet50_is_as_in_its_paper() -> None:
    with torch.device("meta"):
        info = create("resnet50").feature_info()
    assert [(stage.channels, stage.stride) for stage in info] == [(64, 4), (256, 4), (512, 8), (1024, 16), (2048, 32)]


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "densenet121", "shufflenet_v1_x1_0_g3", "preact_resnet18"])
def test_channels_and_strides_are_those_of_a_real_pass(name: str) -> None:
    network = create(name, in_channels=1).eval()
    with torch.no_grad():
        stages = network.forward_intermediates(torch.zeros(1, 1, 224, 224))
    info = network.feature_info(224)
    assert [(stage.name, stage.channels, stage.stride) for stage in info] == [
        (key, output.shape[1], 224 // output.shape[2]) for key, output in stages.items()
    ]
