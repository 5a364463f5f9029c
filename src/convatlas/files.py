"""Files that land whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, what one may have of it, or a file


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place at ``path`` when the block ends without an exception.

    It is made beside ``path`` before the block starts, so a place that cannot be written is found before any work.

    Raises:
        OSError: the folder does not exist or cannot be written, ``path`` is a folder, or the disk is full.

    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: {path.parent} is no folder")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # mkstemp's files are private; this one is to be like any other
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise type(error)(f"{path} cannot be written: {error.strerror}") from error
        raise


def check_writable(path: Path) -> None:
    """Find out before any work whether a file can be written at ``path``; nothing is left there.

    Raises:
        OSError: the folder does not exist or cannot be written, or ``path`` is a folder.

    """
    with suppress(_TrialOverError), atomic_write(path):
        raise _TrialOverError


class _TrialOverError(Exception):
    """Ends a trial: the place can be written."""
