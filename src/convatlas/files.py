"""Files that land whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import ConvatlasError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, what one may have of it, or a file


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place at ``path`` when the block ends without an exception.

    It is made beside ``path`` before the block starts, so a place that cannot be written is found before any work. A link stays:
    what it leads to is replaced. A device or a pipe, as /dev/stdout, is never replaced, but written to when the block has ended.

    Raises:
        OSError: the folder does not exist or cannot be written, ``path`` is a folder, or the disk is full.

    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: {path.parent} is no folder")
    if path.exists() and not path.is_file():
        whole = io.BytesIO()
        yield whole
        _write_through(path, whole.getvalue())
        return
    if path.is_symlink():
        path = path.resolve()
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


def _write_through(path: Path, contents: bytes) -> None:
    try:
        with path.open("wb", buffering=0) as device:
            device.write(contents)
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of the one at ``path`` when the block ends without an exception.

    A whole one exists at every instant, if there was one before: the new one is complete and on the disk before the old one
    is moved aside. `recover_folder` finishes what a kill cut short.

    Raises:
        OSError: the folder cannot be written; what was at ``path`` is as it was.

    """
    recover_folder(path)
    filling, complete, _ = _stages(path)
    filling.mkdir()
    try:
        yield filling
        for file in filling.iterdir():
            _sync(file)
        _sync(filling)
    except BaseException:
        shutil.rmtree(filling, ignore_errors=True)
        raise
    filling.rename(complete)
    recover_folder(path)


def recover_folder(path: Path) -> None:
    """Finish an exchange of `atomic_folder` that was cut short, and remove what is left of others."""
    filling, complete, old = _stages(path)
    if complete.is_dir():
        if path.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        complete.rename(path)
        _sync(path.parent)
    elif old.is_dir() and not path.is_dir():
        old.rename(path)
    for left in (old, filling):
        shutil.rmtree(left, ignore_errors=True)


def folder_at(path: Path) -> Path | None:
    """Where the folder that belongs at ``path`` lies, in the middle of an exchange too; None where there is none."""
    _, complete, old = _stages(path)
    return next((place for place in (path, complete, old) if place.is_dir()), None)


@contextmanager
def landing(path: Path) -> Iterator[Path]:
    """Where to write a file that consists of several, or that is to be read again before it lands: the same name in a folder beside it.

    When the block ends without an exception, everything in that folder is moved beside ``path``, ``path`` itself last: where that
    is, all of it is.

    Raises:
        ConvatlasError: a file exists in one of the places.
        OSError: the folder does not exist or cannot be written.

    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: {path.parent} is no folder")
    refuse_existing(path)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield folder / path.name
        written = sorted(folder.iterdir(), key=lambda file: file.name == path.name)
        for file in written:
            _sync(file)
            refuse_existing(path.with_name(file.name))
        for file in written:
            file.replace(path.with_name(file.name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """Make sure that nothing is at ``path``.

    Raises:
        ConvatlasError: something is.

    """
    if path.exists() or path.is_symlink():
        raise ConvatlasError(f"{path} exists; name another file, or remove it")


def _stages(path: Path) -> tuple[Path, Path, Path]:
    """Names beside ``path``: being filled, complete but not in place, and the one before."""
    return path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")


def _sync(path: Path) -> None:
    """Have what was written to a file or folder on the disk before anything else happens."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_writable(path: Path) -> None:
    """Find out before any work whether a file can be written at ``path``; nothing is left there.

    Raises:
        OSError: the folder does not exist or cannot be written, or ``path`` is a folder.

    """
    with suppress(_TrialOverError), atomic_write(path):
        raise _TrialOverError


class _TrialOverError(Exception):
    """Ends a trial: the place can be written."""


def csv_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str] | None = None) -> str:
    """Rows as CSV, under a line of names: ``columns``, or those of the first row. An unknown value is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if columns is None else columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
