"""The public functions about time on a device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ..analysis import latency as _latency
from ..devices.card import Card, card, read_card
from ..devices.conditions import Conditions
from ..devices.cuda.priors import moves
from ..devices.own import THIS_GPU, THIS_MACHINE, own_profiles
from ..devices.profile import Profile, find, profiled_devices, read_profile
from ..errors import ConvatlasError
from ..graph import Graph
from ..inputs import InputsLike
from .counting import Model, as_graph

_SHARE_OF_WORK = 0.25  # in the logarithm of a rate; predicts the RTX 4090 by the RTX 3090 best
TIME_BATCH = 64  # at which launches bind few networks
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
    """The profile with another device's datasheet: the same efficiencies at other rates, and less sure of it.

    What kernels take beyond the memory's bound is their own work in part, which grows faster with the vector units' rate.
    """
    low, high = profile.interval.get("unfamiliar", (-0.3, 0.3))
    wider = dict.fromkeys(("ordinary", "unfamiliar"), (low - 0.1, high + 0.1))
    vectors, memory = to.vector_flops / profile.card.vector_flops, to.bandwidth / profile.card.bandwidth
    faster = (vectors / memory) ** _SHARE_OF_WORK
    coefficients = {name: value / faster if moves(name) else value for name, value in profile.coefficients.items()}
    name = f"{profile.name} at the rates of {to.name}"
    return replace(profile, card=to, name=name, interval=wider, coefficients=coefficients, _seconds={})


def anchored(profile: Profile, conditions: Conditions, anchors: list[tuple[str, float]], graph: Graph) -> Profile:
    """The profile scaled by the middle of what was measured over what was predicted, at the graph's batch."""
    if not anchors:
        return profile
    factors = []
    for name, rate in anchors:
        if not rate > 0:
            raise ConvatlasError(f"an anchor is a network with its images a second, got {name}={rate}")
        made = as_graph(name, None if graph.batch is None else _batched(name, graph.batch))
        predicted = _latency.latency(made, profile, conditions).images_per_second
        assert predicted is not None
        factors.append(predicted / rate)
    factors.sort()
    half = len(factors) // 2
    middle = factors[half] if len(factors) % 2 else (factors[half - 1] * factors[half]) ** 0.5
    interval = profile.interval
    return replace(profile, name=f"{profile.name}, anchored", passes=profile.passes * middle, interval=interval, _seconds={})


def _batched(name: str, batch: int) -> tuple[int, ...]:
    from .counting import loaded_from, size_of

    return (batch, *size_of(loaded_from(name)))
