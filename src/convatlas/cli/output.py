"""Where a command's text goes: to the screen, in style, or to a file, whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from ..files import atomic_write
from .tables import Line

PIPE_CLOSED = 141  # what a shell reports of a process that SIGPIPE ended
Made = list[Line] | str | bytes  # a text by lines, a text as it is, a file's contents
_NO_TERMINAL = (160, 24)  # a pipe or file takes wide tables


def screen_width() -> int:
    """Columns of the terminal, or of what COLUMNS says."""
    return shutil.get_terminal_size(_NO_TERMINAL).columns


def deliver(make: Callable[[], Made], output: Path | None) -> None:
    """Make something and print it, or write it to ``output``, whose place is secured before the work starts.

    Raises:
        OSError: ``output`` cannot be written.
        typer.Exit: the reader of standard output has gone.

    """
    if output is None:
        _print(make())
        return
    with atomic_write(output) as file:
        made = make()
        file.write(made if isinstance(made, bytes) else _plain(made).encode())


def stream(lines: Iterable[str], output: Path | None) -> None:
    """Print lines as they come, or write them to ``output``, which takes its place when there are no more.

    Raises:
        OSError: ``output`` cannot be written.
        typer.Exit: the reader of standard output has gone.

    """
    if output is None:
        for line in lines:
            _print(line)
        return
    with atomic_write(output) as file:
        for line in lines:
            file.write(line.encode())


def _plain(made: list[Line] | str) -> str:
    return made if isinstance(made, str) else "".join(f"{line.text}\n" for line in made)


def _print(made: Made) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode gets a question mark, not a traceback
    try:
        if isinstance(made, bytes):
            sys.stdout.buffer.write(made)
        else:
            sys.stdout.write(_styled(made) if isinstance(made, list) and sys.stdout.isatty() else _plain(made))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(PIPE_CLOSED) from None
        raise type(error)(f"the output cannot be written: {error.strerror}") from error


def _styled(lines: list[Line]) -> str:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(Text("\n").join(Text(line.text, style=line.style) for line in lines), soft_wrap=True)
    return capture.get()
