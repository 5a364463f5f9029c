"""The fastest form of a network on this machine that gives the same outputs, within a tolerance."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import ConvatlasError
from ..sizes import milliseconds
from ..trace.results import result_tensors
from .rounds import Timing, interleaved
from .source import Source
from .table import prepared, runtime

Goal = Literal["latency", "throughput"]
_FIRST = "eager"
_PLAIN = ("channels_last", "folded", "bf16")
_OPENVINO, _STREAMS = ("openvino", "openvino_bf16"), ("openvino_streams", "openvino_bf16_streams")
_COMPILED = ("compile", "compile_bf16")
_FINALISTS = 2
_FASTER = 0.98  # of eager's time: what gains less is not worth another form
_FEW_ROUNDS, _ROUNDS = 2, 5


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one runtime that was tried.

    Attributes:
        runtime: its name.
        timing: of a call on the images; None where it does not take the network, or was not tried.
        difference: root of the mean squared difference of the outputs, over that of the outputs themselves.
        top1: share of the images whose largest output is the same.
        verdict: "kept", or why not.

    """

    runtime: str
    timing: Timing | None
    difference: float | None
    top1: float | None
    verdict: str


class Optimized(nn.Module):
    """A network in its fastest form on this machine, called like the network itself.

    Attributes:
        runtime: that it runs by.
        speedup: eager's time over its own, in the same interleaved rounds.
        steps: what was tried, and what each brought.
        images_shape: that it was chosen at.
        threads: that it was chosen with.

    """

    def __init__(
        self, form: nn.Module, runtime: str, speedup: float, steps: list[Step], images_shape: tuple[int, ...], threads: int
    ) -> None:
        super().__init__()
        self.form, self.runtime, self.speedup, self.steps = form, runtime, speedup, steps
        self.images_shape, self.threads = images_shape, threads
        self.eval()

    def forward(self, images: Tensor) -> object:
        """What the network gives, in float32."""
        return self.form(images)

    def __str__(self) -> str:
        eager = next(step.timing for step in self.steps if step.runtime == _FIRST)
        assert eager is not None
        lines = [
            f"{self.runtime}: {self.speedup:.2f} times as fast as eager at {'x'.join(map(str, self.images_shape))}, "
            f"{self.threads} threads"
        ]
        widest = max(len(step.runtime) for step in self.steps)
        for step in self.steps:
            time = (
                f"{milliseconds(step.timing.seconds * 1e3):>8} ms  {eager.seconds / step.timing.seconds:5.2f} x"
                if step.timing
                else " " * 20
            )
            differs = (
                f"  differs by {step.difference:.1e}, top-1 same on {step.top1:.0%}"
                if step.difference and step.top1 is not None
                else ""
            )
            lines.append(f"  {step.runtime:<{widest}}{time}{differs}  {step.verdict}")
        return "\n".join(lines)


