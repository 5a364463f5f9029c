"""Candidate: a network with weights that somebody may take, its accuracy and its costs under the conditions that were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, fsum

from ..catalogue.proven import TIMM, Proven, timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What times and training memory are asked for: a device (None: no times), the batch of both, and the precision."""

    device: str | None = None
    batch: int = 1
    precision: str = "amp"

    @property
    def notes(self) -> tuple[str, ...]:
        """What makes all times less sure."""
        return () if self.device is None else timings()[self.device][self.precision].notes

    @property
    def memory_device(self) -> str:
        """Where the training step is simulated: "cpu" for a CPU, else "cuda"."""
        return "cuda" if self.device is None else timings()[self.device][self.precision].memory_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A network with weights.

    Attributes:
        name: as the commands take it: "resnet50" of the zoo, "timm:resnet50", or a place in one's own code.
        weights: "imagenet" for those of the zoo, timm's name of a weight set, or None if there are none.
        input_size: (C, H, W) of the images that it was tested with; all costs are at that size.
        family: the first word of its name.
        pretrained: the data set that the weights saw beside ImageNet-1k, or "in1k"; "" if there are none.
        source: who states the accuracy, and how it was measured.
        top1, top5: on ImageNet's validation images, in percent; None where it is not known.
        real, v2, sketch, a, r: top-1 on ImageNet-ReaL, -V2 (matched frequency), -Sketch, -A and -R, in percent, or None.
        params: how many.
        macs: multiply-accumulates for one image.
        activation_bytes: outputs of all calls but views and in-place ones, for one image in float32.
        setting: what the following two depend on.
        latency_ms: of one batch, predicted; None where no device was named.
        latency_interval_ms: where nine of ten networks lie that were left out of the profile's fit.
        train_memory_bytes: the peak of a training step of that batch, simulated: SGD with momentum; None where it cannot be trained.
        interpolated: which of the two were read between two batches that were computed.
        uncounted: ops that no rule knows; if there are any, the costs are at least these.
        on_front: no other one that fits is as good in all that is weighed against each other, and better in one.

    """

    name: str
    weights: str | None
    input_size: tuple[int, ...]
    family: str
    pretrained: str
    source: str
    top1: float | None = None
    top5: float | None = None
    real: float | None = None
    v2: float | None = None
    sketch: float | None = None
    a: float | None = None
    r: float | None = None
    params: int
    macs: int
    activation_bytes: int
    setting: Setting
    latency_ms: float | None
    latency_interval_ms: tuple[float, float] | None
    train_memory_bytes: int | None
    interpolated: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    on_front: bool = False

    @property
    def robust(self) -> float | None:
        """The mean of top-1 on V2, Sketch, A and R: images unlike those of training."""
        known = [each for each in (self.v2, self.sketch, self.a, self.r) if each is not None]
        return fsum(known) / 4 if len(known) == 4 else None

    @property
    def images_per_second(self) -> float | None:
        """At the setting's batch."""
        return self.setting.batch / self.latency_ms * 1e3 if self.latency_ms else None

    @property
    def label(self) -> str:
        """The word with the images' size, since a weight set was tested at several."""
        return f"{self.word} at {self.input_size[-1]} px"

    @property
    def word(self) -> str:
        """What names network and weights in one word."""
        return f"{self.name}.{self.weights}" if self.weights and self.name.startswith(TIMM) else self.name


def candidate(of: Proven, setting: Setting) -> Candidate:
    """A proven weight set under some conditions."""
    costs = of.costs
    latency, interval, interpolated = None, None, []
    if setting.device is not None:
        found = costs.milliseconds(setting.device, setting.precision).at(setting.batch)
        if found is not None:
            timing = timings()[setting.device][setting.precision]
            low, high = timing.ordinary if found.familiar else timing.unfamiliar
            latency, interval = found.value, (found.value * exp(-high), found.value * exp(-low))
            interpolated += ["latency_ms"] if found.interpolated else []
    peak = costs.train_memory_bytes(setting.memory_device, setting.precision).at(setting.batch)
    interpolated += ["train_memory_bytes"] if peak is not None and peak.interpolated else []
    return Candidate(
        name=of.name,
        weights=of.weights,
        input_size=(3, of.size, of.size),
        family=of.family,
        pretrained=of.pretrained,
        source=of.source,
        top1=of.top1["imagenet"],
        top5=of.top5,
        real=of.top1["real"],
        v2=of.top1["v2"],
        sketch=of.top1["sketch"],
        a=of.top1["a"],
        r=of.top1["r"],
        params=costs.params,
        macs=costs.macs,
        activation_bytes=costs.activation_bytes,
        setting=setting,
        latency_ms=latency,
        latency_interval_ms=interval,
        train_memory_bytes=None if peak is None else round(peak.value),
        interpolated=tuple(interpolated),
        uncounted=costs.uncounted,
    )
