"""A trace runs no kernel and allocates no tensor data, as torch's profiler sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.trace import trace

GENERATOR_STATE = 5056  # bytes in which torch writes the state of its random generator down
NETWORKS = ["resnet18", "densenet121", "efficientnet_b0", "shufflenet_v2_x1_0", "googlenet", "vit_b_16"]


def profiled(action: Callable[[], Any]) -> Any:
    """The events of an action, and of making one tensor of 4,000 bytes, which the profiler is sure to see."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as report:
        action()
        torch.zeros(1000)
    return report.events()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_kernel_runs_and_nothing_is_allocated(torchvision_on_meta: Callable[..., nn.Module], name: str, training: bool) -> None:
    model = torchvision_on_meta(name)
    events = profiled(lambda: cost(trace(model, (64, 3, 224, 224), training=training)).layers)
    # a proxy is a tensor without elements; torch.zeros makes and fills its own
    assert {event.name for event in events if event.name.startswith("aten::")} == {"aten::empty", "aten::zeros", "aten::zero_"}
    allocated = sum(max(event.self_cpu_memory_usage, 0) for event in events)
    assert 4000 <= allocated <= 4000 + GENERATOR_STATE


def test_the_profiler_would_see_a_real_forward(torchvision_on_meta: Callable[..., nn.Module]) -> None:
    model = nn.Conv2d(3, 4, 3)
    events = profiled(lambda: model(torch.zeros(1, 3, 8, 8)))
    assert "aten::convolution" in {event.name for event in events}


def test_modes_of_the_caller_neither_see_nor_disturb_a_trace() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    expected = trace(model, (1, 3, 8, 8))
    with FlopCounterMode(display=False) as counter:
        assert trace(model, (1, 3, 8, 8)) == expected
    assert counter.get_total_flops() == 0
    with FakeTensorMode():
        assert trace(model, (1, 3, 8, 8)) == expected
        fake = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        assert trace(fake, (1, 3, 8, 8)) == expected
    with torch.device("meta"):
        assert trace(model, (1, 3, 8, 8)) == expected
