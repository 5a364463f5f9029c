"""Recurrent layers and products of three: what the quick way counts beside the exact way's own recorded ops."""

from __future__ import annotations

import pytest
from torch import nn

from convatlas.analysis.cost import cost
from convatlas.analysis.memory import Settings, training_memory
from convatlas.trace import trace

LAYERS: dict[str, tuple[nn.Module, list[tuple[int, ...]]]] = {
    "gru": (nn.GRU(8, 16, 2, bidirectional=True), [(5, 3, 8)]),
    "rnn, samples first": (nn.RNN(8, 16, batch_first=True), [(3, 5, 8)]),
    "lstm, projected": (nn.LSTM(8, 16, proj_size=4), [(5, 3, 8)]),
    "lstm cell": (nn.LSTMCell(8, 16), [(3, 8)]),
    "gru cell": (nn.GRUCell(8, 16, bias=False), [(3, 8)]),
    "bilinear": (nn.Bilinear(4, 5, 6), [(3, 4), (3, 5)]),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("name", LAYERS)
def test_macs_forward_and_backward(name: str) -> None:
    network, shapes = LAYERS[name]
    quick, exact = (cost(trace(network, shapes, training=True, way=way)) for way in ("quick", "exact"))
    assert (quick.macs, quick.backward_macs, quick.uncounted) == (exact.macs, exact.backward_macs, exact.uncounted)


def test_what_onednn_keeps_of_an_lstm_is_in_the_exact_ways_memory_too() -> None:
    network = nn.LSTM(32, 64, 2, bidirectional=True, batch_first=True, dropout=0.1)
    quick, exact = (
        training_memory(trace(network, (8, 20, 32), training=True, way=way), Settings(threads=2)).peak_bytes
        for way in ("quick", "exact")
    )
    assert exact == pytest.approx(quick, rel=0.02)
