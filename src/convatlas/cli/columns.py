"""The columns that the tables of several commands share, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..models.shapes import shown
from .tables import Column, Row, Scale

WHOLE = ((0, Scale(1, "", 0)),)
COUNT = ((1e9, Scale(1e6, "M", 2)), (1e6, Scale(1e6, "M", 3)), *WHOLE)
BYTES = ((2**30, Scale(2**20, "MiB", 1)), (2**14, Scale(2**10, "KiB", 1)), (0, Scale(1, "B", 0)))
MEGA = ((1e6, Scale(1e6, "M", 2)), *WHOLE)
MEGA_ROUNDED = ((1e8, Scale(1e6, "M", 1)), *MEGA)
GIBI = ((0, Scale(2**30, "GiB", 2)),)
MEBI = ((2**20, Scale(2**20, "MiB", 1)), *BYTES[1:])


def field(size: Sequence[float] | None) -> str:
    """An extent in pixels: one number where it is square."""
    if not size:
        return ""
    return f"{size[0]:,}" if len(set(size)) == 1 else shown(size)


def output(shape: Sequence[int]) -> str:
    """An output's shape without its batch axis."""
    return shown(shape[1:])


def share(value: float) -> str:
    """A share from 0 to 1, in percent."""
    return f"{100 * value:.1f}" if value else "-"


def ratio(value: float | None) -> str:
    """A ratio to the first network."""
    return "" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def plain(value: Any) -> str:
    """A value that may be missing."""
    return "" if value is None else str(value)


MEASURES = (
    Column(key="params", title="params", scales=WHOLE, summed=True),
    Column(key="macs", title="MACs", scales=COUNT, summed=True),
    Column(key="activation_bytes", title="memory", scales=BYTES, summed=True, rank=1),
)
TRAFFIC = (
    Column(key="bytes_moved", title="moved", scales=BYTES, summed=True, rank=5),
    Column(key="elementwise", title="element-wise", scales=COUNT, summed=True, rank=6),
    Column(key="intensity_flops_per_byte", title="intensity", unit="FLOP/B", show=lambda x: f"{x:.2f}", rank=7),
)
OUTPUT = Column(key="output_shape", title="output", show=output, rank=2)
FIELD = Column(key="receptive_field_px", title="sees", unit="px", show=field, rank=3)
UNUSED_PARAMS = Column(key="params_unused", title="unused", scales=MEGA, rank=6)
LAYER = (
    Column(key="name", title="layer", left=True),
    Column(key="op", title="op", left=True, most=12, rank=4),
    OUTPUT,
    *MEASURES,
    FIELD,
    *TRAFFIC,
)


def accuracy_columns(rank: int) -> tuple[Column, ...]:
    """Top-1, never parted from the data set that it is of, and who states it."""
    return (
        Column(key="top1_percent", title="top-1", unit="%", of_row=lambda row: str(row["top1_shown"]), rank=rank),
        Column(key="dataset", title="data set", left=True, show=plain, rank=rank),
        Column(key="accuracy_source", title="top-1 from", left=True, show=plain, most=40, rank=8),
    )


def telling(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """The columns, without that of unused parameters where no network has any."""
    return [column for column in columns if column is not UNUSED_PARAMS or any(row["params_unused"] for row in rows)]


def group_columns(title: str) -> tuple[Column, ...]:
    """Columns of a table by stage, op or module."""
    output = () if title == "op" else (OUTPUT,)  # the calls of an op have different ones
    return (
        Column(key="name", title=title, left=True),
        Column(key="calls", title="calls", rank=4),
        *output,
        *MEASURES,
        Column(key="macs_share", title="of MACs", unit="%", show=share, rank=3),
        *TRAFFIC,
    )
