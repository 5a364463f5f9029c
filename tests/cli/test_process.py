"""What only a process of its own shows: what gets imported, pipes, signals, completion."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "import sys; from convatlas.cli import main; sys.exit(main())"]
WITHOUT_TORCH = """
import sys
from convatlas.cli import main
status = main(sys.argv[1:])
sys.exit(9 if {"torch", "numpy"} & set(sys.modules) else status)
"""


@pytest.mark.parametrize(
    "args",
    [
        ["list"],
        ["list", "--json"],
        ["show", "vgg16"],
        ["compare", "resnet50", "vgg16"],
        ["compare", "vgg16", "alexnet", "--input", "3x224x224", "--json"],
        ["cost", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_no_torch_is_imported_to_read_the_catalogue(args: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *args], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_unknown_network_is_told_without_importing_torch() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, "cost", "vgg61"], capture_output=True, check=False)
    assert done.returncode == 2


def test_completion_knows_the_names_without_torch() -> None:
    asked = {"_CONVATLAS_COMPLETE": "complete_bash", "COMP_WORDS": "convatlas show vgg1", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False, env=os.environ | asked
    )
    assert done.stdout.split()[:2] == ["vgg11", "vgg11_bn"]
    assert done.returncode == 0


def test_completion_can_be_shown_for_a_shell() -> None:
    done = subprocess.run(
        [*COMMAND, "--show-completion", "bash"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "_CONVATLAS_COMPLETE" in done.stdout


@pytest.mark.parametrize("args", [["list", "--json"], ["show", "vgg16"], ["cost", "--help"], ["notes", "senet"]], ids=" ".join)
def test_a_pipe_closed_early_ends_quietly(args: list[str]) -> None:
    process = subprocess.Popen([*COMMAND, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert complaint == b""
    assert process.wait() == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_under_standard_output_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the output cannot be written: No space left on device\n")


def test_no_standard_output_is_no_fault() -> None:
    done = subprocess.run([*COMMAND, "list"], preexec_fn=lambda: os.close(1), stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [*COMMAND, "cost", "slow.py:net", "-o", "cost.txt"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background has it ignored
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"here\n"  # the output's place is secured by now, and work goes on
    process.send_signal(signal.SIGINT)
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert complaint == b""
    assert {path.name for path in tmp_path.iterdir()} <= {"slow.py", "__pycache__"}
