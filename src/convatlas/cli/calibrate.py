"""`calibrate`: measure this machine once, so that networks' times on it can be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..devices.own import THIS_GPU
from .columns import share
from .options import Debug, Json
from .output import deliver, screen_width
from .progress import counted
from .records import as_json
from .step_options import refuse_given
from .tables import Column, Line, Table
from .words import wrapped

if TYPE_CHECKING:
    from ..api.calibrate import Calibration

_COLUMNS = (
    Column(key="conditions", title="conditions", left=True),
    Column(key="ops", title="ops"),
    Column(key="networks", title="networks"),
    Column(key="within_10_percent", title="in 10 %", unit="%", show=share),
    Column(key="median_error", title="median", unit="%", show=share),
    Column(key="spread", title="spread", unit="%", show=share, rank=1),
)


def calibrate(
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option("--device", help="What is measured: this machine's CPU or GPU.")
    ] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, metavar="N", help="That networks may use on the CPU.", show_default="PyTorch's own choice"
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=10, metavar="SECONDS", help="For all measurements.")] = 225,
    anyway: Annotated[bool, typer.Option("--anyway", help="Save it although the machine was too noisy.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure this machine once, to predict times on its CPU or GPU.

    `speed --device cpu` (cuda) then does. Single ops with shapes that networks have, and some networks whole, eager: on a CPU in float32 and bfloat16, on a GPU under
    autocast. After Ctrl-C the same command goes on. Nothing else should run meanwhile.
    """
    if device == THIS_GPU:
        refuse_given({"--threads": threads}, "is about the CPU; leave it or --device cuda out")

    def make() -> list[Line] | str:
        import torch

        from ..api.calibrate import calibrate as measure

        if threads is not None:
            torch.set_num_threads(threads)
        with counted("measured") as progress:
            found = measure(device=device, limit_seconds=limit, anyway=anyway, progress=progress)
        rows = [_row(each) for each in found]
        if json:
            return as_json({"profiles": rows})
        width = screen_width()
        return [
            *wrapped(
                f"{found[0].profile.card.source}. Predicted / measured of the networks, each predicted from the ops and the other "
                "networks: within 10 %, median error; spread: of a reference meanwhile.",
                width,
                "dim",
            ),
            Line(""),
            *Table(columns=_COLUMNS, rows=rows).to_lines(width),
            Line(""),
            *wrapped(
                f"This is the device {found[0].profile.card.name}, and `{device}`{'' if device == THIS_GPU else ' as long as PyTorch uses so many threads'}: "
                f"convatlas speed resnet50 --device {device}",
                width,
                "bold",
            ),
        ]

    deliver(make, None)


def _row(found: Calibration) -> dict[str, Any]:
    validation = found.profile.validation["networks"]
    return {
        "profile": found.profile.name,
        "conditions": f"{found.profile.conditions.precision}, {found.profile.conditions.layout}",
        "ops": found.ops,
        "networks": found.networks,
        "wanted": found.wanted,
        "within_10_percent": validation["within_10_percent"],
        "median_error": validation["median_error"],
        "spread": found.spread,
        "disturbed_rounds": found.disturbed,
    }
