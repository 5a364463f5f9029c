"""A study keeps what is done, never mixes conditions, and never asks for more threads than there are cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convatlas.errors import ConvatlasError
from convatlas.studies import design_of, designs
from convatlas.studies.run import Task, _on_ray, check_conditions, conditions_of, jobs_and_threads, perform, row_file, run_all

CORES = len(os.sched_getaffinity(0))


def task(folder: Path, arm: str = "plain-20", seed: int = 0) -> Task:
    return Task(study="degradation", arm=arm, seed=seed, quick=True, data="digits", folder=folder, threads=1)


def done(task: Task) -> None:
    file = row_file(task)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"arm": task.arm, "seed": task.seed, "train_loss": 0.25}))


def test_a_run_that_is_done_is_read_and_not_done_again(tmp_path: Path) -> None:
    done(task(tmp_path))
    assert perform(task(tmp_path))["train_loss"] == 0.25


def test_every_run_has_a_file_of_its_own() -> None:
    tasks = [
        Task(study=design.name, arm=arm.name, seed=seed, quick=True, data="digits", folder=Path("x"), threads=1)
        for design in designs().values()
        for arm in design.arms
        for seed in range(2)
    ]
    assert len({(task.study, row_file(task)) for task in tasks}) == len(tasks)


def test_a_study_whose_runs_are_all_done_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [task(tmp_path, arm, seed) for arm in ("plain-20", "residual-20") for seed in range(2)]
    for each in tasks:
        done(each)
    monkeypatch.setattr("convatlas.studies.run.ProcessPoolExecutor", None)
    rows = run_all(tasks, 2, lambda done, of, last: None)
    assert [(row["arm"], row["seed"]) for row in rows] == [(each.arm, each.seed) for each in tasks]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # ray's own
def test_runs_on_a_cluster_come_back_with_their_rows(tmp_path: Path) -> None:
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    tasks = [task(tmp_path, arm, seed) for arm in ("plain-20", "residual-20") for seed in range(2)]
    for each in tasks:
        done(each)
    machines = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        found = dict(_on_ray(tasks, machines.address))
    finally:
        machines.shutdown()
    assert {each: (row["arm"], row["seed"]) for each, row in found.items()} == {each: (each.arm, each.seed) for each in tasks}


def test_other_conditions_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    design = design_of("degradation")
    check_conditions(tmp_path, conditions_of(design, design.quick, True, "digits"))
    check_conditions(tmp_path, conditions_of(design, design.quick, True, "digits"))
    with pytest.raises(ConvatlasError, match="holds a study with form 'quick', and this one has 'full'"):
        check_conditions(tmp_path, conditions_of(design, design.full, False, "digits"))


@pytest.mark.parametrize("jobs", range(1, CORES + 1))
def test_jobs_times_threads_never_exceed_the_cores(jobs: int) -> None:
    chosen, threads = jobs_and_threads(jobs, 12)
    assert chosen == jobs
    assert chosen * threads <= CORES


def test_by_default_every_core_has_a_run() -> None:
    assert jobs_and_threads(None, 100) == (CORES, 1)
    assert jobs_and_threads(None, 1) == (1, CORES)


@pytest.mark.parametrize("jobs", [0, CORES + 1])
def test_more_jobs_than_cores_are_refused(jobs: int) -> None:
    with pytest.raises(ConvatlasError, match=rf"`--jobs` \(={jobs}\) must be between 1 and the {CORES} cores"):
        jobs_and_threads(jobs, 12)


@pytest.mark.slow
def test_a_study_that_is_killed_leaves_no_worker(tmp_path: Path) -> None:
    code = tmp_path / "main.py"
    code.write_text(
        "import multiprocessing, os, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from convatlas.studies.run import _end_with\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with, initargs=(os.getpid(),))\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    pool.submit(time.sleep, 60)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(code)], stdout=subprocess.PIPE, text=True) as study:
        assert study.stdout is not None
        worker = int(study.stdout.readline())
        study.kill()
    until = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()
