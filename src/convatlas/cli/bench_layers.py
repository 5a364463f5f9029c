"""`bench --profile`: a network's time by layer, measured beside predicted."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import ConvatlasError
from ..models.shapes import shown
from ..sizes import milliseconds
from .columns import share
from .output import Made, screen_width
from .progress import working
from .records import as_json
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..api.predicted_here import LayerMeasured
    from ..runtime.profile import Profiled

_COLUMNS = (
    Column(key="name", title="layer", left=True),
    Column(key="kind", title="module", left=True, most=18, rank=2),
    Column(key="milliseconds", title="time", unit="ms", show=milliseconds, summed=True),
    Column(key="share", title="of time", unit="%", show=share),
    Column(key="macs", title="MACs", unit="M", show=lambda macs: f"{macs / 1e6:,.1f}" if macs else "-", summed=True, rank=1),
    Column(key="gflops_per_second", title="GFLOP/s", show=lambda rate: "-" if rate is None else f"{rate:,.0f}", rank=3),
)
_PREDICTED = (
    Column(key="predicted_milliseconds", title="predicted", unit="ms", show=milliseconds, summed=True),
    Column(key="ratio", title="x", show=lambda ratio: "-" if ratio is None else f"{ratio:.2f}"),
)


def refuse_several(**given: Sequence[object]) -> None:
    """Make sure that --profile has one of each."""
    for name, values in given.items():
        if len(values) > 1:
            raise ConvatlasError(f"--profile takes one {name}, got {len(values)}: {', '.join(map(str, values[:3]))}")


def layers(model: str, image: tuple[int, ...] | None, batch: int, rounds: int, form: str) -> Made:
    """What is printed of a network's layers."""
    from ..api.counting import size_of
    from ..api.predicted_here import measured_by_layer
    from ..api.running import random_images, runnable

    with working(f"measuring the layers of {model} at batch {batch}"), contextlib.redirect_stdout(sys.stderr):
        loaded = runnable(model)
        size = image or size_of(loaded)
        found, measured = measured_by_layer(loaded.module, random_images((batch, *size)), rounds=rounds)
    rows = [_row(each) for each in measured]
    if form == "json":
        conditions = {"network": model, "runtime": "eager", "dtype": "float32", "batch": batch, "input": list(size)}
        sums = {key: getattr(found, key) for key in ("milliseconds", "plain_milliseconds", "other_cores")}
        return as_json(conditions | sums | {"host": asdict(found.host), "layers": rows})
    predicted = any(each.predicted_milliseconds for each in measured)
    shown_rows = [row | {"name": row["name"] or "(network)"} for row in rows]
    table = Table(columns=(*_COLUMNS, *(_PREDICTED if predicted else ())), rows=shown_rows, total="total", paths=True)
    if form != "table":
        return table.to_csv() if form == "csv" else table.to_markdown()
    width = screen_width()
    lines = [
        *wrapped(_heading(found, f"{model}: input {shown(size)}, batch {batch}"), width, "dim"),
        Line(""),
        *table.to_lines(width),
    ]
    lines += [Line(""), *wrapped(_verdict(found, measured), width, "bold")]
    for note in _notes(found, predicted):
        lines += wrapped(note, width, "yellow")
    return lines


def _row(each: LayerMeasured) -> dict[str, object]:
    seconds, predicted = each.milliseconds / 1e3, each.predicted_milliseconds
    rate = 2 * each.macs / seconds / 1e9 if each.macs and seconds else None
    return asdict(each) | {"gflops_per_second": rate, "ratio": each.milliseconds / predicted if predicted else None}


def _heading(found: Profiled, what: str) -> str:
    host = found.host
    return (
        f"{what}, float32, eager, measured on {host.cpu} ({host.instructions}), {host.threads} threads, torch {host.versions['torch']}; each "
        "module's own time without the modules within it, the median of the faster half of the passes. 1 MAC = 2 FLOPs; x: measured over predicted."
    )


def _verdict(found: Profiled, measured: list[LayerMeasured]) -> str:
    longest = sorted(measured, key=lambda each: -each.milliseconds)[:3]
    names = ", ".join(f"{each.name or '(network)'} {100 * each.share:.0f} %" for each in longest)
    return (
        f"{milliseconds(found.milliseconds)} ms by layers, {milliseconds(found.plain_milliseconds)} ms in one go, without clocks. Most of it: "
        f"{names}."
    )


def _notes(found: Profiled, predicted: bool) -> list[str]:
    notes = [] if predicted else ["Nothing is predicted: this machine has no profile."]
    if not found.is_quiet:
        notes.append("Others used the machine all the while, so these times are too long.")
    return notes
