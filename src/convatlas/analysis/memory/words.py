"""Under which conditions a step's memory holds, in the words of every command, page and record."""

from __future__ import annotations

from .settings import Settings

_OPTIMIZERS = {
    "momentum": "SGD with momentum",
    "sgd": "SGD without momentum",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "lion": "Lion",
}


def step_in_words(batch: int | str, settings: Settings, *, training: bool = True, precision: str | None = None) -> str:
    """As "training step at batch 32, fp32, SGD with momentum, CPU with 4 threads"; ``batch`` and ``precision`` may name several, or none ("")."""
    named = settings.precision if precision is None else precision
    parts = [f"{'training step' if training else 'inference'} at batch {batch}", *([named] if named else [])]
    if training:
        optimizer = _OPTIMIZERS[settings.optimizer]
        parts.append(f"{optimizer} ({settings.implementation})" if settings.implementation else optimizer)
    parts.append(settings.runs_on.title)
    if settings.channels_last:
        parts.append("channels last")
    if training:
        if settings.ema:
            parts.append("a moving average of the weights")
        if settings.ddp:
            parts.append("DDP buckets")
        if settings.accumulate > 1:
            parts.append(f"{settings.accumulate} batches to a step")
        if settings.frozen:
            parts.append(f"frozen: {', '.join(settings.frozen)}")
        if settings.checkpoint:
            count = len(settings.checkpoint)
            parts.append(f"{count} module{'' if count == 1 else 's'} checkpointed")
    return ", ".join(parts)
