"""The networks that most tests run for have every kind of layer of their family."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convatlas.zoo import REGISTRY, create

Kind = tuple[Any, ...]
LEFT_OUT = {  # kinds that only giants have, or that another family's sample has
    "regnet": {"regnet_x_8gf", "regnet_y_32gf"},  # one group, as in ResNet
    "resnext": {"resnext50_1x64d", "resnext101_1x64d"},  # the same
    "senet": {"senet154"},  # a stem of three convolutions, and 3x3 shortcuts
    "vgg": {"vgg16_c"},  # 1x1 convolutions
}


def kinds_of(name: str) -> set[Kind]:
    """The classes of a network's modules; of convolutions also the kernel, whether it strides, how it groups, and the bias."""
    with torch.device("meta"):
        network = create(name)
    kinds: set[Kind] = set()
    for module in network.modules():
        kind: Kind = (type(module),)
        if isinstance(module, nn.Conv2d):
            groups = "one" if module.groups == 1 else "depthwise" if module.groups == module.in_channels else "some"
            kind += (module.kernel_size, module.stride != (1, 1), groups, module.bias is not None)
        kinds.add(kind)
    return kinds


@pytest.mark.slow
def test_the_sample_has_every_kind_of_layer_of_each_family(sample: dict[str, tuple[str, ...]]) -> None:
    missing = {}
    for family in {entry.family for entry in REGISTRY.values()}:
        kinds = set[Kind]().union(*map(kinds_of, sample.get(family, ())))
        for name, entry in REGISTRY.items():
            if entry.family == family and name not in LEFT_OUT.get(family, ()) and (more := kinds_of(name) - kinds):
                missing[name] = more
    assert not missing, "these need a network in `SAMPLE` (conftest.py)"


def test_the_sample_has_networks_of_every_family(sample: dict[str, tuple[str, ...]]) -> None:
    families = {entry.family for entry in REGISTRY.values()}
    assert {family: {REGISTRY[name].family for name in names} for family, names in sample.items()} == {
        family: {family} for family in families
    }
