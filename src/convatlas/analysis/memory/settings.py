"""What a training step is done with: optimizers and precisions, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...devices.device import Device
from ...devices.named import DEVICES, device_named
from ...errors import ConvatlasError


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What an optimizer keeps, and what its step takes for a moment, in copies of a parameter.

    Attributes:
        state: tensors of a parameter's size that are kept from step to step.
        scalars: 4-byte counters kept for each parameter.
        working: copies made for a parameter whose last one stays until the next parameter's is made ("single").
        scratch: copies beside them that end with the operation ("single").
        together: copies of all parameters alive at once ("foreach").

    """

    state: int
    scalars: int = 0
    working: int = 0
    scratch: int = 0
    together: int = 0

    def peak_temporaries(self, sizes: Sequence[int], implementation: str) -> int:
        """Most bytes that the step holds for a moment, for parameters of these sizes in bytes.

        Seen in torch.optim's allocations: "single" updates one parameter after another, and the Python variable of the
        last denominator lives on until it is assigned again; "foreach" makes the lists of all parameters at once; "fused"
        makes nothing.
        """
        if implementation == "fused" or not sizes:
            return 0
        if implementation == "foreach":
            return self.together * sum(sizes)
        before = (0, *sizes)
        return max(
            (self.working + self.scratch) * size + (last if self.working else 0) for size, last in zip(sizes, before, strict=False)
        )


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(state=0),
    "momentum": Optimizer(state=1),
    "adam": Optimizer(state=2, scalars=1, working=1, scratch=1, together=1),
    "adamw": Optimizer(state=2, scalars=1, working=1, scratch=1, together=1),
    "rmsprop": Optimizer(state=1, scalars=1, working=1, together=1),
    "adagrad": Optimizer(state=1, scalars=1, working=1, together=2),
    "lion": Optimizer(state=1, working=1, together=1),
}
# what the commands, the catalogue and Python take where nothing is said
TRAINING_BATCH = 32
THREADS = 4
IMPLEMENTATIONS = ("single", "foreach", "fused")
PRECISIONS = ("fp32", "bf16", "fp16", "amp")
_NOT_FUSED = ("rmsprop", "lion")  # torch.optim has no fused form of them


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a step is done.

    Attributes:
        optimizer: a name in `OPTIMIZERS`.
        implementation: "single", "foreach" or "fused"; None is torch's default for the device.
        precision: "fp32"; "bf16" or "fp16" for parameters and all; "amp" for autocast (float16 on CUDA, bfloat16 on CPU).
        device: "cpu" or "cuda".
        threads: of a CPU; oneDNN's buffers depend on it, and which kernel runs a 1x1 convolution. From 2 to 8 threads the
            peak of a whole network hardly changes.
        channels_last: images and weights in that memory format.
        accumulate: micro-batches to an optimizer step; above 1 the gradients live through the forward pass.
        ema: an exponential moving average of parameters and buffers is kept.
        ddp: distributed data parallel's gradient buckets.
        frozen: modules (dotted paths) whose parameters take no gradient; "*" is all.
        checkpoint: modules whose forward is computed again in backward instead of being kept.

    """

    optimizer: str = "momentum"
    implementation: str | None = None
    precision: str = "fp32"
    device: str = "cpu"
    threads: int = THREADS
    channels_last: bool = False
    accumulate: int = 1
    ema: bool = False
    ddp: bool = False
    frozen: tuple[str, ...] = ()
    checkpoint: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, known in (
            ("optimizer", self.optimizer, tuple(OPTIMIZERS)),
            ("precision", self.precision, PRECISIONS),
            ("device", self.device, tuple(DEVICES)),
            ("implementation", self.implementation or "single", IMPLEMENTATIONS),
        ):
            if value not in known:
                raise ConvatlasError(f"unknown {name} {value!r}: choose {', '.join(known[:-1])} or {known[-1]}")
        if self.implementation == "fused" and self.optimizer in _NOT_FUSED:
            raise ConvatlasError(f"`implementation` (='fused'): {self.optimizer} has none; choose single or foreach")
        for name, number in (("accumulate", self.accumulate), ("threads", self.threads)):
            if not isinstance(number, int) or number < 1:
                raise ConvatlasError(f"`{name}` (={number}) must be a whole number of at least 1")

    @property
    def runs_on(self) -> Device:
        """The device, with its settings."""
        return device_named(self.device, self.threads)
