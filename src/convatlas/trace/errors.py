"""What can go wrong while tracing, each with the place and the way out."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from types import FrameType

import torch

from ..errors import ConvatlasError


class TraceError(ConvatlasError):
    """A network could not be traced. The message is one line; the cause, if there is one, is chained."""


class Unsure(Exception):  # noqa: N818  # no error: it makes a trace begin anew, in the exact way
    """The quick way has met what it does not know; its message is the reason, as `Graph.why` tells it."""


class ForwardError(Exception):
    """What a forward pass raised, and the module in which it did."""

    def __init__(self, error: Exception, place: str) -> None:
        self.error, self.place = error, place


class DataDependentError(TraceError):
    """The forward pass asks for a tensor's values, which a trace does not have."""


class InputTooSmallError(TraceError):
    """The input is too small for the network."""


def user_line() -> str:
    """The line of the caller's own code that is running, as ``file:line: code``."""
    package = Path(__file__).parent.parent
    own, zoo, torch_home = f"{package}{os.sep}", f"{package / 'zoo'}{os.sep}", f"{Path(torch.__file__).parent}{os.sep}"
    frame: FrameType | None = sys._getframe(1)
    best = None
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(zoo) or not name.startswith(own):
            best = best or frame
            if not name.startswith(torch_home):
                best = frame
                break
        frame = frame.f_back
    if best is None:
        return "an unknown line"
    code = linecache.getline(best.f_code.co_filename, best.f_lineno).strip()
    return f"{best.f_code.co_filename}:{best.f_lineno}: {code}"


def data_dependent(what: str) -> DataDependentError:
    """The error for code that reads a tensor's values."""
    return DataDependentError(
        f"the forward pass depends on a tensor's values ({what}) at {user_line()}; "
        "trace a module without that branch, or give what decides it: as an argument, or as a tensor with its values"
    )
