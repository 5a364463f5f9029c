"""A sign of life on the terminal while something takes longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
_FEW = 2


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show a spinner on stderr while inside, if that is a terminal; say nothing otherwise."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield


def tracked(items: Iterable[Item], message: str, total: int) -> list[Item]:
    """All of some items that take their time, with a bar on stderr meanwhile, if that is a terminal and there are several."""
    if total < _FEW or not sys.stderr.isatty():
        return list(items)
    from rich.console import Console
    from rich.progress import track

    return list(track(items, message, total=total, console=Console(stderr=True), transient=True))


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr while inside, told how many of how many are done and which was the last; plain lines where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of, last: print(f"{what}: {done} of {of} done ({last})", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
    )
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, last="")
        yield lambda done, of, last: bar.update(task, completed=done, total=of, last=last)
