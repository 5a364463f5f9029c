"""Python takes what the command line takes, and says the same of what it cannot take."""

from __future__ import annotations

from pathlib import Path

import pytest

import convatlas as ca
from convatlas.cli.run import run

NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a user's file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anet.py").write_text(NET)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "params"),
    [("torchvision:resnet18", 11_689_512), ("timm:resnet18", 11_689_512), ("anet.py:Net", 314), ("anet:Net", 314)],
)
def test_every_function_takes_every_word_for_a_network(place: Path, model: str, params: int) -> None:
    shape = (2, 3, 64, 64)
    assert ca.cost(model, shape).params == params
    assert ca.trace(model, shape).name == model
    assert ca.receptive_field(model, shape).final.size[0] >= 3
    assert ca.training_memory(model, shape).peak_bytes > 4 * params
    assert ca.max_batch(model, (3, 64, 64), memory_bytes="2GiB") > 1


def test_a_graph_file_is_a_network_too(place: Path) -> None:
    graph = ca.trace("anet.py:Net", (4, 3, 32, 32), training=True)
    (place / "anet.json").write_text(graph.to_json())
    assert ca.cost("anet.json").macs == ca.cost(graph).macs
    assert ca.training_memory("anet.json").peak_bytes == ca.training_memory(graph).peak_bytes
    with pytest.raises(ca.ConvatlasError, match="name the network itself"):
        ca.max_batch("anet.json", memory_bytes=2**30)
    with pytest.raises(ca.ConvatlasError, match="traced at"):
        ca.cost("anet.json", (1, 3, 32, 32))


def test_a_graph_of_evaluation_is_not_taken_for_a_step_of_training() -> None:
    with pytest.raises(ca.ConvatlasError, match="training=True"):
        ca.training_memory(ca.trace("alexnet"))


@pytest.mark.parametrize(
    "model",
    ["resnet51", "anet.py", "anet.py:Nett", "nowhere.py:Net", "torchvision:resnet19", "timm:resnet19", "no_such:Net", "x.json"],
)
def test_errors_are_the_command_lines(place: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", model]) == 2
    said = capsys.readouterr().err.removeprefix("error: ").strip()
    with pytest.raises(ca.ConvatlasError) as told:
        ca.cost(model)
    assert " ".join(str(told.value).split()) == said
