"""Runs a command and turns whatever goes wrong into one line on stderr and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from typer import Abort
from typer.exceptions import TyperException

from .app import app
from .completion import mend_words
from .output import PIPE_CLOSED

WRONG = 2
INTERRUPTED = 130


def run(args: Sequence[str]) -> int:
    """Run one command; returns its exit status."""
    if sys.stdout is None:  # closed by whoever started this
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (as long as the process)
    mend_words(os.environ)
    if args and args[0].lower() == "help":
        args = [*args[1:], "--help"]
    try:
        status = app(args=list(args), prog_name="convatlas", standalone_mode=False)
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer's way to end when the reader of a help page has gone
            return PIPE_CLOSED
        raise
    except Exception as error:
        if "--debug" in map(str.lower, args):
            traceback.print_exception(error)
        print(f"error: {message_of(error)}", file=sys.stderr)
        return WRONG
    return status if isinstance(status, int) else 0


def message_of(error: Exception) -> str:
    """What to tell the user, in one line."""
    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "convatlas"
        reason = error.format_message().replace("Value error, ", "").rstrip(".")  # the parser's own preamble
        text = f"{reason} (see `{command} --help`)"
    elif isinstance(error, ValueError):
        text = str(error)
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    else:
        text = (
            f"unexpected {type(error).__name__}: {error}; this is a fault of convatlas: please report it, "
            "with what the same command says with --debug"
        )
    return " ".join(text.split())
