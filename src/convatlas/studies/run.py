"""Runs a study: every arm with every seed, several at a time, each result kept at once, so that a study goes on where it stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from ..cluster import Cluster
from ..errors import ConvatlasError
from ..files import atomic_write
from .design import Arm, Design, Form

Row = dict[str, str | int | float | None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One run: an arm of a study with one seed. Plain data, so that another process or machine can take it."""

    study: str
    arm: str
    seed: int
    quick: bool
    data: str
    folder: Path
    threads: int

    @property
    def name(self) -> str:
        """As "plain-20, seed 1"."""
        return f"{self.arm}, seed {self.seed}"


def perform(task: Task) -> Row:
    """Do one run here, or read its row where it is done. Called in a process of its own."""
    from .measure import row_of

    file = row_file(task)
    if not file.is_file():
        _write_json(file, row_of(task))
    row: Row = json.loads(file.read_text(encoding="utf-8"))
    return row


def run_all(tasks: Sequence[Task], jobs: int, progress: Progress, ray: str | None = None) -> list[Row]:
    """The rows of all tasks, in their order; what is done already is not done again.

    Args:
        tasks: in an order in which an arm comes before those that are grown from it.
        jobs: how many run at a time here; each has its own process.
        progress: told how many of how many are done, and which was the last.
        ray: address of a Ray cluster to run on instead; each task takes one CPU there.

    """
    rows: dict[Task, Row] = {}
    for wave in _waves(tasks):
        todo = [task for task in wave if not row_file(task).is_file()]
        rows |= {task: perform(task) for task in wave if task not in todo}
        for task, row in _on_ray(todo, ray) if ray else _here(todo, jobs):
            rows[task] = row
            _write_json(row_file(task), row)
            progress(len(rows), len(tasks), task.name)
    return [rows[task] for task in tasks]


def _waves(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """First what stands on its own, then what is grown from it."""
    from . import design_of

    grown = [task for task in tasks if design_of(task.study).arm(task.arm).grown_from]
    yield [task for task in tasks if task not in grown]
    yield grown


def _here(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Row]]:
    if not tasks:
        return
    # spawned, not forked: torch's thread pools do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        waiting: dict[Future[Row], Task] = {pool.submit(perform, task): task for task in tasks}
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with(parent: int) -> None:
    """End this process within a second of its parent's end, also where that one was killed and could not say so."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_ray(tasks: Sequence[Task], address: str) -> Iterator[tuple[Task, Row]]:
    with Cluster(address=address).connected() as calls:
        named = {task.name: task for task in tasks}
        for name, task in named.items():
            calls.start(name, perform, task)
        while calls.running:
            yield from ((named[name], row) for name, row in calls.done(None))


def jobs_and_threads(jobs: int | None, runs: int) -> tuple[int, int]:
    """How many runs at a time, and threads of each: together never more than the cores of this machine.

    Raises:
        ConvatlasError: more jobs than cores.

    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if jobs is None:
        jobs = min(cores, runs)
    if not 1 <= jobs <= cores:
        raise ConvatlasError(
            f"`--jobs` (={jobs}) must be between 1 and the {cores} cores here: more would only wait for each other"
        )
    return jobs, cores // jobs


def check_conditions(folder: Path, conditions: Mapping[str, object]) -> None:
    """Note in the folder what its rows depend on, or see that they depend on the same.

    Raises:
        ConvatlasError: the folder holds rows of other conditions.

    """
    file = folder / "study.json"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(file, conditions)
        return
    known = json.loads(file.read_text(encoding="utf-8"))
    for key, value in json.loads(json.dumps(conditions)).items():
        if known.get(key) != value:
            raise ConvatlasError(
                f"{folder} holds a study with {key} {known.get(key)!r}, and this one has {value!r}; give another `--output`"
            )


def conditions_of(design: Design, form: Form, quick: bool, data: str) -> dict[str, object]:
    """What rows of a study depend on, beside arm and seed."""
    return {"study": design.name, "form": "quick" if quick else "full", "data": data, **asdict(form)}


def run_folder(folder: Path, arm: Arm | str, seed: int) -> Path:
    """Where a run of the study lies."""
    return folder / "runs" / f"{arm if isinstance(arm, str) else arm.name}-seed{seed}"


def row_file(task: Task) -> Path:
    folder = run_folder(task.folder, task.arm, task.seed)
    return folder.with_name(f"{folder.name}.json")  # not with_suffix: an arm's name may have a point in it


def _write_json(file: Path, record: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as out:
        out.write((json.dumps(record, indent=2) + "\n").encode())
