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


def tracked(items: Iterable[Item], message: str, total: int | None) -> Iterator[Item]:
    """Some items that take their time, with a bar on stderr meanwhile, if that is a terminal and they are several.

    ``total`` is how many there will be, None where that is not known. Nothing else may be printed to the terminal meanwhile.
    """
    if (total is not None and total < _FEW) or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(message), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total)


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