def optimize(
    network: nn.Module,
    images: Tensor,
    *,
    for_: Goal = "latency",
    tolerance: float = 1e-2,
    same_classes: bool = False,
    runtimes: Sequence[str] | None = None,
    limit_seconds: float = 120.0,
    progress: Callable[[int, int, str], None] = lambda done, total, last: None,
) -> Optimized:
    """The network in the fastest form that there is on this CPU.

    Every form is tried, its outputs held to the network's own, and timed in interleaved rounds; the two fastest that agree meet the
    network itself once more. Where none is faster, the network itself (a copy) is what is returned.

    Args:
        network: on the CPU; it stays as it is, and runs in evaluation mode.
        images: (N, C, H, W) in float32; N is the batch that counts, and what the outputs are compared on.
        for_: "latency", where all threads work on the whole batch, or "throughput", where it may also be cut into a part for each.
        tolerance: for `Step.difference` of every output; with 0 < tolerance < 1e-3 bfloat16 hardly passes.
        same_classes: whether each image must keep its largest output too: for real images, as those of random ones mean nothing.
        runtimes: which are tried; None for all that are installed. torch.compile is among them only where OpenVINO is not, or
            does not take the network: it takes long, and was slower wherever both ran.
        limit_seconds: for the rounds of all forms, and again for those of the finalists, where others keep the machine busy.
        progress: is told how many forms are done, of how many, and which is next.

    Raises:
        ConvatlasError: a runtime was named that does not exist, the tolerance is not above 0, or the network gives no tensor.

    """
    if not tolerance > 0:
        raise ConvatlasError(f"`tolerance` (={tolerance}) is a share above 0 of the outputs' size, as 0.01")
    for name in runtimes or ():
        runtime(name)
    names = [name for name in runtimes or _installed(for_, len(images)) if name != _FIRST]
    source = Source(network, images)
    forms: dict[str, nn.Module] = {_FIRST: prepared(_FIRST, source)}
    wanted = result_tensors(forms[_FIRST](images))
    if not wanted:
        raise ConvatlasError(f"{type(network).__name__} gives no tensor, so nothing can be compared")
    steps: dict[str, Step] = {_FIRST: Step(_FIRST, None, 0.0, 1.0, "the network itself")}
    for done, name in enumerate(names):
        progress(done, len(names), name)
        if runtimes is None and name in _COMPILED and any(other in forms for other in _OPENVINO):
            steps[name] = Step(name, None, None, None, "not tried: OpenVINO takes this network")
            continue
        steps[name] = _tried(name, source, wanted, tolerance, same_classes, forms)
    times = interleaved(_calls(forms, images), rounds=_FEW_ROUNDS, limit_seconds=limit_seconds)
    finalists = sorted((name for name in forms if name != _FIRST), key=lambda name: times[name].seconds)[:_FINALISTS]
    times |= interleaved(
        _calls({name: forms[name] for name in (_FIRST, *finalists)}, images), rounds=_ROUNDS, limit_seconds=limit_seconds
    )
    best = min([_FIRST, *finalists], key=lambda name: times[name].seconds)
    if times[best].seconds > _FASTER * times[_FIRST].seconds:
        best = _FIRST
    shown = [_judged(step, times.get(step.runtime), best) for step in steps.values()]
    speedup = times[_FIRST].seconds / times[best].seconds
    return Optimized(forms[best], best, speedup, shown, tuple(images.shape), torch.get_num_threads())


def _installed(goal: Goal, batch: int) -> list[str]:
    names = list(_PLAIN)
    if importlib.util.find_spec("openvino"):
        names += [*_OPENVINO, *(_STREAMS if goal == "throughput" and batch > 1 else ())]
    if importlib.util.find_spec("onnxruntime"):
        names.append("onnxruntime")
    return [*names, *_COMPILED]


def _tried(
    name: str, source: Source, wanted: list[Tensor], tolerance: float, same_classes: bool, forms: dict[str, nn.Module]
) -> Step:
    """Prepare one form, and put it among the others where its outputs agree."""
    try:
        form = prepared(name, source)
        found = [each.detach() for each in result_tensors(form(source.images))]
    except ConvatlasError as error:
        return Step(name, None, None, None, f"does not take it: {error}")
    if [each.shape for each in found] != [each.shape for each in wanted]:
        return Step(name, None, None, None, "gives outputs of other shapes")
    differs, top1 = difference(wanted, found), _top1(wanted[0], found[0])
    if not differs <= tolerance:
        return Step(name, None, differs, top1, f"differs by more than {tolerance:g}")
    if same_classes and top1 < 1:
        return Step(name, None, differs, top1, "gives an image another class")
    forms[name] = form
    return Step(name, None, differs, top1, "")


def difference(wanted: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """The largest over all outputs of the root mean squared difference over the output's own root mean square."""
    shares = []
    for its, mine in zip(wanted, found, strict=True):
        scale = its.double().square().mean().sqrt().clamp_min(1e-30)
        shares.append(float((mine.double() - its.double()).square().mean().sqrt() / scale))
    return max(shares)


def _top1(wanted: Tensor, found: Tensor) -> float:
    if wanted.dim() < 2:
        return 1.0
    return float((wanted.flatten(1).argmax(1) == found.flatten(1).argmax(1)).double().mean())


def _calls(forms: dict[str, nn.Module], images: Tensor) -> dict[str, Callable[[], object]]:
    return {name: partial(form, images) for name, form in forms.items()}


def _judged(step: Step, timing: Timing | None, best: str) -> Step:
    verdict = "kept" if step.runtime == best else step.verdict or "slower"
    return Step(step.runtime, timing, step.difference, step.top1, verdict)
