"""Does it fit: one answer with the same figures from the command line and Python, and each figure what a simulation says."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import convatlas as ca
from convatlas.analysis.fit import max_batch
from convatlas.analysis.memory import Settings, blocks, training_memory
from convatlas.analysis.verdict import in_a_word
from convatlas.api import graphs_by_batch
from convatlas.cli import main
from convatlas.devices.cpu import Cpu
from convatlas.devices.cuda.memory import Cuda

QUESTION = ["resnet50", "--batch", "64", "--precision", "amp", "--fit", "8GiB", "--device", "cuda"]
SMALL = ["memory", "resnet18", "--batch", "32", "--input", "3x64x64"]
GIB = 2**30


def printed(capsys: Any, *args: str) -> str:
    assert main(list(args)) == 0
    out: str = capsys.readouterr().out
    return out


@pytest.fixture(scope="module")
def resnet50() -> ca.Verdict:
    return ca.fit("resnet50", (64, 3, 224, 224), memory_bytes="8GiB", precision="amp", device="cuda")


def test_the_first_line_is_the_verdict_in_python_and_on_the_command_line(resnet50: ca.Verdict, capsys: Any) -> None:
    first, *lines = printed(capsys, "memory", *QUESTION).splitlines()
    step = ca.training_memory("resnet50", (64, 3, 224, 224), precision="amp", device="cuda")
    needed = step.peak_bytes + Cuda.overhead_bytes
    assert first == str(resnet50) == f"Fits 8 GiB: {needed / GIB:.2f} GiB needed, {8 - needed / GIB:.2f} GiB to spare."
    assert " ".join(lines).startswith("resnet50: input 3x224x224, training step at batch 64, amp, SGD with momentum, CUDA")


def test_json_has_the_figures_of_python(resnet50: ca.Verdict, capsys: Any) -> None:
    found = json.loads(printed(capsys, "memory", *QUESTION, "--json"))
    fit = found["fit"]
    assert next(iter(found)) == "fit"
    assert fit["verdict"] == str(resnet50)
    assert (fit["fits"], fit["batch"], fit["needed_bytes"]) == (True, 64, resnet50.needed_bytes)
    assert fit["spare_bytes"] == resnet50.spare_bytes == 8 * GIB - resnet50.needed_bytes
    assert fit["largest_batch"] == resnet50.largest_batch
    assert [(c["change"], c["needed_bytes"], c["largest_batch"]) for c in fit["changes"]] == [
        (change.words, change.needed_bytes, change.largest_batch) for change in resnet50.changes
    ]


def test_the_page_begins_with_the_verdict(resnet50: ca.Verdict, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    page = tmp_path / "page.html"
    assert main(["report", *QUESTION, "-o", str(page)]) == 0
    html = page.read_text(encoding="utf-8")
    words = re.sub(r"<[^>]+>", "", html[html.index("<main") :]).strip()
    assert words.startswith(f"{resnet50} resnet50 at batch 64, amp, CUDA. Largest batch that fits: {resnet50.largest_batch}, with")
    assert f'data-peak="{resnet50.memory.peak_bytes}"' in html
    for change in resnet50.changes:
        assert f'<code>{change.words}</code></th><td>yes</td><td class="n" data-value="{change.needed_bytes}">' in html


@pytest.mark.parametrize("option", [["--fit", "8GiB"], ["--device", "cuda"], ["--precision", "amp"]])
def test_a_chart_has_no_training(option: list[str], capsys: Any) -> None:
    assert main(["report", "resnet18", "--chart", "stages", *option]) == 2
    assert f"{option[0]} is about training, which no chart shows; leave it out" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "markdown"])
def test_a_file_has_a_row_for_the_answer_and_one_for_each_change(form: str, resnet50: ca.Verdict, capsys: Any) -> None:
    text = printed(capsys, "memory", *QUESTION, "--format", form)
    words = ["as asked", *(change.words for change in resnet50.changes)]
    if form == "markdown":
        assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == words
        return
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["change"] for row in rows] == words
    assert int(rows[0]["needed_bytes"]) == resnet50.needed_bytes
    assert int(rows[0]["memory_bytes"]) == 8 * GIB


def test_the_largest_batch_is_that_of_max_batch(resnet50: ca.Verdict) -> None:
    assert resnet50.largest_batch == ca.max_batch("resnet50", memory_bytes="8GiB", precision="amp", device="cuda")


def test_each_change_has_the_figures_of_a_step_that_is_done_so() -> None:
    verdict = ca.fit("resnet18", (32, 3, 64, 64), memory_bytes=Cpu.overhead_bytes + 2**28)
    graph_at = graphs_by_batch("resnet18", (3, 64, 64))
    names = tuple(blocks(graph_at(32)))
    settings = {
        "--precision amp": Settings(precision="amp"),
        "--checkpoint blocks": Settings(checkpoint=names),
        "--precision amp --checkpoint blocks": Settings(precision="amp", checkpoint=names),
        "--optimizer sgd --momentum 0": Settings(optimizer="sgd"),
    }
    found = {change.words: change for change in verdict.changes}
    for words, how in settings.items():
        assert found[words].needed_bytes == training_memory(graph_at(32), how).peak_bytes + Cpu.overhead_bytes
        assert found[words].fits == (found[words].needed_bytes <= verdict.memory_bytes)
        assert found[words].largest_batch == max_batch(graph_at, verdict.memory_bytes, how).batch
    largest = [change.largest_batch or 0 for change in verdict.changes]
    assert largest == sorted(largest, reverse=True)


def test_what_does_not_fit_says_by_how_much_and_the_largest_batch(capsys: Any) -> None:
    lines = printed(capsys, *SMALL, "--fit", "1.2GiB").splitlines()
    missing = ca.training_memory("resnet18", (32, 3, 64, 64)).peak_bytes + Cpu.overhead_bytes - int(1.2 * GIB)
    assert lines[0].startswith("Does not fit 1.20 GiB: ")
    assert lines[0].endswith(f"{missing / 2**20:.1f} MiB too much.")
    assert "No batch fits: a batch of 1 needs at least 1.23 GiB (1.10 GiB of it beside the tensors)" in " ".join(lines)


def test_an_op_that_no_rule_knows_leaves_it_open() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            import torch

            return torch.cdist(self.conv(x), self.conv(x))

    assert str(ca.fit(Odd(), (1, 3, 8, 8), memory_bytes="2GiB")).startswith("May fit 2 GiB: at least 1.10 GiB needed")


def test_a_graph_is_known_at_its_batch_only(tmp_path: Path, capsys: Any) -> None:
    graph = ca.trace("resnet18", (32, 3, 64, 64), training=True)
    whole, alone = ca.fit("resnet18", (32, 3, 64, 64), memory_bytes="2GiB"), ca.fit(graph, memory_bytes="2GiB")
    assert alone.needed_bytes == whole.needed_bytes
    assert alone.largest_batch is None
    assert {change.words for change in alone.changes} == {c.words for c in whole.changes if not c.words.startswith("--input")}
    file = tmp_path / "graph.json"
    file.write_text(graph.to_json())
    out = printed(capsys, "memory", str(file), "--fit", "2GiB")
    assert out.startswith(str(alone))
    assert "A graph's file holds one batch" in out


@pytest.mark.parametrize(("options", "told"), [([], True), (["--device", "cpu"], False)])
def test_who_names_no_device_is_told_how_to_ask_for_a_card(options: list[str], told: bool, capsys: Any) -> None:
    words = " ".join(printed(capsys, *SMALL, "--fit", "8GiB", *options).split())
    assert ("--device cuda asks about a graphics card's" in words) == told


def test_capitals_mean_the_same(capsys: Any) -> None:
    plain = printed(capsys, *SMALL, "--fit", "8GiB", "--precision", "amp", "--device", "cuda")
    assert printed(capsys, *SMALL, "--fit", "8gib", "--precision", "AMP", "--device", "CUDA") == plain
    with_python = ca.fit("resnet18", (32, 3, 64, 64), memory_bytes="8gib", precision="AMP", device="CUDA")
    assert plain.startswith(str(with_python))


def test_nothing_said_is_fp32_on_a_cpu_with_4_threads_at_batch_32_everywhere(capsys: Any) -> None:
    step = ca.training_memory("resnet18")
    assert json.loads(printed(capsys, "memory", "resnet18", "--json"))["peak_bytes"] == step.peak_bytes
    assert (step.batch, step.settings) == (32, Settings(precision="fp32", device="cpu", threads=4, optimizer="momentum"))


@pytest.mark.parametrize(("options", "settings", "batch"), [
    ([], {}, 32),  # the catalogue's
    (["--device", "cuda"], {"device": "cuda"}, 32),
    (["--batch", "4"], {}, 4),  # simulated
    (["--input", "2,3,64,64", "--precision", "bf16", "--device", "cuda"], {"device": "cuda", "precision": "bf16"}, 2),
])  # fmt: skip
def test_compare_has_the_peaks_of_the_step_that_it_says(
    options: list[str], settings: dict[str, Any], batch: int, capsys: Any
) -> None:
    (network,) = json.loads(printed(capsys, "compare", "resnet18", *options, "--json"))["networks"]
    found = network["training"]
    shape = (batch, 3, 64, 64) if "--input" in options else (batch, 3, 224, 224)
    for precision in [settings["precision"]] if "precision" in settings else ["fp32", "amp"]:
        step = ca.training_memory("resnet18", shape, **(settings | {"precision": precision}))
        assert found[f"training_{precision}_bytes"] == step.peak_bytes
    where = "CUDA" if "device" in settings else "CPU with 4 threads"
    assert found["condition"].endswith(f"the peak of a simulated training step at batch {batch}, SGD with momentum, {where}")


def test_compare_says_unknown_of_a_step_that_cannot_be(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "graph.json"
    file.write_text(ca.trace("resnet18", (1, 3, 64, 64)).to_json())
    (network,) = json.loads(printed(capsys, "compare", str(file), "--json"))["networks"]
    assert network["training"]["training_fp32_bytes"] is None


RESIDENT = """
import sys
import torch
import torch
from torch import nn
import convatlas as ca
torch.set_num_threads(1)
network, images, targets = ca.create("resnet18"), torch.randn(8, 3, 64, 64), torch.zeros(8, dtype=torch.long)
optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
for _ in range(2):
    nn.functional.cross_entropy(network(images), targets).backward()
    optimizer.step()
    optimizer.zero_grad()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's resident memory at its highest")
