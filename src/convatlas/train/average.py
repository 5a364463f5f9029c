"""The moving average of the weights: torch's AveragedModel, with a decay that warms up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def make_average(network: nn.Module, decay: float, step: Callable[[], int]) -> AveragedModel:
    """An average of parameters and buffers, in a copy of ``network`` that shares nothing with it.

    After n steps the decay is min(decay, (1 + n) / (10 + n)), so that a short run is not an average of its beginning.

    Args:
        network: not yet wrapped by accelerate.
        decay: the highest.
        step: tells how many optimizer steps were done.
    """

    @torch.no_grad()
    def blend(averages: Any, values: Any, _count: Any) -> None:
        if averages[0].is_floating_point():
            steps = step()
            torch._foreach_lerp_(averages, values, 1 - min(decay, (1 + steps) / (10 + steps)))
        else:  # counters
            torch._foreach_copy_(averages, values)

    average = AveragedModel(network, multi_avg_fn=blend, use_buffers=True)
    average.requires_grad_(False)
    average.eval()
    return average
