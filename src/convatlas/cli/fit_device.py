"""`fit-device`: from published timings to a device's profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..files import atomic_write
from .options import Debug, Json
from .output import deliver, screen_width
from .progress import counted
from .records import as_json
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..api.fit_device import Timings
    from ..devices.fit import Fit
    from ..devices.profile import Profile

_SHOWN = 5  # rows that were left out; --json has them all


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


_COLUMNS = (
    Column(key="profile", title="profile", left=True),
    Column(key="networks", title="timings"),
    Column(key="coefficients", title="terms", rank=3),
    Column(key="within_10_percent", title="in 10 %", unit="%", show=_percent),
    Column(key="within_5_percent", title="in 5 %", unit="%", show=_percent, rank=2),
    Column(key="median_error", title="median", unit="%", show=_percent),
    Column(key="families_within_10_percent", title="families", unit="%", show=_percent),
    Column(key="coverage", title="covered", unit="%", show=_percent, rank=1),
)


def fit_device(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="CSV...",
            help="Timings as in timm's results; a file's name tells device and conditions, as "
            "infer-amp-nchw-pt240-cu124-rtx3090.csv.",
        ),
    ],
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="The device that was timed.", show_default="by the files' names")
    ] = None,
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where the timings are from; the profile keeps it.")] = "",
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the profiles go, each as a .json file.")
    ] = Path(),
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a device's profile to published timings.

    Every network is traced, none is run. Each is also predicted by a fit without it, and by one without its family.
    """

    def make() -> list[Line] | str:
        from ..api.fit_device import fit_device as fit

        with counted("networks traced") as progress:
            found = fit(files, device=device, source=source, progress=progress)
        for _, _, profile in found:
            with atomic_write(folder / f"{profile.name}.json") as file:
                file.write((profile.to_json() + "\n").encode())
        rows = [_row(*each) for each in found]
        if json:
            return as_json({"profiles": rows})
        width = screen_width()
        lines = wrapped(
            "Predicted / measured of networks that had no part in the fit: within 10 %, within 5 %, median error; families: within 10 % "
            "with the whole family left out; covered: by the 90 % interval of the others' errors.",
            width,
            "dim",
        )
        lines += [Line(""), *Table(columns=_COLUMNS, rows=rows).to_lines(width)]
        for row in rows:
            lines += _odd_lines(row, width)
        return lines

    deliver(make, None)


def _row(timings: Timings, found: Fit, profile: Profile) -> dict[str, Any]:
    from ..devices.fit import coverage, odd_ones

    return {
        "profile": profile.name,
        "file": str(timings.path),
        "networks": profile.networks,
        "coefficients": len(profile.coefficients),
        **profile.validation["networks"],
        "families_within_10_percent": profile.validation["families"]["within_10_percent"],
        "coverage": coverage(found.left_out),
        "left_out": timings.left_out,
        "contradicting": [
            {"network": name, "predicted_over_measured": ratio} for name, ratio in odd_ones(timings.observations, found)
        ],
    }


def _odd_lines(row: dict[str, Any], width: int) -> list[Line]:
    lines = []
    left_out, odd = row["left_out"], row["contradicting"]
    if left_out:
        more = f"; and {len(left_out) - _SHOWN} more (--json)" if len(left_out) > _SHOWN else ""
        lines += wrapped(f"{row['profile']}: {len(left_out)} rows left out: {'; '.join(left_out[:_SHOWN])}{more}.", width, "yellow")
    if odd:
        shown = ", ".join(f"{each['network']} ({each['predicted_over_measured']:.2f})" for each in odd[:_SHOWN])
        lines += wrapped(f"{row['profile']}: {len(odd)} contradict the others (predicted / measured): {shown}.", width, "yellow")
    return lines
