"""Searches: within the limits, none twice, resumed after a kill, shared by processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from convatlas.errors import ConvatlasError
from convatlas.search import Limits, search
from convatlas.search.drive import trials as trials_room
from convatlas.search.score.training import Report
from convatlas.search.space import OwnSpace, ResidualSpace, Space

SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
from convatlas.search.drive import trials
trials.GRACE_SECONDS, trials.BEAT_SECONDS = 3.0, 0.3
from test_search import Counted, tiny
from convatlas.search import search
search(tiny(), score=Counted({seconds}, {log!r}), driver="random", trials={count}, storage={storage!r}, seed=int(sys.argv[1]))
"""


def tiny() -> ResidualSpace:
    return ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8), (8, 16)), depths=(1, 2), ratios=(1,), groups=(1, 2))


class Counted:
    """A score that is the number of parameters, takes its time, and notes each network that it was asked for."""

    name = "counted"
    meaning = "parameters"

    def __init__(self, seconds: float = 0.0, log: str = "") -> None:
        self.seconds, self.log = seconds, log

    def __call__(self, make: Callable[[], nn.Module], seed: int, report: Report) -> float:
        time.sleep(self.seconds)
        count = sum(parameter.numel() for parameter in make().parameters())
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{count}\n")
        return float(count)


@pytest.mark.parametrize("driver", ["random", "evolution", "tpe", "nsga2"])
def test_no_candidate_breaks_a_limit_or_comes_twice(driver: str) -> None:
    found = search(tiny(), limits=Limits(max_params=4_000), score=Counted(), driver=driver, trials=26, seed=1)
    assert len({row.candidate.key for row in found.rows}) == len(found.rows) == 26
    assert max(row.candidate.params for row in found.rows) <= 4_000
    assert found.best.score == max(row.score for row in found.rows if row.score)
    assert [row.score for row in found.front] == sorted(row.score for row in found.front if row.score)


def test_a_space_that_is_used_up_ends_the_search() -> None:
    space = ResidualSpace((1, 8, 8), 10, stem=8, widths=((4, 8),), depths=(1,), ratios=(1,), groups=(1, 2), squeeze=(False,))
    assert len(search(space, score=Counted(), driver="random", trials=9).rows) == 4


@pytest.mark.parametrize("kind", ["{}/trials.db", "journal:{}/trials.log"])
def test_a_search_goes_on_where_it_stopped(kind: str, tmp_path: Path) -> None:
    storage, log = kind.format(tmp_path), str(tmp_path / "log")
    first = search(tiny(), score=Counted(log=log), driver="random", trials=4, storage=storage)
    second = search(tiny(), score=Counted(log=log), driver="random", trials=7, storage=storage)
    assert [row.candidate.key for row in second.rows][:4] == [row.candidate.key for row in first.rows]
    assert len(Path(log).read_text().split()) == 7
    with pytest.raises(ConvatlasError, match="holds a search with driver 'random', and this one has 'tpe'"):
        search(tiny(), score=Counted(), driver="tpe", trials=8, storage=storage)


def own(*, width: tuple[int, ...] = (4, 6), groups: tuple[int, ...] = (1, 4)) -> nn.Module:
    """A space of which one combination is no network."""
    assert isinstance(width, int)
    assert isinstance(groups, int)
    return nn.Sequential(nn.Conv2d(1, width, 1), nn.Conv2d(width, width, 1, groups=groups))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"driver": "annealing"}, "unknown driver 'annealing'"),
        ({"score": "zenn"}, "unknown score 'zenn': did you mean zen"),
        ({"score": "train"}, "the score `train` needs images"),
        ({"trials": 0}, "`trials` .=0. must be a whole number"),
        ({"against": "flops"}, "`against` .='flops'. must be one of"),
        ({"storage": "/nowhere/at/all.db"}, "the storage /nowhere/at/all.db cannot be used"),
        ({"space": OwnSpace(own, (1, 8, 8)), "trials": 4}, "the option 6 of `width` does not go with the others"),
    ],
)
def test_what_cannot_be_searched_is_said(change: dict[str, object], message: str) -> None:
    asked: dict[str, object] = {"space": tiny(), "score": "naswot", "driver": "random", "trials": 2} | change
    space = asked.pop("space")
    assert isinstance(space, Space)
    with pytest.raises(ConvatlasError, match=message):
        search(space, **asked)  # type: ignore[arg-type]


def _start(tmp_path: Path, seed: int, seconds: float, count: int) -> subprocess.Popen[bytes]:
    text = SCRIPT.format(
        here=str(Path(__file__).parent),
        seconds=seconds,
        log=str(tmp_path / "log"),
        count=count,
        storage=str(tmp_path / "trials.db"),
    )
    return subprocess.Popen([sys.executable, "-c", text, str(seed)], env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_after_a_kill_no_finished_trial_is_lost_or_repeated(tmp_path: Path) -> None:
    log = tmp_path / "log"
    killed = _start(tmp_path, 0, 0.5, 8)
    while not log.is_file() or len(log.read_text().split()) < 3:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert _start(tmp_path, 0, 0.1, 8).wait() == 0
    rows = search(tiny(), score=Counted(), driver="random", trials=8, storage=tmp_path / "trials.db").rows
    assert len(rows) == len({row.candidate.key for row in rows}) == 8
    assert len(log.read_text().split()) <= 9  # the killed one's network was scored once more at most


@pytest.mark.slow
def test_two_processes_score_no_candidate_twice(tmp_path: Path) -> None:
    both = [_start(tmp_path, 0, 0.05, 40) for _ in range(2)]  # the same seed: they propose the same
    assert [process.wait() for process in both] == [0, 0]
    rows = search(tiny(), score=Counted(), driver="random", trials=40, storage=tmp_path / "trials.db").rows
    assert len(rows) == len({row.candidate.key for row in rows}) == 40
    assert len((tmp_path / "log").read_text().split()) == 40
    assert trials_room.GRACE_SECONDS > trials_room.BEAT_SECONDS
