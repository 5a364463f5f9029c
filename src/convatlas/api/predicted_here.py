"""What this machine's own profile, where it has one, says of a network beside what is measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import ConvatlasError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..analysis.latency import Latency
    from ..runtime.bench import Measured
    from ..runtime.profile import Profiled

_LAYOUTS = {"eager": "nchw", "channels_last": "nhwc"}  # of the runtimes that run what the graph says


@dataclass(frozen=True, slots=True)
class LayerMeasured:
    """A module's time in a forward pass, measured and predicted, without the modules within it.

    Attributes:
        name: its path; "" is the network itself.
        kind: its class.
        milliseconds: measured, the median.
        share: of the sum over all modules.
        macs: multiply-accumulates of a batch.
        predicted_milliseconds: by this machine's profile; None where it has none.

    """

    name: str
    kind: str
    milliseconds: float
    share: float
    macs: int
    predicted_milliseconds: float | None


def prediction(network: nn.Module, shape: Sequence[int], runtime: str) -> Latency | None:
    """A network's time by a runtime on this machine in float32; None where it is not predicted, or the machine has no profile."""
    from ..devices.conditions import Conditions
    from .latency import latency, profile_for

    if runtime not in _LAYOUTS:
        return None
    layout = _LAYOUTS[runtime]
    try:
        profile_for("cpu", Conditions(precision="fp32", layout=layout))
    except ConvatlasError:
        return None
    return latency(network, tuple(shape), device="cpu", precision="fp32", layout=layout)


def with_predictions(found: Sequence[Measured], network: nn.Module) -> list[Measured]:
    """The measurements of one network, each beside what is predicted of it."""
    told = [prediction(network, each.shape, each.runtime) for each in found]
    return [
        replace(each, predicted_milliseconds=latency.milliseconds if latency else None)
        for each, latency in zip(found, told, strict=True)
    ]


def measured_by_layer(network: nn.Module, images: Tensor, *, rounds: int = 7) -> tuple[Profiled, list[LayerMeasured]]:
    """The time of each module by PyTorch eager, beside what is predicted of the calls that it makes itself; see `profiled`."""
    from ..runtime.profile import profiled
    from .counting import cost

    shape = tuple(images.shape)
    found, counted, predicted = profiled(network, images, rounds=rounds), cost(network, shape), prediction(network, shape, "eager")
    macs, expected = defaultdict[str, int](int), defaultdict[str, float](float)
    for layer in counted.layers:
        macs[layer.name] += layer.macs
    for each in predicted.layers if predicted else ():
        expected[each.name] += each.milliseconds
    return found, [
        LayerMeasured(
            each.name, each.kind, each.milliseconds, each.milliseconds / found.milliseconds, macs[each.name],
            expected[each.name] if predicted else None,
        )
        for each in found.modules
    ]  # fmt: skip
