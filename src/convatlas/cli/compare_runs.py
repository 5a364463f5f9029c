"""`compare RUN...`: trainings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .columns import COUNT
from .output import screen_width
from .records import as_json
from .tables import Column, Line, Table
from .train import room
from .words import wrapped


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


_COLUMNS = (
    Column(key="run", title="run", left=True, most=40),
    Column(key="network", title="network", left=True, rank=2),
    Column(key="data", title="data", left=True, rank=3),
    Column(key="params", title="params", scales=COUNT, rank=4),
    Column(key="epochs", title="epochs"),
    Column(key="best_epoch", title="best", rank=5),
    Column(key="val_loss", title="loss", show=lambda value: f"{value:.4f}"),
    Column(key="val_top1", title="top-1", unit="%", show=_percent),
    Column(key="val_top5", title="top-5", unit="%", show=_percent, rank=6),
    Column(key="minutes", title="time", unit="min", show=lambda value: f"{value:,.1f}"),
    Column(key="images_per_second", title="speed", unit="images/s", show=lambda value: f"{value:,.0f}", rank=1),
)


def compared_runs(folders: Sequence[str], form: str) -> list[Line] | str:
    """Trainings as a table, JSON, CSV or Markdown: what the best epoch of each reached, and what it took."""
    rows = [_row(folder) for folder in folders]
    if form == "json":
        return as_json({"runs": rows})
    table = Table(columns=_COLUMNS, rows=rows)
    if form != "table":
        return table.to_csv() if form == "csv" else table.to_markdown()
    width = screen_width()
    head = "Best epoch by validation accuracy; loss: mean cross-entropy of the validation images; time and speed as measured, on"
    hosts = sorted({row["host"] for row in rows})
    return [*wrapped(f"{head} {'; '.join(hosts)}.", width, "dim"), Line(""), *table.to_lines(width)]


def _row(folder: str) -> dict[str, Any]:
    from ..errors import ConvatlasError

    run = room().Run.open(folder)
    best, metrics, record = run.best, run.metrics, run.record
    if best is None:
        raise ConvatlasError(f"{folder} has not ended an epoch yet")
    host = record["host"]
    return {
        "run": folder,
        "network": run.job.model,
        "data": run.job.data,
        "params": record["plan"]["parameters"],
        "epochs": metrics[-1]["epoch"],
        "best_epoch": best["epoch"],
        "val_loss": best["val_loss"],
        "val_top1": best["val_top1"],
        "val_top5": best["val_top5"],
        "minutes": metrics[-1]["seconds"] / 60,
        "images_per_second": metrics[-1]["images_per_second"],
        "host": f"{host['cpu'] if host['device'] == 'cpu' else host['device']}, {host['threads']} threads, {run.job.precision}",
    }
