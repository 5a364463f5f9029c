"""Picking among networks of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import convatlas as ca

NETS = """
from torch import nn

class Small(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))

class Wide(nn.Sequential):
    def __init__(self, width=64):
        super().__init__(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))

class Asking(nn.Linear):
    pass

ready = Small()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path


def test_networks_that_need_no_arguments_are_ranked_by_cost(folder: Path) -> None:
    found = ca.pick(folder=folder, input_size=32)
    assert [each.name.rpartition(":")[2] for each in found] == ["Small", "ready", "Wide"]
    # by hand: 3 x 3 x 3 x 8 x 30 x 30 + 8 x 10
    assert (found[0].macs, found[0].params, found[0].top1) == (194_480, 8 * 27 + 8 + 90, None)


def test_limits_and_times_hold_for_them_too(folder: Path) -> None:
    found = ca.pick(folder=folder, input_size=64, max_params=1000, device="rtx4090", batch=8)
    assert {each.name.rpartition(":")[2] for each in found} == {"Small", "ready"}
    predicted = ca.latency(f"{folder}/nets.py:Small", (8, 3, 64, 64), device="rtx4090").milliseconds
    assert found[0].latency_ms == predicted


def test_an_accuracy_that_nobody_measured_ranks_nothing(folder: Path) -> None:
    with pytest.raises(ca.ConvatlasError, match="no network is left of which all figures that count are known"):
        ca.pick(folder=folder, rank="accuracy")


def test_a_folder_without_networks_is_said(tmp_path: Path) -> None:
    with pytest.raises(ca.ConvatlasError, match="no Python file in it has a class"):
        ca.pick(folder=tmp_path)
    with pytest.raises(ca.ConvatlasError, match="is no folder"):
        ca.pick(folder=tmp_path / "nowhere")
