"""Python takes what the command line takes, and says the same of what it cannot take."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

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


def test_a_container_has_the_receptive_field_of_its_last_call() -> None:
    fields = ca.receptive_field("resnet18")
    assert fields["layer3"] is fields["layer3.1.relu"]
    with pytest.raises(ca.ConvatlasError, match=r"unknown layer 'layer9': did you mean layer"):
        fields["layer9"]


def test_a_word_is_understood_where_a_list_is_meant() -> None:
    def peak(**settings: Any) -> int:
        return ca.training_memory("resnet18", (64, 3, 32, 32), **settings).peak_bytes

    blocks = [f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)]
    assert peak(checkpoint="blocks") == peak(checkpoint=blocks) < peak()
    assert peak(checkpoint="every:2") == peak(checkpoint=blocks[1::2]) == peak(checkpoint=",".join(blocks[1::2]))
    assert peak(checkpoint="none") == peak(checkpoint=()) == peak()
    assert peak(frozen="layer1") == peak(frozen=["layer1"]) < peak()


def test_a_memory_may_be_words_and_checkpoints_let_a_batch_grow() -> None:
    def largest(**settings: Any) -> int:
        return ca.max_batch("resnet18", (3, 64, 64), device="cuda", **settings)

    assert largest(memory_bytes="4GiB") == largest(memory_bytes=4 * 2**30) < largest(memory_bytes="4GiB", checkpoint="blocks")
    assert largest(memory_bytes="4GiB", checkpoint="auto") == largest(memory_bytes="4GiB", checkpoint="blocks")
    assert ca.fit("resnet18", (800, 3, 64, 64), memory_bytes="4GiB", device="cuda", checkpoint="auto").fits


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"checkpoint": "auto"}, "`checkpoint auto` needs a memory to fit into"),
        ({"checkpoint": "every:x"}, r"`checkpoint` \(=every:x\): K in every:K is a whole number"),
        ({"checkpoint": "layer9"}, "unknown module to checkpoint 'layer9': did you mean layer"),
        ({"frozen": "layer9"}, "unknown module to freeze 'layer9': did you mean layer"),
        ({"precision": "fp31"}, "unknown precision 'fp31': choose fp32"),
        ({"device": "tpu"}, "unknown device 'tpu': choose cpu or cuda"),
        ({"precision": torch.float16}, "unknown precision 'torch.float16': choose fp32"),
        ({"precision": None}, "unknown precision 'none': choose fp32"),
        ({"momentum": "0.9"}, r"`momentum` \(='0.9'\) must be a number"),
        ({"accumulate": 1.5}, r"`accumulate` \(=1.5\) must be a whole number"),
    ],
)
def test_a_wrong_setting_is_shown_with_a_way_out(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ca.ConvatlasError, match=says):
        ca.training_memory("resnet18", (8, 3, 32, 32), **settings)


def test_a_torch_device_is_a_device() -> None:
    step = ca.training_memory("resnet18", (8, 3, 32, 32), device=torch.device("cuda", 0))  # type: ignore[arg-type]
    assert step.settings.device == "cuda"


@pytest.mark.parametrize(
    ("model", "says"), [(nn.Identity, r"got <class .*Identity'>; call it, as Identity\(\)"), (["resnet18"], r"got \['resnet18'\]")]
)
def test_what_is_no_network_is_shown(model: Any, says: str) -> None:
    with pytest.raises(ca.ConvatlasError, match=says):
        ca.cost(model)


def test_the_largest_batch_is_asked_for_with_one_samples_size() -> None:
    with pytest.raises(ca.ConvatlasError, match=r"\(=\(64, 3, 64, 64\)\) is of one sample, .* write \(3, 64, 64\)"):
        ca.max_batch("resnet18", (64, 3, 64, 64), memory_bytes="4GiB")


def test_an_unknown_keyword_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="precison"):
        ca.training_memory("resnet18", precison="amp")  # type: ignore[call-arg]


def test_frames_hold_the_totals_and_their_conditions() -> None:
    cost = ca.cost("resnet18", (2, 3, 64, 64))
    for by in ("layer", "stage", "op", "module"):
        found = cost.to_frame(by)
        assert (found["macs"].sum(), found["params"].sum()) == (cost.macs, cost.params)
        assert "input 3x64x64, batch 2, float32, evaluation" in found.attrs["conditions"]
    step = ca.training_memory("resnet18", (8, 3, 64, 64))
    assert step.to_frame()["num_bytes"].sum() == step.peak_bytes == step.to_frame("time")["num_bytes"].max()
    assert step.to_frame("layer")["saved_for_backward_bytes"].sum() == step.breakdown["saved for backward"]
    assert "training step at batch 8, fp32" in step.to_frame().attrs["conditions"]
    for record in (cost, step):
        with pytest.raises(ca.ConvatlasError, match="unknown view 'layr': did you mean layer"):
            record.to_frame("layr")


def test_without_pandas_a_frame_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ca.ConvatlasError, match=re.escape("pip install 'convatlas[frames]'")):
        ca.cost("alexnet").to_frame()


@pytest.mark.parametrize(
    ("shown", "condition", "figure"),
    [
        (lambda: ca.cost("alexnet"), "input 3x224x224, batch 1, float32, evaluation", "714,188,480"),
        (lambda: ca.training_memory("alexnet"), "training step at batch 32, fp32, SGD with momentum", "simulated, not measured"),
        (lambda: ca.receptive_field("alexnet"), "input 3x224x224", "195, 195"),
        (lambda: ca.trace("densenet121"), "input 3x224x224", "more rows"),
    ],
)
def test_notebooks_get_a_table_with_its_conditions(shown: Callable[[], Any], condition: str, figure: str) -> None:
    html = shown()._repr_html_()
    caption = html.partition("</caption>")[0]
    assert html.startswith("<table>")
    assert condition in caption
    assert figure in html
    for part in ("table", "thead", "tbody", "tr"):
        assert html.count(f"<{part}>") == html.count(f"</{part}>")


def test_a_table_shows_names_of_modules_as_they_are() -> None:
    module = nn.Sequential()
    module.add_module("<b>", nn.Conv2d(3, 4, 1))
    assert "&lt;b&gt;" in ca.trace(module, (1, 3, 8, 8))._repr_html_()


def test_a_report_is_a_page_or_a_chart_by_its_path(tmp_path: Path) -> None:
    page = ca.report(["alexnet", nn.Sequential(nn.Conv2d(3, 4, 1))], tmp_path / "a.html", (1, 3, 64, 64), memory_bytes="8GiB")
    assert "Fits 8" in page.read_text(encoding="utf-8")
    assert ca.report(ca.trace("alexnet"), tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    for path, chart, says in (
        ("a.pdf", None, "a report ends in"),
        ("b.html", "layers", "a page has all charts"),
        ("b.svg", "laers", "layers"),
    ):
        with pytest.raises(ca.ConvatlasError, match=says):
            ca.report("alexnet", tmp_path / path, chart=chart)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.html", "a.svg"]
