"""Ctrl-C and SIGTERM end a training between two steps, with its state written; a second press does not cut that short."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_GRACE_SECONDS = 15.0  # of a process among several, which may wait for one that is gone
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Notes the first signal that asks to end; within ``with``, in the main thread.

    Attributes:
        signal: SIGINT or SIGTERM once one has come, else None.
    """

    def __init__(self, world: int = 1) -> None:
        self.signal: int | None = None
        self._world = world
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            return
        self.signal = number
        print("\nstopping: this step, then the state is written ...", file=sys.stderr, flush=True)
        if self._world > 1:
            timer = threading.Timer(_GRACE_SECONDS, os._exit, (128 + number,))
            timer.daemon = True
            timer.start()
