"""Parts of networks, the sizes that networks are made for, and what is said where nothing can be counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torchvision

import convatlas as ca
from convatlas.cli.run import run
from convatlas.models import load

NETS = """
from torch import nn

class Clips(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.embedding = nn.Embedding(100, 8)
        self.fc = nn.Linear(8, 10)

    def forward(self, x, tokens):
        return self.fc(self.conv(x).mean((2, 3)) + self.embedding(tokens).mean(1))

class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 5)

    def forward(self, x):
        assert x.ndim == 2
        return self.fc(x)

class Gray(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 28 * 28, 10))
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of networks in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some_nets.py").write_text(NETS)


def told(*args: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert run([*args, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    "word", ["resnet50.layer3", "torchvision:resnet50.layer3", "timm:resnet50.layer3", "timm:resnet50.a1_in1k.layer3"]
)
def test_a_part_is_counted_at_what_it_gets_in_the_whole(word: str) -> None:
    whole, part = ca.cost(word.removesuffix(".layer3")), ca.cost(word)
    inside = [layer for layer in whole.layers if layer.name.startswith("layer3.")]
    assert part.macs == sum(layer.macs for layer in inside)
    assert part.input_shape == (1, 512, 28, 28)
    assert ca.trace(word).name == word


def test_a_part_of_the_users_own_network(nets: None) -> None:
    assert ca.cost("some_nets.py:Pair.fc", (1, 8)).macs == 80
    with pytest.raises(ca.ConvatlasError, match=r"unknown part of some_nets.py:Pair 'cov': did you mean conv"):
        load("some_nets.py:Pair.cov")


def test_a_detectors_error_names_the_part_that_can_be_counted() -> None:
    word = "torchvision:ssdlite320_mobilenet_v3_large"
    with pytest.raises(ca.ConvatlasError, match=f"A part of it can be counted: {word}.backbone"):
        ca.cost(word)
    backbone = ca.cost(f"{word}.backbone")
    assert backbone.input_shape == (1, 3, 320, 320)
    assert backbone.params == sum(p.numel() for p in load(word).module.backbone.parameters())


@pytest.mark.parametrize(("name", "size"), [("r3d_18", (3, 16, 112, 112)), ("swin3d_t", (3, 32, 224, 224))])
def test_a_network_of_clips_has_the_size_of_its_weights(name: str, size: tuple[int, ...]) -> None:
    assert load(f"torchvision:{name}").input_size == size


def test_a_clip_network_costs_what_torchvision_states() -> None:
    stated = torchvision.models.get_model_weights("r3d_18").DEFAULT.meta["_ops"]
    assert ca.cost("torchvision:r3d_18").macs / 1e9 == pytest.approx(stated, rel=1e-3)


def test_a_clip_is_no_batch_of_images(nets: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = told("cost", "some_nets.py:Clips", "--input", "3x4x16x16", capsys=capsys)
    assert (found["batch"], found["input_shape"]) == (1, [1, 3, 4, 16, 16])


def test_several_inputs_on_the_command_line(nets: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = told("cost", "some_nets.py:Pair", "--input", "x=3x16x16", "--input", "tokens=7:int64", "--batch", "4", capsys=capsys)
    assert found["inputs"] == [{"shape": [4, 3, 16, 16], "dtype": "float32"}, {"shape": [4, 7], "dtype": "int64"}]
    assert run(["cost", "some_nets.py:Pair", "--input", "3x16x16", "--input", "7:int64"]) == 0
    assert "inputs 3x16x16 and 7 int64, batch 1, float32" in capsys.readouterr().out
    assert run(["memory", "some_nets.py:Pair", "--input", "3x16x16", "--input", "7:int64"]) == 0
    assert "batch 32" in capsys.readouterr().out


def test_an_input_without_a_batch_axis_says_so(nets: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "some_nets.py:Rows", "--input", "7x20", "--batch", "none"]) == 0
    assert "input 7x20, no batch axis, float32" in capsys.readouterr().out
    found = told("cost", "some_nets.py:Rows", "--input", "7x20", "--batch", "none", capsys=capsys)
    assert (found["batch"], found["macs"]) == (None, 7 * 100)
    assert run(["compare", "some_nets.py:Rows", "--input", "7x20", "--batch", "none"]) == 0
    assert "a training step is of a batch" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["some_nets.py:Net"], "unknown attribute of some_nets.py 'Net': it has Clips, Pair, Rows, Gray"),
        (["some_nets.py:Clips"], "does not say its input size; say it, as `--input 3x64x64`"),
        (["some_nets.py:Gray"], "does not say its input size, so this one was tried"),
        (["some_nets.py:Rows", "--input", "12"], "linear expects 20 features"),
        (["resnet18", "--input", "3x64x64", "--input", "3"], "resnet18 reads one input, an image as 3x224x224, and 2 are given"),
        (["resnet18", "--batch", "none"], "`--batch none` does not fit resnet18"),
        (["resnet18", "--batch", "0"], "'0' is no whole number of at least 1, nor none"),
        (["resnet18.layer9"], "unknown part of resnet18 'layer9'"),
        (["resnet19.layer1"], "unknown network 'resnet19': did you mean"),
    ],
)
def test_what_cannot_be_counted_is_told_with_a_way_out(
    nets: None, args: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cost", *args]) == 2
    assert says in capsys.readouterr().err


def test_a_network_in_a_file_with_several_inputs_is_measured(nets: None, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["--input", "3x16x16", "--input", "tokens=7:int64", "--batch", "4"]
    found = told("memory", "some_nets.py:Pair", *typed, "--threads", "1", "--measure", capsys=capsys)
    assert found["inputs"] == [{"shape": [4, 3, 16, 16], "dtype": "float32"}, {"shape": [4, 7], "dtype": "int64"}]
    measured = found["measured"]
    assert isinstance(measured, dict)
    assert abs(measured["error"]) < 0.25  # a hundred kilobytes, of which a few buffers are a part


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2", "net.XML"])
def test_an_exported_file_is_told_what_runs_it(name: str) -> None:
    with pytest.raises(ca.ConvatlasError, match="exported form, which `predict` runs"):
        load(name)
