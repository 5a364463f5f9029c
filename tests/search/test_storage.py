"""A storage that is locked or full is waited for, and then said; what was finished is kept."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from torch import nn

from convatlas.errors import ConvatlasError
from convatlas.search import Search, search
from convatlas.search.drive import trials as room
from convatlas.search.score.training import Report
from convatlas.search.space import ResidualSpace


class Instant:
    name = meaning = "parameters"

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
        return float(sum(parameter.numel() for parameter in make().parameters()))


def searched(storage: Path, trials: int) -> Search:
    space = ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8), (8, 16)), depths=(1, 2), ratios=(1,), groups=(1, 2))
    return search(space, score=Instant(), driver="random", trials=trials, storage=storage)


@contextmanager
def locked(storage: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(storage, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    yield connection
    connection.close()


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of SQLite with two finished trials, for which nobody waits long."""
    monkeypatch.setattr(room, "LOCKED_SECONDS", 0.05)
    for name in ("PATIENCE_SECONDS", "FIRST_PATIENCE_SECONDS"):
        monkeypatch.setattr(room, name, 1.5)
    searched(tmp_path / "trials.db", 2)
    return tmp_path / "trials.db"


def test_a_lock_is_waited_for_and_then_said(storage: Path) -> None:
    with locked(storage), pytest.raises(ConvatlasError, match=r"trials.db cannot be used: .*database is locked; finished trials"):
        searched(storage, 3)
    with locked(storage) as connection:
        timer = threading.Timer(0.7, connection.rollback)
        timer.start()
        assert len(searched(storage, 3).rows) == 3
        timer.join()


def test_a_full_disk_is_said_and_loses_no_finished_trial(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = room._opened

    def of_no_more_pages(place: str | Path | None) -> object:
        found = opened(place)

        def limit(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")

        event.listen(found.engine, "connect", limit)  # type: ignore[union-attr]
        found.engine.dispose()  # type: ignore[union-attr]
        return found

    monkeypatch.setattr(room, "_opened", of_no_more_pages)
    with pytest.raises(ConvatlasError, match=r"trials.db cannot be used: .*database or disk is full; finished trials are kept"):
        searched(storage, 60)
    monkeypatch.undo()
    assert len(searched(storage, 2).rows) >= 2
