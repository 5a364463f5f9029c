"""What a training will take, said before it starts; what cannot fit is refused."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from ..analysis.fit import max_batch
from ..analysis.memory import Settings, inference_memory, training_memory
from ..analysis.memory.changes import EMA, OPTIMIZER_STATE
from ..analysis.verdict import verdict
from ..errors import ConvatlasError
from ..graph import Graph
from ..trace import trace
from .data import Data
from .device import free_bytes
from .job import Job
from .networks import Reads

_KEPT_FREE = 0.05  # of the memory, for what else the machine does


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is known before the first step.

    Attributes:
        parameters, trained: numbers in the network, and those that take a gradient.
        train_images, val_images, classes: of the data.
        size, channels: of what the network reads.
        batch: images a step and process.
        steps: optimizer steps an epoch.
        peak_bytes: predicted, of a training step or of validation, whichever takes more; None where the network cannot be traced.
        at_least: whether an op is unknown, so that the peak may be higher.
        free_bytes: of the device; None where that cannot be told.
        remarks: what was chosen for a reason that a person may not expect.
    """

    model: str
    parameters: int
    trained: int
    train_images: int
    val_images: int
    classes: int
    size: int
    channels: int
    epochs: int
    batch: int
    processes: int
    steps: int
    lr: float
    precision: str
    device: str
    peak_bytes: int | None
    at_least: bool
    free_bytes: int | None
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The plan as a person reads it."""
        shape = f"{self.channels}x{self.size}x{self.size}"
        trained = "" if self.trained == self.parameters else f", {self.trained:,} of them trained"
        over = f" over {self.processes} processes" if self.processes > 1 else ""
        lines = [
            f"network  {self.model}, {self.parameters:,} parameters{trained}, reads {shape}",
            f"images   {self.train_images:,} to train on, {self.val_images:,} to validate on, {self.classes} classes",
            f"steps    {self.epochs} epochs of {self.steps:,}, {self.batch} images each{over}, rate up to {self.lr:g}",
            f"device   {self.device}, {self.precision}",
            f"memory   {self._memory()}",
        ]
        return [*lines, *(f"note     {remark}" for remark in self.remarks)]

    def _memory(self) -> str:
        free = "" if self.free_bytes is None else f"; {_gib(self.free_bytes)} are free"
        if self.peak_bytes is None:
            return f"not predicted: the network cannot be traced{free}"
        return f"{'at least ' if self.at_least else ''}{_gib(self.peak_bytes)} of tensors at the peak, predicted{free}"

    def record(self) -> dict[str, Any]:
        """The plan as JSON."""
        return asdict(self)


def make_plan(
    job: Job,
    network: nn.Module,
    reads: Reads,
    data: Data,
    *,
    device: torch.device,
    processes: int,
    remarks: Sequence[str] = (),
) -> Plan:
    """Simulate a step and a validation, and compare with what is free.

    Raises:
        ConvatlasError: it cannot fit; says what would.
    """
    settings = memory_settings(job, device, processes)
    graphs = graphs_of(network, job.model, reads)
    own = -(-job.recipe.batch // processes)
    peak, at_least = _peak(network, graphs, settings, min(own, len(data.train)), reads)
    free = free_bytes(device)
    if peak is not None and free is not None and peak + settings.runs_on.overhead_bytes > free:
        raise ConvatlasError(_refusal(job, peak, free, graphs, settings))
    return Plan(
        model=job.model,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        trained=sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
        train_images=len(data.train),
        val_images=len(data.val),
        classes=len(data.classes),
        size=reads.size,
        channels=reads.channels,
        epochs=job.recipe.epochs,
        batch=own,
        processes=processes,
        steps=-(-len(data.train) // job.images_a_step),
        lr=job.recipe.optimizer.lr,
        precision=job.precision,
        device=device.type,
        peak_bytes=peak,
        at_least=at_least,
        free_bytes=free,
        remarks=tuple(remarks),
    )


def memory_settings(job: Job, device: torch.device, processes: int) -> Settings:
    """The job's step as the simulation knows it."""
    asked = job.recipe.optimizer
    kind = "momentum" if asked.kind == "sgd" and asked.momentum else asked.kind
    return Settings(
        optimizer=kind,
        implementation=None if kind == "rmsprop" else "fused",
        precision="fp32" if job.precision == "fp32" else "amp",
        device=device.type,
        threads=torch.get_num_threads(),
        channels_last=True,
        accumulate=job.accumulate,
        ema=job.recipe.ema > 0,
        ddp=processes > 1,
        frozen=job.freeze,
    )


def graphs_of(network: nn.Module, name: str, reads: Reads) -> Callable[[int], Graph]:
    """Batch -> the network's graph in training, each traced once."""

    @functools.cache
    def graph_at(batch: int) -> Graph:
        graph = trace(network, (batch, reads.channels, reads.size, reads.size), training=True)
        graph.name = name
        return graph

    return graph_at


def largest_batch(network: nn.Module, job: Job, reads: Reads, data: Data, device: torch.device, processes: int) -> int:
    """The largest batch over all processes that fits what is free, no larger than the data.

    Raises:
        ConvatlasError: it cannot be told what is free, or one image does not fit.
    """
    free = free_bytes(device)
    if free is None:
        raise ConvatlasError("`batch` (=auto): it cannot be told here how much memory is free; give a number")
    settings = memory_settings(job, device, processes)
    found = max_batch(graphs_of(network, job.model, reads), int(free * (1 - _KEPT_FREE)), settings).batch
    return min(found * processes, len(data.train))


def _peak(
    network: nn.Module, graphs: Callable[[int], Graph], settings: Settings, batch: int, reads: Reads
) -> tuple[int | None, bool]:
    try:
        step = training_memory(graphs(batch), settings)
        validating = trace(network, (batch, reads.channels, reads.size, reads.size), training=False)
    except ValueError:  # control flow that depends on numbers, or a batch of one that a batch norm refuses
        return None, False
    validation = inference_memory(validating, settings)
    held = step.breakdown.get(OPTIMIZER_STATE, 0) + step.breakdown.get(EMA, 0)
    return max(step.peak_bytes, validation.peak_bytes + held), step.at_least or validation.at_least


def _refusal(job: Job, peak: int, free: int, graphs: Callable[[int], Graph], settings: Settings) -> str:
    asked = job.recipe.batch
    answer = verdict(graphs, asked, free, settings)
    ways = []
    if largest := answer.largest_batch:
        ways = [f"--batch {largest}", f"--accumulate {-(-asked // largest)} --batch {largest} for steps as large"]
    known = {"--precision amp"}
    ways += [f"{way.words} (batch up to {way.largest_batch})" for way in answer.changes if way.words in known and way.largest_batch]
    ways.append("a smaller --size")
    beside = settings.runs_on.overhead_bytes
    return (
        f"a step of {asked} images takes {_gib(peak)} of tensors at its peak and {_gib(beside)} beside them, "
        f"and {_gib(free)} are free; try {', or '.join(ways)}"
    )


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:,.2f} GiB" if num_bytes >= 2**30 else f"{num_bytes / 2**20:,.1f} MiB"
