"""What a graph's figures hold for, in the words of every command, page and record."""

from __future__ import annotations

from collections.abc import Sequence

from .spec import TensorSpec


def sample_in_words(inputs: Sequence[TensorSpec], batch_axis: bool) -> str:
    """One sample of the inputs: "3x224x224"; "3x64x64 and 10 int64"; whole shapes where there is no common batch."""
    whole = not batch_axis or len({spec.shape[:1] for spec in inputs}) > 1
    parts = []
    for spec in inputs:
        shape = "x".join(map(str, spec.shape if whole else spec.shape[1:])) or "1"
        parts.append(shape if spec.dtype == inputs[0].dtype else f"{shape} {spec.dtype}")
    return " and ".join(parts)


def setting_in_words(inputs: Sequence[TensorSpec], batch_axis: bool, training: bool) -> str:
    """How a pass is done, but for the size of its input: "batch 1, float32, evaluation"."""
    batch = f"batch {inputs[0].shape[0]}" if batch_axis and inputs[0].shape else "no batch axis"
    return f"{batch}, {inputs[0].dtype}, {'training' if training else 'evaluation'}"


def conditions_in_words(inputs: Sequence[TensorSpec], batch_axis: bool, training: bool) -> str:
    """As "input 3x224x224, batch 1, float32, evaluation"."""
    several = "s" if len(inputs) > 1 else ""
    return f"input{several} {sample_in_words(inputs, batch_axis)}, {setting_in_words(inputs, batch_axis, training)}"


def way_in_words(way: str, why: str) -> str:
    """As "traced exactly: a forward hook on layer1.0"; "" for the quick way, which is the usual one."""
    return f"traced exactly: {why}" if way == "exact" else ""
