"""Runs a command and turns whatever goes wrong into one line on stderr and an exit status."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence

from typer import Abort
from typer.exceptions import TyperException

from ..catalogue import list_models
from ..errors import ConvatlasError
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
        print(f"error: {message_of(error, args)}", file=sys.stderr)
        return WRONG
    return status if isinstance(status, int) else 0


def message_of(error: Exception, args: Sequence[str] = ()) -> str:
    """What to tell the user who typed ``args``, in one line."""
    if isinstance(error, TyperException):
        text = _usage_message(error, args)
    elif isinstance(error, ConvatlasError):
        text = str(error)
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    else:
        text = (
            f"unexpected {type(error).__name__}: {error}; this is a fault of convatlas: please report it, "
            "with what the same command says with --debug"
        )
    return " ".join(text.split())


def _usage_message(error: TyperException, args: Sequence[str]) -> str:
    """The parser's message, with the value that it leaves out, and where to read on."""
    reason = error.format_message().replace("Value error, ", "").rstrip(".")  # the parser's own preamble
    if found := re.match(r"Invalid value for '(-[-\w]+)': Input", reason):
        reason = reason.replace(": Input", f" (={_value_of(found[1], args)!r}): Input", 1).partition(", unable")[0]
    if reason.startswith("No such command") and (model := _as_model(args[0])):
        return f"{args[0]!r} is no command; did you mean `convatlas cost {model}`?"
    known = [command.name for command in app.registered_commands]
    named = [word.lower() for word in args[:1] if word.lower() in known]
    return f"{reason} (see `{' '.join(['convatlas', *named, '--help'])}`)"


def _value_of(option: str, args: Sequence[str]) -> str:
    """What was typed for an option: behind it, or behind its equals sign."""
    for word, following in zip(args, [*args[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name.lower() == option:
            return value if equals else following
    return ""


def _as_model(word: str) -> str | None:
    """The network that was meant by what was typed for a command."""
    if ":" in word or word.endswith((".py", ".json")):
        return word
    return word.lower() if list_models(word.lower()) else None
