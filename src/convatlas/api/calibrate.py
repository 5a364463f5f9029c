"""The public functions about the time on this machine: measure its ops once, then predict networks on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..devices.conditions import Conditions
from ..devices.own import THIS_GPU, own_folder
from ..devices.profile import Profile
from ..errors import ConvatlasError
from ..files import atomic_write

if TYPE_CHECKING:
    from torch import nn

    from ..analysis.latency import Latency
    from ..devices.card import Card
    from ..measure.calibration import Timer
    from ..measure.pieces import Target

    _Setup = tuple[
        Card, list[tuple[str, str]], Target, Timer
    ]  # the device's rates, what is measured of it under which conditions, and by what

OPS = 700  # of each conditions'


@dataclass(frozen=True)
class Calibration:
    """A profile that was made here.

    Attributes:
        profile: of this machine under some conditions; it is saved.
        ops, networks: how many were measured.
        wanted: how many of both a whole calibration measures.
        spread: of a reference meanwhile: the range between its quartiles over its median.
        disturbed: rounds that were made again, as the machine was busy.

    """

    profile: Profile
    ops: int
    networks: int
    wanted: int
    spread: float
    disturbed: int


def calibrate(
    *,
    device: str = "cpu",
    limit_seconds: float = 225.0,
    anyway: bool = False,
    ops: int = OPS,
    progress: Callable[[int, int, str], None] = lambda done, total, last: None,
) -> list[Calibration]:
    """Measure this machine's CPU or GPU and save its profiles, which ``device="cpu"`` and ``device="cuda"`` then stand for.

    Some hundred ops with the shapes that the atlas's networks have, and some networks whole, eager. On a CPU: in float32 contiguous, in
    float32 channels-last, and in bfloat16 channels-last with batch norms folded where the CPU computes in bfloat16, with the threads
    that PyTorch uses now. On a GPU: under autocast in float16, contiguous and channels-last. An interrupted call is gone on with by
    the next one.

    Args:
        device: "cpu", or "cuda" for the current CUDA device.
        limit_seconds: for all measurements; what is not reached by then is left out.
        anyway: save profiles although the machine was too noisy.
        ops: how many of each conditions'.
        progress: is told how many pieces are done, of how many, and which is next.

    Raises:
        ConvatlasError: the machine was too noisy, too little could be measured, or there is no such device here.

    """
    import torch

    from ..measure.calibration import NOISY, measured
    from ..measure.fitted import profile_of
    from ..measure.networks import measured_networks
    from ..measure.pieces import NETWORKS, graphs_of_the_atlas, network_pieces, op_pieces

    version = ".".join(torch.__version__.split(".")[:2])
    card, kinds, target, timer = _cuda() if device == THIS_GPU else _cpu()
    folder = own_folder()
    folder.mkdir(parents=True, exist_ok=True)
    graphs = graphs_of_the_atlas(progress)
    made = []
    for precision, layout in kinds:
        conditions = Conditions(precision=precision, layout=layout, torch=version)
        name = conditions.name(card.name)
        rows_file = folder / f"{name}.rows"
        pieces, share = list(op_pieces(graphs, conditions, ops, target)), limit_seconds / len(kinds)
        wanted = len(pieces) + len(NETWORKS) * len(target.batches)
        if target.apart:
            networks = measured_networks(conditions, rows_file, share / 2, progress)
            found = measured(pieces, rows_file, share / 2, progress, timer).after(networks)
        else:
            found = measured([*pieces, *network_pieces(conditions, target)], rows_file, share, progress, timer)
        if found.spread > NOISY and not anyway:
            raise ConvatlasError(
                f"this machine is too noisy: the same convolution took times that vary by {found.spread:.0%} (range between quartiles over "
                f"median; {NOISY:.0%} at most). Nothing was saved but the rows so far; call again when less else runs here, or with "
                "--anyway"
            )
        source = "; ".join(filter(None, [card.source, timer.about(), f"{len(found.rows)} ops and networks measured here"]))
        profile = profile_of(found.rows, card, conditions, source, target.model)
        with atomic_write(folder / f"{name}.json") as file:
            file.write((profile.to_json() + "\n").encode())
        rows_file.unlink()
        whole = sum(row.network for row in found.rows)
        made.append(Calibration(profile, len(found.rows) - whole, whole, wanted, found.spread, found.disturbed))
    return made


def _cpu() -> _Setup:
    from ..measure.calibration import CpuTimer, clock
    from ..measure.machine import dtypes, measured_card
    from ..measure.pieces import CPU, RUNTIMES

    kinds = [(precision, layout) for precision, layout in RUNTIMES if precision != "bf16" or "bfloat16" in dtypes()]
    return measured_card(clock()), kinds, CPU, CpuTimer()


def _cuda() -> _Setup:
    from ..measure.gpu import GPU, KINDS, CudaTimer, card_here

    return card_here(), KINDS, GPU, CudaTimer()


def expected_here(network: nn.Module, shape: tuple[int, ...], runtime: str) -> Latency | None:
    """What a runtime of PyTorch's is expected to take here, by this machine's profile.

    Args:
        network: stays as it is.
        shape: of the images, (N, C, H, W).
        runtime: as for `bench`.

    Returns:
        None where this machine has no profile, or none for such a runtime.

    """
    from ..analysis.latency import latency
    from ..devices.profile import find
    from ..measure.machine import this_machine
    from ..measure.pieces import RUNTIMES, graph_for

    kinds = {each: kind for kind, each in RUNTIMES.items()} | {"folded": ("fp32", "nhwc")}
    if runtime not in kinds:
        return None
    precision, layout = kinds[runtime]
    conditions = Conditions(precision=precision, layout=layout)
    try:
        profile = find(this_machine(), conditions)
    except ConvatlasError:
        return None
    if (profile.conditions.precision, profile.conditions.layout) != (precision, layout):
        return None
    return latency(graph_for(network, runtime, shape), profile, conditions)
