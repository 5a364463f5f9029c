"""The file of proven networks says what a trace says today, and has what it promises."""

from __future__ import annotations

import json

import torch
from torch import nn

from convatlas.catalogue import entries
from convatlas.catalogue.convolutional import attention_share, is_convolutional
from convatlas.catalogue.costs import PRECISIONS, costs_of
from convatlas.catalogue.proven import FILE, proven, timings
from convatlas.devices.conditions import Conditions
from convatlas.devices.profile import find, profiled_devices
from convatlas.trace import trace
from convatlas.zoo import create

HELP = "the catalogue is not what the networks cost: run python -m convatlas.catalogue.trace_proven"


def test_tracing_a_network_anew_gives_its_line() -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))["costs"]["shufflenet_v2_x0_5"]["224"]
    with torch.device("meta"):
        network = create("shufflenet_v2_x0_5").eval()
    fresh = costs_of(lambda batch, training: trace(network, (batch, 3, 224, 224), training=training)).to_json()
    assert json.loads(json.dumps(fresh)) == stored, HELP


def test_every_network_of_the_zoo_that_is_for_imagenet_stands_in_it() -> None:
    names = {each.name for each in proven()}
    assert {name for name, entry in entries().items() if entry.dataset == "ImageNet"} <= names


def test_each_row_is_once_there_and_says_its_source() -> None:
    rows = [(each.name, each.weights, each.size) for each in proven()]
    assert len(rows) == len(set(rows))
    assert all(each.source for each in proven())
    assert all(each.top1["imagenet"] is None or 10 < each.top1["imagenet"] < 95 for each in proven())


def test_hundreds_of_published_weight_sets_are_known_on_six_data_sets() -> None:
    whole = [each for each in proven() if None not in each.top1.values()]
    assert len(whole) > 600


def test_intervals_are_those_of_the_profiles() -> None:
    assert set(timings()) == set(profiled_devices())
    for device, by_precision in timings().items():
        for precision in PRECISIONS:
            profile = find(device, Conditions(precision=precision))
            timing = by_precision[precision]
            same = timing.profile, timing.unfamiliar
            assert same == (profile.name, profile.interval["unfamiliar"])
            assert timing.memory_device == ("cpu" if device.startswith("i") else "cuda")


class _Mixing(nn.Module):
    """Convolutions with attention over places between them."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for convolution in self.convolutions:
            x = convolution(x)
            places = x.flatten(2)
            x = (places @ (places.transpose(1, 2) @ places).softmax(-1)).view_as(x)
        return x


def test_attention_and_patches_are_told_from_convolutions() -> None:
    with torch.device("meta"):
        plain, mixing = create("resnet18").eval(), _Mixing()
        patches = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Flatten(2), nn.Linear(64, 64))
    assert is_convolutional(trace(plain, (1, 3, 64, 64)))
    graph = trace(mixing, (1, 8, 16, 16))
    convolutions, products = 8 * 8 * 9 * 256, 2 * 256 * 256 * 8  # of each of the three layers, on 16 x 16 places of 8 channels
    assert attention_share(graph) == products / (products + convolutions)
    assert not is_convolutional(graph)
    assert not is_convolutional(trace(patches, (1, 3, 32, 32)))
