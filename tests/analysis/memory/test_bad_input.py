"""What cannot be answered is told in one line, with the value received and the way out."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import convatlas as ca
from convatlas.analysis.fit import DoesNotFitError, auto_checkpoints
from convatlas.analysis.memory import Settings
from convatlas.cli import main
from convatlas.measure.apart import MeasurementError, measured_apart

SMALL = ["memory", "resnet18", "--batch", "2", "--input", "3x64x64"]
WRONG: list[tuple[list[str], str]] = [
    (["--optimizer", "adamx"], "Invalid value for '--optimizer': 'adamx' is not one of 'sgd', 'adam'"),
    (["--precision", "fp8"], "'fp8' is not one of 'fp32', 'amp', 'bf16', 'fp16'"),
    (["--device", "tpu"], "'tpu' is not one of 'cpu', 'cuda'"),
    (["--implementation", "fast"], "'fast' is not one of 'single', 'foreach', 'fused'"),
    (["--momentum", "-1"], "`momentum` (=-1) must be a number of at least 0"),
    (["--momentum", "nan"], "`momentum` (=nan) must be a number of at least 0"),
    (["--momentum", "inf"], "`momentum` (=inf) must be a number of at least 0"),
    (["--momentum", "0.9", "--optimizer", "adam"], "--momentum is about sgd, and the optimizer is adam; leave it out"),
    (["--implementation", "fused", "--optimizer", "rmsprop"], "`implementation` (='fused'): rmsprop has none"),
    (["--threads", "2", "--device", "cuda"], "--threads is about a CPU, and the device is cuda; leave it out"),
    (["--accumulate", "0"], "Invalid value for '--accumulate' (='0'): Input should be greater than or equal to 1"),
    (["--freeze", "layr4"], "unknown module to freeze 'layr4': did you mean layer4"),
    (["--checkpoint", "layr4"], "unknown module to checkpoint 'layr4': did you mean layer4"),
    (["--checkpoint", "every:0"], "`--checkpoint` (=every:0): K in every:K is a whole number of at least 1"),
    (["--checkpoint", "every:99"], "`--checkpoint` (=every:99): resnet18 has 8 blocks"),
    (["--checkpoint", "auto"], "`--checkpoint auto` needs a memory to fit into; add --fit SIZE"),
    (["--checkpoint", "auto", "--fit", "60MB"], "with all blocks checkpointed a batch of 2 still needs"),
    (["--fit", "24zb"], "`--fit` (='24zb') is no memory size; write 24GiB, 24GB, 8g or a number of bytes"),
    (["--fit", "0g"], "`--fit` (='0g') must be above zero bytes"),
    (["--fit", "8"], "`--fit` (='8') would be 8 bytes; say the unit, as in 8GiB"),
    (["--fit", "nan"], "`--fit` (='nan') is no memory size; write 24GiB"),
    (["--fit", "inf"], "`--fit` (='inf') is no memory size; write 24GiB"),
    (["--fit", "8g", "--by", "layer", "--format", "csv"], "--by does not go into the one table of csv; leave it out, or --fit"),
    (["--measure", "--format", "markdown"], "--measure does not go into the one table of markdown; leave it out"),
    (["--inference", "--fit", "8g"], "--fit is about training"),
    (["--inference", "--optimizer", "adam"], "--optimizer is about training"),
    (["--inference", "--ema"], "--ema is about training"),
    (["--inference", "--by", "layer"], "`--by layer` shows what is kept for backward"),
    (["--measure", "--optimizer", "lion"], "torch.optim has no 'lion', so it cannot be measured"),
    (["--measure", "--ddp"], "cannot be measured in one process"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[" ".join(options) for options, _ in WRONG])
def test_a_wrong_option_is_one_line_and_status_2(options: list[str], message: str, capsys: Any) -> None:
    assert main([*SMALL, *options]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_memory_too_small_says_what_is_needed_and_what_takes_the_most() -> None:
    with pytest.raises(
        DoesNotFitError,
        match=r"a batch of 1 needs at least [\d.]+ GiB \(1.10 GiB of it beside the tensors\), and 64.0 MiB are given; .* is parameters with",
    ):
        ca.max_batch("resnet18", memory_bytes=2**26)


def test_checkpoints_that_do_not_help_are_refused() -> None:
    graph = ca.trace("resnet18", (2, 3, 64, 64), training=True)
    with pytest.raises(DoesNotFitError, match=r"a batch of 2 still needs .* and 1.0 MiB are given"):
        auto_checkpoints(graph, Settings(), 2**20)


ODD = """
import torch
from torch import nn

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return torch.linalg.qr(self.conv(x))[1]
"""


def test_an_op_without_a_rule_makes_it_at_least(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "odd_network.py"
    file.write_text(ODD)
    assert main(["memory", f"{file}:Odd", "--batch", "1", "--input", "3x8x8"]) == 0
    out = capsys.readouterr().out
    assert "Peak: at least" in out
    assert "No rule for linalg_qr (1 call" in out
    assert "% of all outputs" in out


def measured_with_memory(limit_bytes: int) -> subprocess.CompletedProcess[str]:
    """Measure a step of more than 32 GiB in a process that may have only so much, and go on after it."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))

    code = (
        "from torch import nn\n"
        "from convatlas.analysis.memory import Settings\n"
        "from convatlas.measure.apart import MeasurementError, measured_apart\n"
        "try:\n"
        "    print(measured_apart(nn.Conv2d(3, 4096, 1), (8, 3, 512, 512), Settings(threads=1)))\n"
        "except MeasurementError as error:\n"
        "    print(error)\n"
        "print('alive')\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, preexec_fn=limited)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space")
def test_running_out_of_memory_tells_how_far_it_came_and_leaves_the_parent_alive() -> None:
    process = measured_with_memory(5 * 2**30)
    told, alive = process.stdout.splitlines()
    assert alive == "alive"
    assert "a step at 8x3x512x512 could not be measured: out of memory" in told
    assert "it came as far as the first step's forward pass" in told


def test_a_model_that_cannot_be_sent_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    model.trick = lambda x: x
    with pytest.raises(MeasurementError, match="cannot be handed to a process of its own"):
        measured_apart(model, (1, 3, 8, 8), Settings())


def test_a_killed_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run: Callable[..., Any] = subprocess.run

    def killed(args: list[str], **options: Any) -> Any:
        return run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], **options)

    monkeypatch.setattr(subprocess, "run", killed)
    with pytest.raises(MeasurementError, match=r"ended by signal 9, as when memory runs out; it came as far as starting a process"):
        measured_apart(nn.Conv2d(3, 4, 3), (1, 3, 8, 8), Settings())


FORGETFUL = """
import torch
from torch import nn
class Forgetful(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return self.conv(x).mean((2, 3))
def trained():
    net = Forgetful()
    net.register_forward_pre_hook(recall)
    return net
def recall(module, args):
    raise RuntimeError("the memory of this network is full")
"""


def test_an_error_about_another_memory_is_not_called_a_lack_of_it(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(FORGETFUL)
    with pytest.raises(MeasurementError, match="could not be measured: RuntimeError: the memory of this network is full"):
        measured_apart(f"{file}:trained", (1, 3, 8, 8), Settings())
