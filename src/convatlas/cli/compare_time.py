"""The columns of `compare` about time: of one forward pass on a device, predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..sizes import milliseconds
from .records import latency_conditions
from .tables import Column

if TYPE_CHECKING:
    from ..analysis.latency import Latency

TimeOn = Annotated[
    str | None,
    typer.Option(
        "--time-on",
        metavar="DEVICE",
        help="Also the predicted time of inference on a device with a profile, as rtx4090 (see `convatlas speed`): autocast, contiguous, eager.",
    ),
]
_COLUMNS = (
    Column(key="milliseconds", title="time", unit="ms", show=milliseconds, rank=2),
    Column(key="milliseconds_ratio", title="ratio", show=lambda ratio: f"{ratio:.2f}", rank=2),
)


@dataclass(frozen=True)
class Timing:
    """On which device networks are compared, if on any."""

    device: str | None
    inputs: list[str] | None
    batch: int | None

    def of(self, model: str) -> Latency | None:
        """The predicted time of a network, at the batch that was asked for or `TIME_BATCH`.

        Raises:
            ConvatlasError: the device has no profile, or no batch fits the network's file.

        """
        if self.device is None:
            return None
        from ..api.latency import TIME_BATCH, latency
        from ..models import is_graph_file
        from .models import graph_of

        batch = self.batch if self.batch is not None or is_graph_file(model) else TIME_BATCH
        return latency(graph_of(model, self.inputs, batch, False), device=self.device)

    @property
    def columns(self) -> tuple[Column, ...]:
        """None without a device."""
        return () if self.device is None else _COLUMNS

    def row(self, found: Latency | None, first: Latency | None) -> dict[str, Any]:
        """By the columns' keys; nothing without a device."""
        if found is None or first is None:
            return {}
        return {"milliseconds": found.milliseconds, "milliseconds_ratio": found.milliseconds / first.milliseconds}

    def record(self, found: Latency | None) -> dict[str, Any]:
        """A network's time with its conditions, for JSON."""
        if found is None:
            return {}
        low, high = found.interval
        figures = {"predicted_milliseconds": found.milliseconds, "low_milliseconds": low, "high_milliseconds": high}
        return {"time": figures | latency_conditions(found)}


def time_in_words(found: list[Latency]) -> str:
    """As "; time: predicted on rtx4090 at batch 64, amp, nchw, eager, inference"; "" for none."""
    if not found:
        return ""
    batches = " or ".join(str(batch) for batch in sorted({each.graph.batch or 1 for each in found}))
    least = ", at least" if any(each.at_least for each in found) else ""
    return f"; time{least}: predicted on {found[0].device} at batch {batches}, {found[0].conditions}"
