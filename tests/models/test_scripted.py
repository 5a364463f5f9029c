"""Files of TorchScript as networks: what is loaded, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from convatlas import ConvatlasError
from convatlas.models import load


def saved(network: nn.Module, path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(str(path))
    return str(path)


def test_a_torchscript_file_is_a_network(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    loaded = load(saved(network, tmp_path / "resnet50.pt"))
    assert [p.shape for p in loaded.module.parameters()] == [p.shape for p in network.parameters()]


def test_a_torchscript_file_that_reaches_files_is_not_run(tmp_path: Path) -> None:
    class Writing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "written.pt")
            return x

    path = saved(Writing(), tmp_path / "net.ts")
    with pytest.raises(ConvatlasError, match=r"its code calls torch.save, which reaches files, so it is not run"):
        load(path)


@pytest.mark.parametrize(("name", "held"), [("net.pt", "weights or a pickled network"), ("net.torch", "something else")])
def test_a_file_without_a_program_is_told_from_one(tmp_path: Path, name: str, held: str) -> None:
    torch.save(nn.Linear(2, 2), path := tmp_path / name)
    with pytest.raises(ConvatlasError, match=f"no program of TorchScript .* but {held}; name the class or function"):
        load(str(path))
    with pytest.raises(ConvatlasError, match=r"gone.pt: there is no such file"):
        load(str(tmp_path / "gone.pt"))
