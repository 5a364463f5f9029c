"""What some of torch's fake kernels return otherwise than its real ones do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ...graph.ops.recurrent import onednn_workspace
from .calls import Call


def _onednn_lstm(call: Call) -> tuple[torch.Tensor, ...]:
    """With the memory that the real one keeps for the backward pass."""
    x, weight = call["input"], call["weight1"]
    size = onednn_workspace(x.shape[0] * x.shape[1], x.shape[1], x.shape[2], weight.shape[1]) if call["train"] else 0
    return (*call.result[:3], x.new_empty((size,), dtype=torch.uint8))


def _group_norm(call: Call) -> tuple[torch.Tensor, ...]:
    """Lying as what it normalises, on a CPU; the fake one's is contiguous."""
    result, mean, scale = call.result
    if result.device.type == "cpu" and call["input"].is_contiguous(memory_format=torch.channels_last):
        result = result.contiguous(memory_format=torch.channels_last)
    return result, mean, scale


# overload -> what the real kernel returns for a call of it
AS_REAL: dict[Any, Callable[[Call], tuple[torch.Tensor, ...]]] = {
    torch.ops.aten.mkldnn_rnn_layer.default: _onednn_lstm,
    torch.ops.aten.native_group_norm.default: _group_norm,
}
