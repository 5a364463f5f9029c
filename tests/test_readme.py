"""The README shows what the commands really print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convatlas.cli import main

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```console\n\$ convatlas ([^\n]+)\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL)
CUT = "..."  # a line that stands for the rest


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_is_true(command: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(command.split()) == 0
    printed, expected = capsys.readouterr().out.splitlines(), shown.splitlines()
    if expected[-1] == CUT:
        expected.pop()
        printed = printed[: len(expected)]
    assert printed == expected
