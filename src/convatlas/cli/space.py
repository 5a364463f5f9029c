"""`space`: two spaces compared by what networks drawn from them are worth."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConvatlasError
from ..files import atomic_write, csv_text
from .amounts import MaxMacs, MaxParams, MinMacs, MinParams, amounts
from .cluster_options import Ray, Retries, TrialCpus, TrialGpus, cluster_of
from .limit_options import Batch, Device, MaxLatency, MaxTrainMemory, Precision, Size, TrainBatch, square
from .options import Debug, Json
from .output import deliver, screen_width
from .records import as_json
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..search.compare import Comparison, Drawn

SPACES = Path("spaces")


def space(
    first: Annotated[str, typer.Argument(metavar="A", help="A space, as `search` takes it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    data: Annotated[str | None, typer.Option("--data", help="As `train` takes it; the score `train` needs it.")] = None,
    score: Annotated[str, typer.Option("--score", help="train (the error), or without training a proxy, as naswot.")] = "train",
    networks: Annotated[int, typer.Option("--networks", min=2, metavar="N", help="To draw from each space.")] = 50,
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
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn and of initial weights.")] = 0,
    ray: Ray = None,
    trial_cpus: TrialCpus = None,
    trial_gpus: TrialGpus = None,
    retries: Retries = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Its folder.", show_default="spaces/A-B")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare two spaces of networks by what they hold.

    Networks are drawn from each within the same limits and scored; their distributions are drawn with bootstrap bands, and one sentence
    says whether they differ by more. It goes on where it stopped.
    """

    def make() -> list[Line] | str:
        from ..search import Limits
        from ..search.compare import compare_spaces
        from .progress import counted

        names = _names(first, second)
        limits = Limits(
            **amounts("max", params=max_params, macs=max_macs, latency=max_latency, train_memory=max_train_memory),
            **amounts("min", params=min_params, macs=min_macs),
            device=device, precision=precision, batch=batch, train_batch=train_batch,
        )  # fmt: skip
        cluster = cluster_of(ray, trial_cpus, trial_gpus, retries)
        folder = output or SPACES / "-".join(name.replace("/", "_") for name in names)
        folder.mkdir(parents=True, exist_ok=True)
        with counted(f"space {names[0]} {names[1]}") as progress:
            found = compare_spaces(
                dict(zip(names, (first, second), strict=True)), limits=limits, score=score, networks=networks, folder=folder, seed=seed,
                data=data, epochs=epochs, input_size=square(size), ray=cluster, progress=progress,
            )  # fmt: skip
        _write(folder, found)
        return _json(found) if json else _lines(found, folder)

    deliver(make, None)


def _names(first: str, second: str) -> list[str]:
    """What the spaces are called: the part behind the colon, where that tells them apart."""
    if first == second:
        raise ConvatlasError(f"{first} is compared with itself; give two spaces")
    short = [Path(each.rpartition(":")[2]).name for each in (first, second)]
    return short if short[0] != short[1] else [first, second]


def _write(folder: Path, found: Comparison) -> None:
    from ..report.theme import contents
    from ..search.distribution import chart

    kinds: tuple[Literal["svg", "png"], ...] = ("svg", "png")
    drawn = chart(found)
    for kind in kinds:
        with atomic_write(folder / f"distribution.{kind}") as file:
            file.write(contents(drawn, kind))
    with atomic_write(folder / "rows.csv") as file:
        file.write(csv_text(found.records()).encode())


def _summary(found: Comparison, drawn: Drawn) -> dict[str, Any]:
    """A space's networks in a row."""
    values = drawn.values if found.errors else drawn.values[::-1]
    return {
        "space": drawn.name,
        "combinations": drawn.size,
        "networks": len(values),
        "best": float(values[0]),
        "median": statistics.median(values.tolist()),
        "mean": statistics.mean(values.tolist()),
        "median_params": statistics.median(row.candidate.params for row in drawn.rows),
        "median_macs": statistics.median(row.candidate.macs for row in drawn.rows),
    }


def _json(found: Comparison) -> str:
    return as_json(
        {
            "measure": found.measure,
            "less_is_better": found.errors,
            "limits": found.limits.record(),
            "spaces": [_summary(found, each) for each in found.drawn],
            "difference_of_medians": found.difference,
            "interval_95": list(found.interval),
            "better": found.better,
            "kolmogorov_smirnov": {"distance": found.distance, "p_value": found.p_value},
            "sentence": found.sentence(),
            "rows": found.records(),
        }
    )


def _lines(found: Comparison, folder: Path) -> list[Line]:
    from .steps import steps

    width = screen_width()

    def number(key: str, title: str, rank: int = 0) -> Column:
        return Column(key=key, title=title, show=lambda value: f"{value:.4g}", rank=rank)

    def whole(key: str, title: str, rank: int = 0) -> Column:
        return Column(key=key, title=title, show=lambda value: f"{value:,.0f}", rank=rank)

    columns = [
        Column(key="space", title="space", left=True),
        whole("networks", "networks"),
        number("best", "best"),
        number("median", "median"),
        number("mean", "mean", 1),
        whole("median_params", "median params", 2),
        whole("median_macs", "median MACs", 2),
    ]
    table = Table(columns=columns, rows=[_summary(found, each) for each in found.drawn])
    return [
        *steps(found, width),
        Line(""),
        *table.to_lines(width),
        Line(""),
        *wrapped(found.sentence(), width, "bold"),
        Line(""),
        Line(f"{folder}/distribution.svg, distribution.png, rows.csv"),
    ]
