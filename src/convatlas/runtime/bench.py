"""Measure networks here, now: latency and throughput by runtime, beside the machine's own peak."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..analysis.cost import cost
from ..errors import ConvatlasError
from ..trace import trace
from ..trace.results import training_loss
from .host import Host, this_host
from .rounds import QUIET_CORES, Timing, interleaved
from .source import Source
from .table import RUNTIMES, prepared, runtime

TRAINING = "training"
_SIDE = 1024  # of the square matrices whose product stands for the peak
_COPIED_BYTES = 2**27


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """How long a network takes on this machine, measured.

    Attributes:
        network: its name; "" for a module.
        runtime: see `RUNTIMES`; "training" is a step of torch's with SGD and momentum, eager, in float32.
        shape: of the images, (N, C, H, W).
        dtype: of the arithmetic.
        milliseconds: of a batch, the median.
        low_milliseconds, high_milliseconds: the quartiles.
        samples: how many measurements count.
        other_cores: that other processes kept busy meanwhile; None where the system does not tell.
        gflops_per_second: 2 x MACs over the time; a step's are those of its forward and its backward pass.
        peak_gflops_per_second: what a product of two matrices of 1024 x 1024 reached in the same rounds and dtype; for a step in float32;
            None in int8, in which torch has no fast product.
        bandwidth_gb_per_second: what copying 128 MiB reached, read and written.
        host: the machine, threads and versions.
        predicted_milliseconds: by this machine's profile; None where it has none, or predicts no such form.

    """

    network: str
    runtime: str
    shape: tuple[int, ...]
    dtype: str
    milliseconds: float
    low_milliseconds: float
    high_milliseconds: float
    samples: int
    other_cores: float | None
    gflops_per_second: float
    peak_gflops_per_second: float | None
    bandwidth_gb_per_second: float
    host: Host
    predicted_milliseconds: float | None = None

    @property
    def batch(self) -> int:
        """Images in a call."""
        return self.shape[0]

    @property
    def images_per_second(self) -> float:
        """Images a second."""
        return self.batch / self.milliseconds * 1e3

    @property
    def is_quiet(self) -> bool:
        """Whether no more than a trace of another load lies in it."""
        return self.other_cores is None or self.other_cores < QUIET_CORES

    @property
    def peak_share(self) -> float | None:
        """Of the peak that was measured; a Winograd convolution may lie above it, as MACs are those of the plain one."""
        return None if self.peak_gflops_per_second is None else self.gflops_per_second / self.peak_gflops_per_second


def bench(
    network: nn.Module,
    images: Tensor,
    runtimes: Sequence[str],
    *,
    name: str = "",
    rounds: int = 7,
    limit_seconds: float = 120.0,
    progress: Callable[[int, int, str], None] = lambda done, total, last: None,
) -> list[Measured]:
    """Measure a network by several runtimes, in interleaved rounds with the machine's own peaks.

    Args:
        network: on the CPU; it stays as it is.
        images: (N, C, H, W) in float32.
        runtimes: names in `RUNTIMES`, or "training".
        name: of the network.
        rounds: quiet measurements of each that are wanted.
        limit_seconds: for the rounds; preparing the forms comes beside it.
        progress: is told how many rounds are done, of how many, and what is measured.

    Raises:
        ConvatlasError: a runtime is unknown, not installed, or does not take the network.

    """
    for each in runtimes:
        if each != TRAINING:
            runtime(each)  # a mistyped one is told before anything is prepared
    source = Source(network, images)
    calls: dict[str, Callable[[], object]] = {}
    for each in runtimes:
        calls[each] = _training_step(network, images) if each == TRAINING else _call(prepared(each, source), images)
    dtypes = {each: "float32" if each == TRAINING else RUNTIMES[each].dtype for each in runtimes}
    references: dict[str, Callable[[], object]] = {
        f"matmul {dtype}": _product(dtype) for dtype in sorted({*dtypes.values()} - {"int8"})
    }
    references["copy"] = _copy()
    times = interleaved(calls | references, rounds=rounds, limit_seconds=limit_seconds, progress=progress)
    macs = {training: _macs(network, images, training) for training in {each == TRAINING for each in runtimes}}
    host, bandwidth = this_host(), 2 * _COPIED_BYTES / times["copy"].seconds / 1e9
    return [
        _measured(name, each, images, dtypes[each], times[each], macs[each == TRAINING], times.get(f"matmul {dtypes[each]}"), bandwidth, host)
        for each in runtimes
    ]  # fmt: skip


def _measured(
    name: str,
    runtime: str,
    images: Tensor,
    dtype: str,
    timing: Timing,
    macs: int,
    product: Timing | None,
    bandwidth: float,
    host: Host,
) -> Measured:
    return Measured(
        network=name, runtime=runtime, shape=tuple(images.shape), dtype=dtype,
        milliseconds=timing.seconds * 1e3, low_milliseconds=timing.low * 1e3, high_milliseconds=timing.high * 1e3,
        samples=timing.samples, other_cores=timing.other_cores,
        gflops_per_second=2 * macs / timing.seconds / 1e9, peak_gflops_per_second=2 * _SIDE**3 / product.seconds / 1e9 if product else None,
        bandwidth_gb_per_second=bandwidth, host=host,
    )  # fmt: skip


def _call(form: nn.Module, images: Tensor) -> Callable[[], object]:
    return lambda: form(images)


def _training_step(network: nn.Module, images: Tensor) -> Callable[[], object]:
    """One step on a copy of the network: forward, backward, and the update by SGD with momentum."""
    mine = copy.deepcopy(network).train()
    optimizer = torch.optim.SGD([each for each in mine.parameters() if each.requires_grad], lr=1e-4, momentum=0.9)

    def step() -> None:
        loss = training_loss(mine(images), lambda place, leaf: torch.zeros(len(leaf), dtype=torch.int64))
        if loss is None:
            raise ConvatlasError("the network gives nothing that a loss can be taken of")
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()  # makes the optimizer's state
    return step


def _macs(network: nn.Module, images: Tensor, training: bool) -> int:
    """Multiply-accumulates of a call; those of a step's backward pass are counted on its own graph."""
    counted = cost(trace(network, tuple(images.shape), training=training))
    return counted.macs + counted.backward_macs if training else counted.macs


def _product(dtype: str) -> Callable[[], object]:
    left, right = (torch.randn(_SIDE, _SIDE).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: left @ right


def _copy() -> Callable[[], object]:
    source = torch.zeros(_COPIED_BYTES, dtype=torch.uint8)
    target = torch.ones_like(source)
    return lambda: target.copy_(source)
