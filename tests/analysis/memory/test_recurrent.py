"""A training step of recurrent layers: the peak beside a measured one."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn


class Last(nn.Module):
    """A recurrent layer and a classifier of its last step."""

    def __init__(self, kind: type[nn.RNNBase], width: int, **settings: Any) -> None:
        super().__init__()
        self.layer = kind(32, 64, **settings)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        steps = self.layer(x)[0]
        return self.head(steps[:, -1] if self.layer.batch_first else steps[-1])  # type: ignore[no-any-return]


LAYERS: dict[str, nn.Module] = {
    "gru, two layers and directions, samples first": Last(nn.GRU, 128, num_layers=2, bidirectional=True, batch_first=True),
    "rnn, two layers and directions": Last(nn.RNN, 128, num_layers=2, bidirectional=True),
    "lstm": Last(nn.LSTM, 64),
    "lstm, two layers and directions, samples first": Last(nn.LSTM, 128, num_layers=2, bidirectional=True, batch_first=True),
    "lstm with dropout": Last(nn.LSTM, 64, num_layers=3, dropout=0.2),
    "lstm, projected": Last(nn.LSTM, 16, num_layers=2, proj_size=16),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("name", LAYERS)
def test_peak_is_within_one_and_a_half_percent(name: str, error_of: Any) -> None:
    assert abs(error_of(LAYERS[name], (40, 24, 32))) < 0.015
