"""What a training step is done with: optimizers and precisions, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What an optimizer keeps and what its step takes for a moment, in copies of a parameter.

    Attributes:
        state: tensors of a parameter's size that are kept from step to step.
        scalars: 4-byte counters kept for each parameter.
        temporaries: copies alive together while one parameter is updated, one parameter at a time.
        foreach_temporaries: the same when all parameters are updated together.
    """

    state: int
    scalars: int = 0
    temporaries: int = 0
    foreach_temporaries: int = 0


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(state=0),
    "momentum": Optimizer(state=1),
    "adam": Optimizer(state=2, scalars=1, temporaries=2, foreach_temporaries=1),
    "adamw": Optimizer(state=2, scalars=1, temporaries=2, foreach_temporaries=1),
    "rmsprop": Optimizer(state=1, scalars=1, temporaries=1, foreach_temporaries=1),
    "adagrad": Optimizer(state=1, scalars=1, temporaries=1, foreach_temporaries=1),
    "lion": Optimizer(state=1, temporaries=1, foreach_temporaries=1),
}
IMPLEMENTATIONS = ("single", "foreach", "fused")
PRECISIONS = ("fp32", "bf16", "fp16", "amp")
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a step is done. See `convatlas.training_memory` for what each one means."""

    optimizer: str = "sgd"
    implementation: str | None = None
    precision: str = "fp32"
    device: str = "cpu"
    channels_last: bool = False
    accumulate: int = 1
    ema: bool = False
    ddp: bool = False
    frozen: Sequence[str] = ()
    checkpoint: Sequence[str] = ()
