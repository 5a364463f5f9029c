"""torch's own large layers: attention and transformers are counted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convatlas.analysis.cost import cost
from convatlas.trace import trace


class SelfAttention(nn.Module):
    def __init__(self, attention: nn.Module, weights: bool) -> None:
        super().__init__()
        self.attention, self.weights = attention, weights

    def forward(self, x: Tensor) -> Any:
        return self.attention(x, x, x, need_weights=self.weights)


@pytest.mark.parametrize("layer", [
    nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True, bias=False), nn.MultiheadAttention(8, 2, kdim=8, vdim=8),
], ids=["plain", "batch first", "own key size"])  # fmt: skip
@pytest.mark.parametrize("weights", [True, False])
def test_multi_head_attention(layer: nn.Module, weights: bool) -> None:
    model = SelfAttention(layer, weights).eval()
    counted = cost(trace(model, (5, 3, 8)))
    assert counted.uncounted == {}
    with FlopCounterMode(display=False) as counter:
        model.to("meta")(torch.zeros(5, 3, 8, device="meta"))
    assert counted.macs == counter.get_total_flops() // 2


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_transformer_encoder(training: bool, frozen: bool) -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False)
    model.requires_grad_(not frozen)  # without gradients torch would take another, fused, way
    counted = cost(trace(model, (2, 5, 8), training=training))
    # a layer: projections 3 + 1, the feed-forward's two of 16, and attention's two products over 5 positions
    assert counted.macs == 2 * (10 * (4 * 64 + 2 * 128) + 2 * 2 * 5 * 5 * 8)
    assert counted.uncounted == {}
    assert counted.graph.values[counted.graph.outputs[0]].shape == (2, 5, 8)
