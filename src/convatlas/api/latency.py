"""The public functions about time on a device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..analysis import latency as _latency
from ..devices.anchors import factors
from ..devices.card import Card, card, read_card
from ..devices.conditions import Conditions
from ..devices.own import THIS_GPU, THIS_MACHINE, own_profiles
from ..devices.parts import scaled, speedups
from ..devices.profile import Profile, find, profiled_devices, read_profile
from ..errors import ConvatlasError
from ..graph import Graph
from ..inputs import InputsLike
from .counting import Model, as_graph

TIME_BATCH = 64  # at which launches bind few networks
_WIDER = (
    0.05  # an interval's logarithms, on either side, for a card without timings: then 84 to 98 % lay in it between cards with some
)
Anchors = Mapping[str, float] | Iterable[tuple[str, float]]


def latency(
    model: Model,
    inputs: InputsLike | None = None,
    *,
    device: str | Path = "rtx4090",
    precision: str = "amp",
    layout: str = "nchw",
    compiled: bool = False,
    training: bool = False,
    torch: str = "",
    like: str | None = None,
    anchors: Anchors = (),
) -> _latency.Latency:
    """How long one batch takes on a device, predicted: nothing runs.

    Args:
        model: a word for a network (see `trace`), a module on any device, or a graph.
        inputs: as for `trace`; the time is for the whole batch.
        device: its name, as "rtx4090"; "cpu" and "cuda" for this machine's, once they are calibrated; the ".json" file of a profile (see `fit_device`), or of a datasheet (then with ``like``).
        precision: "fp32", "bf16", "fp16", "amp" (autocast in float16) or "amp_bf16".
        layout: "nchw" (contiguous) or "nhwc" (channels-last).
        compiled: by torch.compile with Inductor.
        training: a training step with SGD and momentum, instead of inference.
        torch: the version whose profile counts, as "2.4"; by default the newest that there is.
        like: for a device without timings: one with a profile, whose efficiency it is taken to have at its own datasheet's rates.
        anchors: network -> images a second that were measured on the device under these conditions; they scale the prediction.

    Raises:
        ConvatlasError: as `trace`; or the device has neither a profile nor, with ``like``, a datasheet.

    """
    conditions = Conditions(precision=precision, layout=layout, compiled=compiled, training=training, torch=torch)
    profile = profile_for(device, conditions, like=like)
    graph = as_graph(model, inputs)
    pairs = anchors.items() if isinstance(anchors, Mapping) else anchors
    return _latency.latency(graph, anchored(profile, conditions, list(pairs), graph), conditions)


def inference(graph: Graph, device: str | Path, batch: int | None = None) -> _latency.Latency:
    """How long inference takes as a device usually does it: under autocast, eager; in float32 on this machine's CPU.

    Args:
        graph: the network, traced at any batch.
        device: as for `latency`.
        batch: images; by default those of the graph, or `TIME_BATCH` where it was traced for one.

    Raises:
        ConvatlasError: as `latency`; or the graph does not tell its costs at that batch.

    """
    conditions = Conditions(precision=usual_precision(device))
    own = graph.batch or 1
    wanted = batch or (TIME_BATCH if graph.batch == 1 else own)
    if wanted % own or not graph.batch:
        wanted = own
    return _latency.latency(graph, profile_for(device, conditions), conditions, times=wanted // own)


def time_or_reason(graph: Graph, device: str | Path, batch: int | None = None) -> _latency.Latency | str:
    """As `inference`; a sentence where the network is the reason that nobody knows, not the device."""
    profile_for(device, Conditions(precision=usual_precision(device)))
    try:
        return inference(graph, device, batch)
    except ConvatlasError as error:
        return str(error)


def usual_precision(device: str | Path) -> str:
    """That networks run in on a device, where nothing is said."""
    return "fp32" if str(device) == THIS_MACHINE else "amp"


def profile_for(device: str | Path, conditions: Conditions, *, like: str | None = None) -> Profile:
    """The profile that a device's time is predicted by; see `latency`."""
    word = str(device)
    if word.endswith(".json"):
        path = Path(word)
        if like is None:
            return read_profile(path)
        return transferred(find(like, conditions), read_card(path))
    if word in (THIS_MACHINE, THIS_GPU):
        return _own_profile(word, conditions)
    if like is None or like == word:
        return find(word, conditions)
    return transferred(find(like, conditions), card(word))


def _own_profile(device: str, conditions: Conditions) -> Profile:
    if device == THIS_GPU:
        from ..measure.gpu import this_gpu

        name, how = this_gpu(), "convatlas calibrate --device cuda"
    else:
        from ..measure.machine import this_machine

        name, how = this_machine(), "convatlas calibrate"
    if name not in profiled_devices() and not any(profile.startswith(f"{name}-") for profile in own_profiles()):
        raise ConvatlasError(f"this machine ({name}) has no profile yet: `{how}` measures it in 5 minutes")
    return find(name, conditions)


def transferred(profile: Profile, to: Card) -> Profile:
    """The profile with another device's datasheet: each part of a time at the rate of its own that the device sustains, and less sure."""
    low, high = profile.interval.get("unfamiliar", (-0.3, 0.3))
    wider = dict.fromkeys(("ordinary", "unfamiliar"), (low - _WIDER, high + _WIDER))
    slower = speedups(profile.card, to)
    return scaled(profile, slower, card=to, name=f"{profile.name} at the rates of {to.name}", interval=wider)


def anchored(profile: Profile, conditions: Conditions, anchors: list[tuple[str, float]], graph: Graph) -> Profile:
    """The profile with its parts scaled by what measured networks say, each at the graph's batch (see `devices.anchors`)."""
    if not anchors:
        return profile
    predicted, measured = [], []
    for name, rate in anchors:
        if not rate > 0:
            raise ConvatlasError(f"an anchor is a network with its images a second, got {name}={rate}")
        made = as_graph(name, None if graph.batch is None else _batched(name, graph.batch))
        assert made.batch is not None
        predicted.append(_latency.parts(made, profile, conditions))
        measured.append(made.batch / rate)
    return scaled(
        profile, factors(predicted, measured), card=profile.card, name=f"{profile.name}, anchored", interval=profile.interval
    )


def _batched(name: str, batch: int) -> tuple[int, ...]:
    from .counting import loaded_from, size_of

    return (batch, *size_of(loaded_from(name)))
