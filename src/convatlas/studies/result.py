"""A study from its declaration to its rows, its figure and its verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import ConvatlasError
from ..files import atomic_write, csv_text
from .design import Design
from .run import Progress, Row, Task, check_conditions, conditions_of, jobs_and_threads, run_all, run_folder
from .verdict import Verdict, judge

DATA = "fashion-mnist"


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study found.

    Attributes:
        design: what was asked.
        quick: the small form, or the full one.
        folder: holds ``rows.csv``, ``curves.csv``, ``figure.svg``, ``verdict.md``, and a folder a run.
        rows: one a run, in the order of the arms; the fields are `design.MEASURES` and what they depend on.
        curves: one an epoch of a run.

    """

    design: Design
    quick: bool
    folder: Path
    rows: Sequence[Row]
    curves: Sequence[Row]

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What became of each statement of the notes."""
        return tuple(judge(contrast, self.rows) for contrast in self.design.contrasts)

    @property
    def verdict(self) -> str:
        """One sentence a statement: whether it was seen, with its interval."""
        return "\n".join(verdict.sentence() for verdict in self.verdicts)

    @property
    def figure(self) -> Any:
        """An altair chart: how each arm learns and where it ends. Needs the extra [charts]."""
        from .figure import figure

        return figure(self.design, self.rows, self.curves)


def study(
    name: str,
    *,
    quick: bool = False,
    seeds: int = 3,
    data: str = DATA,
    output: str | Path | None = None,
    jobs: int | None = None,
    ray: str | None = None,
    progress: Progress = lambda done, of, last: None,
) -> Study:
    """Run one of the notes' experiments, or go on with it where it stopped.

    Args:
        name: of the study, see `convatlas.studies.designs`.
        quick: small images and few epochs: minutes on two cores. Else the full form: hours.
        seeds: runs of each arm; the interval is over them, so at least 2 for a verdict.
        data: as `train` takes it.
        output: its folder; by default ``studies/NAME`` or ``studies/NAME-quick``.
        jobs: runs at a time; by default as many as there are cores. Each has its share of the cores' threads.
        ray: address of a Ray cluster ("auto" finds a running one) to run on instead.
        progress: told how many of how many runs are done, and which was the last.

    Raises:
        ConvatlasError: no such study; no or too many jobs or seeds; the folder holds another study; the data cannot be had.

    """
    from . import design_of

    design = design_of(name)
    if seeds < 1:
        raise ConvatlasError(f"`--seeds` (={seeds}) must be at least 1")
    folder = Path(output) if output is not None else Path("studies") / f"{name}{'-quick' if quick else ''}"
    form = design.quick if quick else design.full
    jobs, threads = jobs_and_threads(jobs, seeds * len(design.arms))
    if design.measures == "step":
        jobs = 1  # a step that is timed has the machine for itself
    check_conditions(folder, conditions_of(design, form, quick, data))
    tasks = [
        Task(study=name, arm=arm.name, seed=seed, quick=quick, data=data, folder=folder.resolve(), threads=threads)
        for seed in range(seeds)
        for arm in design.arms
    ]
    rows = run_all(tasks, jobs, progress, ray)
    order = {arm.name: place for place, arm in enumerate(design.arms)}
    rows.sort(key=lambda row: (order[str(row["arm"])], row["seed"]))
    found = Study(design=design, quick=quick, folder=folder, rows=rows, curves=_curves(folder, rows))
    write(found)
    return found


def write(found: Study) -> None:
    """Put rows, curves, verdict and (where charts can be drawn) the figure into the study's folder."""
    from .page import as_markdown

    columns = list(dict.fromkeys(column for row in found.rows for column in row))
    files = {"rows.csv": csv_text(found.rows, columns), "verdict.md": as_markdown(found)}
    if found.curves:
        files["curves.csv"] = csv_text(found.curves)
    try:
        from ..report.theme import to_svg

        files["figure.svg"] = to_svg(found.figure)
    except (ImportError, ConvatlasError):  # rows and verdict do not need the extra
        pass
    for name, text in files.items():
        with atomic_write(found.folder / name) as file:
            file.write(text.encode())


def _curves(folder: Path, rows: Sequence[Row]) -> list[Row]:
    """Each run's epochs, out of its row's file."""
    curves: list[Row] = []
    for row in rows:
        file = run_folder(folder, str(row["arm"]), int(str(row["seed"]))) / "curve.json"
        if file.is_file():
            curves += [{"arm": row["arm"], "seed": row["seed"], **point} for point in json.loads(file.read_text(encoding="utf-8"))]
    return curves
