"""The public functions that run a network here: measured, and made fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import ConvatlasError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..models import Loaded
    from ..runtime.bench import Measured
    from ..runtime.optimize import Goal, Optimized

Progress = Callable[[int, int, str], None]


def _unheard(done: int, total: int, last: str) -> None:
    """Progress that nobody follows."""


def bench(
    model: str | nn.Module,
    shape: Sequence[int] | None = None,
    runtime: str | Sequence[str] = "eager",
    *,
    rounds: int = 7,
    limit_seconds: float = 120.0,
    progress: Progress = _unheard,
) -> Measured | list[Measured]:
    """Measure how long a network takes on this machine, now: after a warm-up, in interleaved rounds, with the machine's own peaks.

    Args:
        model: a word for a network (see `trace`), which gets the weights that its code gives it, or a module on the CPU, which stays
            as it is.
        shape: of the images, (N, C, H, W); for a word by default one image of its own size.
        runtime: "eager", "channels_last", "folded", "bf16", "compile", "compile_bf16", "onnxruntime", "int8", "openvino", "openvino_bf16", ...;
            or "training", a step of training in float32 with SGD. For several a list is returned.
        rounds: measurements of each that are wanted in which nobody else used the machine.
        limit_seconds: no round begins later.
        progress: is told how many rounds are done, of how many, and what is measured.

    Raises:
        ConvatlasError: there is no such network or runtime, it is not installed, or it does not take the network.

    """
    from ..runtime.bench import bench as measured
    from .predicted_here import with_predictions

    network, images = subject(model, shape)
    names = [runtime] if isinstance(runtime, str) else list(runtime)
    if not names:
        raise ConvatlasError('`runtime` is empty; name one, as "eager"')
    name = model if isinstance(model, str) else ""
    found = with_predictions(
        measured(network, images, names, name=name, rounds=rounds, limit_seconds=limit_seconds, progress=progress), network
    )
    return found[0] if isinstance(runtime, str) else found


def optimize(
    model: str | nn.Module,
    shape: Sequence[int] | None = None,
    *,
    for_: Goal = "latency",
    tolerance: float = 1e-2,
    images: Tensor | None = None,
    runtimes: Sequence[str] | None = None,
    progress: Progress = _unheard,
) -> Optimized:
    """The fastest form of a network for inference on this machine that gives the same outputs within a tolerance.

    Batch norms folded, channels-last, bfloat16, ONNX Runtime, OpenVINO, torch.compile: what applies is tried, compared with the
    network itself, and timed beside it; ``print`` of the result says what each brought.

    Args:
        model: a word for a network, or a module on the CPU, which stays as it is.
        shape: of the images, (N, C, H, W), at which it is to be fast; for a word by default one image of its own size.
        for_: "latency", or "throughput", where a batch may also be cut into a part for each thread.
        tolerance: the root mean square of the outputs' difference over that of the outputs themselves.
        images: real ones to compare on, (N, C, H, W), in place of ``shape`` and random numbers; a form that gives one of them
            another class is not kept.
        runtimes: which are tried; None for all that are installed.
        progress: is told how many forms are done, of how many, and which is next.

    Raises:
        ConvatlasError: there is no such network or runtime, or the images are no (N, C, H, W).

    """
    from ..runtime.optimize import optimize as optimized

    network, made = subject(model, shape if images is None else images.shape)
    given = made if images is None else images.float()
    return optimized(
        network, given, for_=for_, tolerance=tolerance, same_classes=images is not None, runtimes=runtimes, progress=progress
    )


def subject(model: str | nn.Module, shape: Sequence[int] | None) -> tuple[nn.Module, Tensor]:
    """A network in evaluation mode with weights, and random images that it reads.

    Raises:
        ConvatlasError: as `runnable`, or the shape is no (N, C, H, W).

    """
    from .counting import size_of

    loaded = runnable(model)
    size = tuple(shape) if shape is not None else (1, *size_of(loaded))
    if len(size) != 4 or any(not isinstance(n, int) or n < 1 for n in size):
        raise ConvatlasError(f"a network is run on images, whose shape is (N, C, H, W), as (8, 3, 224, 224); got {size}")
    return loaded.module, random_images(size)


def runnable(model: str | nn.Module) -> Loaded:
    """A network on the CPU in evaluation mode, with the weights that its code gives it.

    Raises:
        ConvatlasError: there is no such network, or it lies on another device.

    """
    from copy import deepcopy
    from dataclasses import replace

    from ..models.building import weights_allocated
    from .counting import loaded_from

    with weights_allocated():
        loaded = loaded_from(model)
    devices = {each.device.type for each in [*loaded.module.parameters(), *loaded.module.buffers()]} - {"cpu"}
    if devices:
        raise ConvatlasError(
            f"the network lies on {', '.join(sorted(devices))}, and this runs on the CPU; give it as `network.cpu()`"
        )
    return replace(loaded, module=deepcopy(loaded.module).eval()) if loaded.module.training else loaded


def random_images(shape: Sequence[int]) -> Tensor:
    """The same ones each time, between -1 and 1."""
    import torch

    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
