"""Signs of life go to stderr, and only to a terminal; Ctrl-C in the midst leaves nothing half-written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from convatlas.cli import output
from convatlas.cli.progress import counted, tracked, working


def _on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error says that it is a terminal."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


def _numbers() -> Iterator[int]:
    yield from range(3)


def test_a_terminal_sees_it_on_stderr_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _on_a_terminal(monkeypatch)
    with working("waiting"):
        pass
    assert list(tracked(_numbers(), "numbering", 3)) == [0, 1, 2]
    with counted("runs") as tell:
        tell(1, 2, "first")
    shown = capsys.readouterr()
    assert shown.out == ""
    for words in ("waiting", "numbering", "runs"):
        assert words in shown.err


def test_nothing_is_said_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    with working("waiting"):
        assert list(tracked(_numbers(), "numbering", 3)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_data_are_not_mixed_with_it(run, monkeypatch: pytest.MonkeyPatch) -> None:
    _on_a_terminal(monkeypatch)
    result = run("notes", "senet", "--json")
    assert "computing" in result.err
    assert len(json.loads(result.out)) == 13


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("zoo", ["list", "vgg"]),
        ("zoo", ["show", "vgg16"]),
        ("cost", ["cost", "net.py:Net"]),
        ("memory", ["memory", "net.py:Net"]),
        ("compare", ["compare", "vgg16"]),
        ("report", ["report", "net.py:Net"]),
        ("notes", ["notes", "senet"]),
    ],
    ids=lambda value: " ".join(value),
)
@pytest.mark.parametrize("before", [True, False])
def test_ctrl_c_keeps_the_file_that_was_there(
    module: str, args: list[str], before: bool, run, net_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(make: Callable[[], output.Made], path: Path | None) -> None:
        def half() -> output.Made:
            make()
            raise KeyboardInterrupt

        output.deliver(half, path)

    name = "out.html" if module == "report" else "out.json"
    if before:
        (tmp_path / name).write_text("before")
    monkeypatch.setattr(f"convatlas.cli.{module}.deliver", interrupted)
    result = run(*args, "-o", name)
    assert (result.status, result.out, result.err) == (130, "", "")
    left = {path.name for path in tmp_path.iterdir()} - {net_file, "__pycache__"}
    assert left == ({name} if before else set())
    assert not before or (tmp_path / name).read_text() == "before"
