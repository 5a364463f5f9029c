"""docs/commands.md and README's table say what the commands are; and each command keeps what the page promises of all."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from convatlas.cli.app import app

ROOT = Path(__file__).parents[2]
COMMANDS = [command.name for command in app.registered_commands]


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make_commands", ROOT / "docs" / "make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _made()
TAKEN = {name: make.parameters(function) for name, function, _ in make.commands()}
EXAMPLES = [line.strip() for _, _, examples in make.commands() for line in examples.splitlines() if line.startswith("  ")]


def options(name: str) -> dict[str, tuple[str, ...]]:
    """Each option of a command, with its choices."""
    return {word: taken.choices for taken in TAKEN[name] for word in re.findall(r"(?:^|, )(-[-\w]+)", taken.words)}


def test_the_page_is_up_to_date() -> None:
    assert make.PAGE.read_text(encoding="utf-8") == make.page(), "python docs/make_commands.py writes it anew"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readmes_table_has_every_command_and_only_options_that_there_are(name: str) -> None:
    rows = re.findall(r"^\| `convatlas ([-a-z]+)[^`]*` \|(.*)\|$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(command for command, _ in rows) == sorted(COMMANDS)
    for command, text in rows:
        for option, choice in re.findall(r"`(--[-\w]+) ?([-\w]*)", text):
            assert option in options(command)
            assert not choice or not options(command)[option] or choice in options(command)[option]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_keeps_what_is_promised_of_all(command: str) -> None:
    found = options(command)
    assert "--debug" in found
    if "--format" in found:
        assert set(found["--format"]) <= set(make.ENDINGS)
        assert "-o" in found
        assert ("json" in found["--format"]) == ("--json" in found)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood(example: str) -> None:
    program, command, *args = shlex.split(example)
    assert program == "convatlas"
    typer.main.get_command(app).commands[command].make_context(command, args)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_page_fits_80_columns_and_has_an_example(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from convatlas.cli import main

    monkeypatch.setenv("COLUMNS", "80")
    assert main(["help", command]) == 0
    page = capsys.readouterr().out
    assert f"  convatlas {command} " in page
    assert max(map(len, page.splitlines())) <= 80


def test_the_first_help_page_names_every_command_and_cuts_nothing_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from convatlas.cli import main

    monkeypatch.setenv("COLUMNS", "80")
    assert main(["help"]) == 0
    page = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", page, re.MULTILINE)
    assert "...\n" not in page.partition("Commands:")[2]
    assert max(map(len, page.splitlines())) <= 80
