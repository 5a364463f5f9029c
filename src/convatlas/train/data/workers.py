"""Processes that read ahead: how many their shared memory allows, and what they do with Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

PREFETCH = 2  # batches that each worker has ready

_SHARED = Path("/dev/shm")


def workers_that_fit(workers: int, batch_bytes: int, say: Callable[[str], None]) -> int:
    """As many of ``workers`` as the shared memory has room for, in which they hand over batches of ``batch_bytes``.

    Without room a worker dies by a bus error, which says nothing of memory. The number of workers changes no batch.
    """
    if not workers or not _SHARED.is_dir():
        return workers
    room = os.statvfs(_SHARED)
    free = room.f_bavail * room.f_frsize
    needed = PREFETCH * batch_bytes
    fit = min(workers, free // needed)
    if fit < workers:
        say(
            f"{fit} workers instead of {workers}: they need {workers * needed / 2**20:,.0f} MiB of shared memory, and {_SHARED} has "
            f"{free / 2**20:,.0f} MiB free; a smaller batch needs less, and a container gets more with --shm-size"
        )
    return fit


def begin(_: int) -> None:
    """In a worker: Ctrl-C, which reaches all processes of a terminal, is the main process's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
