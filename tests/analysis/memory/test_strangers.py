"""Networks of other kinds than images' classifiers: predicted peaks against real steps on this CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import convatlas as ca
from convatlas.measure.memory import measure_training

from .strangers import CASES as MORE
from .strangers import Case

Build = Callable[[], nn.Module]


class Last(nn.Module):
    """Classes from the last step of a sequence."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.head(self.layer(x)[0][:, -1])
        return made


class Attention(nn.Module):
    """Attention with dropout, which no kernel of a CPU takes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(32, 96), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.inner(x).chunk(3, -1)
        made: Tensor = self.outer(F.scaled_dot_product_attention(query, key, value, dropout_p=0.1))
        return made


class Checkpointed(nn.Module):
    """Blocks that are computed again in backward."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.stem, self.reentrant = nn.Conv2d(3, 16, 3, padding=1), reentrant
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


CASES: dict[str, tuple[Build, tuple[int, ...]]] = {
    "a volume": (lambda: nn.Sequential(nn.Conv3d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv3d(16, 16, 3, padding=1)), (2, 3, 8, 24, 24)),
    "a single volume": (lambda: nn.Sequential(nn.Conv3d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv3d(16, 16, 3, padding=1)), (1, 3, 8, 24, 24)),
    "space, then time": (lambda: nn.Sequential(nn.Conv3d(3, 16, (1, 3, 3)), nn.ReLU(), nn.Conv3d(16, 16, (3, 1, 1))), (2, 3, 8, 24, 24)),
    "a volume doubled": (lambda: nn.Sequential(nn.Conv3d(3, 16, 3, 2, 1), nn.ReLU(), nn.ConvTranspose3d(16, 16, 2, 2)), (2, 3, 8, 32, 32)),
    "wide dilation": (lambda: nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=12, dilation=12)), (4, 3, 64, 64)),
    "dilation of one image": (lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=2, dilation=2), nn.Conv2d(8, 8, 3, padding=4, dilation=4)), (1, 3, 40, 40)),
    "a sequence": (lambda: nn.Sequential(nn.Conv1d(8, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 32, 3, dilation=2)), (4, 8, 512)),
    "a single sequence": (lambda: nn.Sequential(nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.Conv1d(16, 16, 5, padding=2)), (1, 8, 1024)),
    "down and up": (lambda: nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1)), (4, 3, 64, 64)),
    "one image down and up": (lambda: nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 8, 2, 2)), (1, 3, 64, 64)),
    "group norm": (lambda: nn.Sequential(nn.Conv2d(3, 32, 3), nn.GroupNorm(8, 32), nn.SiLU(), nn.Conv2d(32, 32, 3)), (4, 3, 48, 48)),
    "instance norm": (lambda: nn.Sequential(nn.Conv2d(3, 32, 3), nn.InstanceNorm2d(32, affine=True), nn.LeakyReLU(), nn.Conv2d(32, 32, 3)), (4, 3, 48, 48)),
    "gated recurrent": (lambda: Last(nn.GRU(32, 64, 2, batch_first=True, bidirectional=True), 128), (8, 20, 32)),
    "long short-term": (lambda: Last(nn.LSTM(32, 64, 2, batch_first=True), 64), (8, 20, 32)),
    "attention with dropout": (Attention, (4, 2, 128, 32)),
    "an encoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2), (4, 64, 64)),
    "checkpoints": (lambda: Checkpointed(False), (4, 3, 48, 48)),
    "reentrant checkpoints": (lambda: Checkpointed(True), (4, 3, 48, 48)),
    "spectral norm": (lambda: nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(16, 64, 3)), nn.ReLU(), nn.utils.spectral_norm(nn.Conv2d(64, 64, 3))), (2, 16, 12, 12)),
}  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
@pytest.mark.filterwarnings("ignore:.*spectral_norm:FutureWarning")
@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
def test_peak_is_within_a_percent(case: tuple[Build, tuple[int, ...]], settings: Any) -> None:
    build, shape = case
    predicted = ca.training_memory(build(), shape, threads=torch.get_num_threads()).peak_bytes
    assert predicted == pytest.approx(measure_training(build(), shape, settings(optimizer="momentum")).peak_bytes, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in MORE.items()])
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_peak_of_a_stranger_is_within_a_percent(case: Case, settings: Any) -> None:
    build, shape, options = case
    predicted = ca.training_memory(build(), shape, threads=torch.get_num_threads(), **options).peak_bytes
    measured = measure_training(build(), shape, settings(optimizer="momentum", **options)).peak_bytes
    assert predicted == pytest.approx(measured, rel=0.01)
