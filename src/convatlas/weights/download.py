"""Downloads into a cache: shown, resumed, verified, and landing whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from filelock import FileLock

from ..errors import ConvatlasError

_CHUNK = 1 << 20
_TRIES = 3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class WeightsError(ConvatlasError):
    """Weights could not be had, or do not fit."""


def cache_folder(kind: str = "weights") -> Path:
    """Where downloads of a kind are kept: in ``CONVATLAS_HOME``, or convatlas in the user's cache."""
    own = os.environ.get("CONVATLAS_HOME")
    if own:
        return Path(own).expanduser() / kind
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "convatlas" / kind


def download(
    url: str, sha256: str | None = None, num_bytes: int | None = None, *, kind: str = "weights", plain_http: bool = False
) -> Path:
    """The file at ``url``, from the cache if it is there.

    ``sha256`` is its hash or the first digits of it, and ``num_bytes`` its size, where they are known. A file name that ends
    in -0123abcd is taken to state the first digits, as torch's own downloads do. An interrupted download (Ctrl-C) goes on
    where it stopped; a failed one leaves nothing. ``plain_http`` is for what is neither run nor trusted.

    Raises:
        WeightsError: the URL is not https, or could not be read, or what came is not what was published; nothing is kept.
    """
    if not (_is_safe(url) or plain_http):
        raise WeightsError(f"{kind} are only downloaded over https; got {url}")
    name = Path(urlsplit(url).path).name or "weights"
    stated = re.search(r"-([0-9a-f]{8,64})\.\w+$", name)
    digits = sha256 or (stated[1] if stated else None)
    # a file without a stated hash is kept under its whole address, so that two sites' "model.pth" stay apart
    key = (digits or hashlib.sha256(url.encode()).hexdigest())[:16]
    target = cache_folder(kind) / f"{key}-{name}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if target.exists():  # another process was faster
            return target
        part = target.with_name(f"{target.name}.part")
        if digits is None:  # nothing would tell whether an earlier half is of the same file
            part.unlink(missing_ok=True)
        try:
            _fetch(url, part, num_bytes)
            _verify(url, part, digits)
        except WeightsError:
            part.unlink(missing_ok=True)
            raise
        part.replace(target)
    return target


def _alone(target: Path) -> FileLock:
    """A lock: the processes of one training job would otherwise all write to the same part."""
    locks = target.parent.parent / "locks"
    locks.mkdir(exist_ok=True)
    return FileLock(locks / f"{target.name}.lock")


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to plain http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if _is_safe(req.full_url) and not _is_safe(newurl):
            raise WeightsError(f"{req.full_url} leads to {newurl}, which is not https; nothing was kept")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SafeRedirects)


def _fetch(url: str, part: Path, num_bytes: int | None) -> None:
    reason = ""
    for _ in range(_TRIES):
        try:
            missing = _fetch_rest(url, part, num_bytes)
            if not missing:
                return
            reason = f"it ended {missing:,} bytes early"
        except urllib.error.HTTPError as error:
            reason = f"the server answered {error.code} {error.reason}"
            if error.code == 416 and part.exists():  # the part is no beginning of today's file
                part.unlink()
            elif error.code < 500:
                break
        except (OSError, HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
    raise WeightsError(f"{url} could not be downloaded: {reason}; nothing was kept")


def _fetch_rest(url: str, part: Path, num_bytes: int | None) -> int:
    """Read on from where ``part`` ends, if that leads to a file of ``num_bytes``; returns how many are still missing."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with _OPENER.open(request, timeout=60) as response:
        if have and response.status != 206:  # the server does not resume: from the start
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else num_bytes
        if num_bytes is not None and total != num_bytes:
            raise WeightsError(
                f"{url} is not the published file: it has {total:,} bytes, published are {num_bytes:,}; nothing was kept"
            )
        with part.open("ab" if have else "wb") as file, _progress(Path(urlsplit(url).path).name, total, have) as progress:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                progress.at(have)
    return 0 if total is None else total - have


def _verify(url: str, part: Path, digits: str | None) -> None:
    if digits is None:
        return
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(digits.lower()):
        raise WeightsError(
            f"{url} is not the published file: its SHA-256 begins with {found[: len(digits)]}, published is {digits}; "
            "nothing was kept"
        )


class _Progress(Protocol):
    def at(self, num_bytes: int) -> None:
        """So many bytes are here."""


class _Silent:
    def at(self, num_bytes: int) -> None:
        """Say nothing."""


@contextmanager
def _progress(name: str, total: int | None, have: int) -> Iterator[_Progress]:
    """A progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total, completed=have)

        class Shown:
            def at(self, num_bytes: int) -> None:
                bar.update(task, completed=num_bytes)

        yield Shown()
