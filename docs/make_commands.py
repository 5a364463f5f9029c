"""Writes docs/commands.md: every command with its arguments, options, formats and examples, out of the application itself.

python docs/make_commands.py
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from convatlas.cli.app import STATUSES, app
from convatlas.cli.formats import ENDINGS

PAGE = Path(__file__).parent / "commands.md"


class Parameter(NamedTuple):
    """An argument or an option as a reader needs it."""

    info: ArgumentInfo | OptionInfo
    words: str  # how it is typed
    choices: tuple[str, ...]
    default: str
    help: str


def commands() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Name, function and examples of each command."""
    for command in app.registered_commands:
        assert command.name is not None
        assert command.callback is not None
        yield command.name, command.callback, command.epilog or ""


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """What a command takes, in its order."""
    hints = get_type_hints(function, include_extras=True)
    return [_parameter(name, hints[name], given.default) for name, given in inspect.signature(function).parameters.items()]


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    kind, info = get_args(hint)
    choices = next((get_args(part) for part in (kind, *get_args(kind)) if get_origin(part) is Literal), ())
    if isinstance(info, OptionInfo):
        names = [info.default, *(info.param_decls or ())]  # in Annotated the first name is the "default"
        takes = "" if kind is bool else f" {info.metavar or names[0].strip('-').upper()}"
        words = ", ".join(names) + takes
    else:
        words = info.metavar or name.upper()
    shown = info.show_default if isinstance(info.show_default, str) else "" if default in (None, False, inspect._empty) else default
    return Parameter(info, words, choices, str(shown), info.help or "")


def page() -> str:
    """The whole page."""
    parts = [
        "# Commands",
        "<!-- written by docs/make_commands.py -->",
        "`convatlas help COMMAND` (or `convatlas COMMAND --help`) says the same on the screen. Capitals mean the same in commands, "
        "options and choices. `convatlas --install-completion` teaches the shell all of it.",
        "## Formats",
        "The ending of the FILE of `--output` says the format; `--format` does so for the screen and for files with any other "
        "ending. An ending that a command cannot write, or that contradicts `--format`, is refused before any work. "
        "Files appear whole or not at all. `--output -` is the screen.",
        "A table is as wide as the terminal, and 160 columns where there is none, unless `COLUMNS` says otherwise; a line below it "
        "names the columns for which there was no space. CSV, Markdown and JSON have all of them. `NO_COLOR` is heeded.",
        _formats(),
        "## Exit status",
        "\n".join(["| status | meaning |", "| --: | --- |", *(f"| {status} | {text} |" for status, text in STATUSES.items())]),
    ]
    for name, function, examples in commands():
        parts += _command(name, function, examples)
    return "\n\n".join(parts) + "\n"


def _formats() -> str:
    head = "| command | " + " | ".join(f"{form} ({', '.join(endings)})" for form, endings in ENDINGS.items()) + " |"
    rows = [head, "| --- |" + " :-: |" * len(ENDINGS)]
    for name, function, _ in commands():
        for parameter in parameters(function):
            if parameter.words.startswith("--format"):
                rows.append(f"| `{name}` | " + " | ".join("x" if form in parameter.choices else "" for form in ENDINGS) + " |")
    return "\n".join(rows)


def _command(name: str, function: Callable[..., Any], examples: str) -> list[str]:
    taken = parameters(function)
    arguments = [parameter for parameter in taken if isinstance(parameter.info, ArgumentInfo)]
    options = [parameter for parameter in taken if isinstance(parameter.info, OptionInfo)]
    usage = " ".join(["convatlas", name, *(_word(argument) for argument in arguments)])
    lines = [line.strip() for line in examples.splitlines() if line.startswith("  ")]
    return [
        f"## `{usage}`",
        inspect.cleandoc(function.__doc__ or ""),
        "\n".join(["```sh", *lines, "```"]),
        "\n".join(["| | what it is | choices | default |", "| --- | --- | --- | --- |", *map(_row, [*arguments, *options])]),
    ]


def _word(argument: Parameter) -> str:
    optional = argument.default and not argument.words.startswith("[")
    return f"[{argument.words}]" if optional else argument.words


def _row(parameter: Parameter) -> str:
    choices = ", ".join(f"`{choice}`" for choice in parameter.choices)
    return f"| `{parameter.words}` | {parameter.help} | {choices} | {parameter.default} |".replace("  ", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
