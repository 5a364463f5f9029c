"""A deep network takes over what a shallower one learned, at the same place of the same stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import convatlas as ca
from convatlas.errors import ConvatlasError
from convatlas.train.growing import grow


def test_vgg16_takes_every_layer_of_vgg11_and_keeps_its_own() -> None:
    shallow, deep = ca.create("vgg11", num_classes=10), ca.create("vgg16", num_classes=10)
    fresh = deep.get_parameter("features.2.weight").clone()
    assert grow(deep, shallow) == 8 + 3  # its convolutions and its fully connected layers
    pairs = {0: 0, 3: 5, 6: 10, 8: 12, 11: 17, 13: 19, 16: 24, 18: 26}  # torchvision's numbers of the same places
    for mine, theirs in pairs.items():
        assert torch.equal(shallow.get_parameter(f"features.{mine}.weight"), deep.get_parameter(f"features.{theirs}.weight"))
    assert torch.equal(shallow.get_parameter("classifier.6.bias"), deep.get_parameter("classifier.6.bias"))
    assert torch.equal(fresh, deep.get_parameter("features.2.weight"))


def test_residual_networks_grow_by_name() -> None:
    shallow, deep = ca.create("resnet20_cifar"), ca.create("resnet32_cifar")
    grow(deep, shallow)
    assert torch.equal(deep.get_parameter("layer2.2.conv1.weight"), shallow.get_parameter("layer2.2.conv1.weight"))


def test_strangers_are_refused() -> None:
    with pytest.raises(ConvatlasError, match="VGG has no layer in common with LeNet5"):
        grow(ca.create("vgg11"), ca.create("lenet5"))


def test_a_run_starts_from_a_run(tmp_path: Path) -> None:
    settings = {"epochs": 1, "batch": 512, "precision": "fp32", "lr": 1e-12, "ema": 0.0}
    first = ca.train("resnet20_cifar", "digits", output=tmp_path / "shallow", **settings)
    second = ca.train("resnet32_cifar", "digits", output=tmp_path / "deep", grow_from=str(first.folder), **settings)
    one, two = (load_file(run.folder / "last" / "model.safetensors") for run in (first, second))
    assert torch.allclose(one["layer3.0.conv1.weight"], two["layer3.0.conv1.weight"], atol=1e-6)