def test_a_cpu_process_takes_no_more_than_what_is_said_to_be_needed() -> None:
    process = subprocess.run([sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True)
    resident = int(process.stdout) * 1024
    needed = ca.training_memory("resnet18", (8, 3, 64, 64), threads=1).needed_bytes
    # CUDA's libraries make half of it: a torch without them takes less, so that it cannot be close from below
    assert 0.3 * needed <= resident <= needed


class Unknown(nn.Module):
    """Holds an op that no rule knows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.qr(self.linear(x))[1]


def test_what_is_not_known_makes_every_yes_a_perhaps() -> None:
    answer = ca.fit(Unknown(), (4, 5, 8), memory_bytes="2GiB")
    assert str(answer).startswith("May fit 2 GiB: at least ")
    assert re.match(r"Largest batch that may fit: at most [\d,]+.*, with at least .* needed\.", answer.largest_in_words())
    assert {in_a_word(row) for row in answer.rows()} == {"perhaps"}
    assert in_a_word({"fits": False, "at_least": True}) == "no"


def test_the_largest_batch_says_where_the_search_ended() -> None:
    answer = ca.fit(nn.Linear(2, 2), (4, 2), memory_bytes="64GiB")
    assert answer.largest_in_words().startswith("Largest batch that fits: 1,048,576 (no larger one was tried), with ")
