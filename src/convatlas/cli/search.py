"""`search`: the network of a space that scores best within hard limits."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..files import atomic_write, csv_text
from ..sizes import gibi, milliseconds
from .amounts import MaxMacs, MaxParams, MinMacs, MinParams, amounts
from .cluster_options import Ray, Retries, TrialCpus, TrialGpus, cluster_of
from .limit_options import Batch, Device, MaxLatency, MaxTrainMemory, Precision, Size, TrainBatch, square
from .options import Debug, Json
from .output import deliver, screen_width
from .records import as_json
from .tables import Line
from .words import wrapped

if TYPE_CHECKING:
    from ..search import Search
    from ..search.again import Again

SEARCHES = Path("searches")


def search(
    space: Annotated[
        str,
        typer.Argument(
            metavar="SPACE",
            help="residual, mobile, regnet or cells; or a function whose parameters' tuples are the choices: my_space.py:network.",
        ),
    ],
    data: Annotated[str | None, typer.Option("--data", help="As `train` takes it; the score `train` needs it.")] = None,
    score: Annotated[
        str, typer.Option("--score", help="train, or without training: synflow, naswot, zen, gradient-norm, zico, az-nas.")
    ] = "train",
    driver: Annotated[str, typer.Option("--driver", help="Who proposes: random, evolution, tpe or nsga2 (a front).")] = "evolution",
    trials: Annotated[
        int, typer.Option("--trials", min=1, metavar="N", help="Networks in all, those of other processes too.")
    ] = 50,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Of training.", show_default="10")] = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    min_params: MinParams = None,
    min_macs: MinMacs = None,
    max_latency: MaxLatency = None,
    device: Device = None,
    precision: Precision = "amp",
    batch: Batch = 1,
    max_train_memory: MaxTrainMemory = None,
    train_batch: TrainBatch = 32,
    size: Size = None,
    against: Annotated[
        str, typer.Option("--against", help="The front's cost: params, macs, latency_ms or train_memory_bytes.")
    ] = "macs",
    seed: Annotated[int, typer.Option("--seed", help="Of proposals and of initial weights.")] = 0,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage", metavar="FILE|URL", help="SQLite's file, a database's URL, or journal:FILE.", show_default="DIR/trials.db"
        ),
    ] = None,
    ray: Ray = None,
    trial_cpus: TrialCpus = None,
    trial_gpus: TrialGpus = None,
    retries: Retries = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Its folder.", show_default="searches/SPACE")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Search a space of networks within hard limits.

    What breaks a limit is never trained. A search goes on where it stopped; several processes may share its storage, and the machines of a
    Ray cluster its trials. It ends in the winner as a Python file that needs torch alone, and in a page.
    """

    def make() -> list[Line] | str:
        from ..search import Limits
        from ..search import search as run
        from ..search.again import look_again
        from .progress import counted

        limits = Limits(
            **amounts("max", params=max_params, macs=max_macs, latency=max_latency, train_memory=max_train_memory),
            **amounts("min", params=min_params, macs=min_macs),
            device=device, precision=precision, batch=batch, train_batch=train_batch,
        )  # fmt: skip
        cluster = cluster_of(ray, trial_cpus, trial_gpus, retries)
        folder = output or SEARCHES / Path(space.rpartition(":")[2]).name
        folder.mkdir(parents=True, exist_ok=True)
        with counted(f"search {space}") as progress:
            found = run(
                space, limits=limits, score=score, driver=driver, trials=trials, storage=storage or folder / "trials.db", seed=seed,
                data=data, epochs=epochs, input_size=square(size), against=against, ray=cluster,
                progress=progress,
            )  # fmt: skip
        again = look_again(found, seed)
        command = f"convatlas train {shlex.quote(f'{folder}/winner.py:winner')} --data {shlex.quote(data or 'DATA')}"
        _write(folder, found, again, command)
        if json:
            return as_json(
                {
                    "winner": found.best.record(),
                    "again": [line._asdict() for line in again.lines],
                    "rows": [row.record() for row in found.rows],
                }
            )
        return _lines(found, again, folder, command)

    deliver(make, None)


def _write(folder: Path, found: Search, again: Again, command: str) -> None:
    from ..search.page import render_search

    with atomic_write(folder / "winner.py") as file:
        file.write(found.source().encode())
    with atomic_write(folder / "rows.csv") as file:
        file.write(csv_text([row.record() for row in found.rows]).encode())
    with atomic_write(folder / "report.html") as file:
        file.write(render_search(found, again, command).encode())


def _lines(found: Search, again: Again, folder: Path, command: str) -> list[Line]:
    width, best = screen_width(), found.best
    candidate = best.candidate
    early = sum(row.score is None for row in found.rows)
    said = f"{len(found.rows)} trials by {found.driver}" + (f", {early} of them ended early" if early else "")
    costs = [f"{candidate.params:,} parameters", f"{candidate.macs / 1e6:,.2f} M MACs of one image"]
    if candidate.latency_ms is not None:
        costs.append(
            f"{milliseconds(candidate.latency_ms)} ms predicted for a batch of {found.limits.batch} on {found.limits.device}"
        )
    if candidate.train_memory_bytes is not None:
        costs.append(f"{gibi(candidate.train_memory_bytes)} simulated for a training step of {found.limits.train_batch}")
    lines = [
        *wrapped(f"{found.space.name}: {said}. Score: {found.score.meaning}.", width, "dim"),
        *wrapped(f"Winner: trial {best.number}, score {best.score:.4g}; {', '.join(costs)}.", width, "bold"),
        *wrapped(", ".join(f"{name}={value}" for name, value in candidate.values.items()), width),
        Line(""),
        *(each for line in again.lines for each in wrapped(f"{line.name}: {line.said}; {line.seen}", width)),
    ]
    if found.importance:
        first = sorted(found.importance.items(), key=lambda item: -item[1])[:3]
        lines += wrapped(
            "What mattered: " + ", ".join(f"{name} {share:.0%}" for name, share in first) + " of the score's variance.", width
        )
    return [*lines, Line(""), Line(f"{folder}/winner.py, rows.csv, report.html"), *wrapped(f"Train it: {command}", width)]
