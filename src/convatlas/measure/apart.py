"""Measure in a process of its own, so that running out of memory ends that process only, and is told with how far it came."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from errno import ENOMEM
from pathlib import Path

import torch
from torch import nn

from ..analysis.memory import Settings
from ..errors import ConvatlasError
from ..inputs import Inputs, InputsLike
from ..trace.lazy import has_lazy_parts, with_shapes
from .memory import Measured, measure_inference, measure_training


class MeasurementError(ConvatlasError):
    """The step could not be measured; the message tells how far it came."""


def measured_apart(model: nn.Module | str, inputs: InputsLike, settings: Settings, *, inference: bool = False) -> Measured:
    """Measure a training step, or an inference, in a process of its own.

    Args:
        model: a module on any device; one on ``meta`` gets tensors there. It stays as it is. Or a word for one (see `models`), which
            the process loads itself: code in a file of the user's cannot be handed over otherwise.
        inputs: shape with the batch axis, or `Inputs`.
        settings: how it is done; the process runs as many threads as they say.
        inference: one forward pass without gradients.

    Raises:
        MeasurementError: the process ended without a figure, as when it ran out of memory; says how far it came.

    """
    given = Inputs.of(inputs)
    with tempfile.TemporaryDirectory(prefix="convatlas-") as folder:
        order, answer, progress = (Path(folder, name) for name in ("order.pickle", "answer.json", "progress"))
        try:
            order.write_bytes(pickle.dumps((model, given, settings, inference)))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise MeasurementError(f"this model cannot be handed to a process of its own: {error}") from error
        process = subprocess.run(
            [sys.executable, "-m", "convatlas.measure.apart", folder],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        told = json.loads(answer.read_text()) if answer.exists() else {}
        if "measured" in told:
            return Measured(**told["measured"])
        reached = progress.read_text().splitlines() if progress.exists() else []
    what = "an inference" if inference else "a step"
    where = " and ".join("x".join(map(str, spec.shape)) for spec in given.specs())
    raise MeasurementError(
        f"{what} at {where} could not be measured: {told.get('failure') or _end_of(process)}; "
        f"it came as far as {reached[-1] if reached else 'starting a process'}"
    )


def _end_of(process: subprocess.CompletedProcess[str]) -> str:
    """How a process ended that had no time to tell it."""
    if process.returncode < 0:
        return f"the process was ended by signal {-process.returncode}" + (
            ", as when memory runs out" if process.returncode == -signal.SIGKILL else ""
        )
    return (process.stderr.splitlines() or ["no message"])[-1].strip()


def _failure(error: BaseException) -> str:
    """What went wrong in a step; "out of memory" is said where the system or torch's allocators say so, whatever else may be."""
    said = (str(error).strip().splitlines() or [""])[0]
    message = f"{type(error).__name__}: {said}" if said else type(error).__name__
    refused = isinstance(error, MemoryError | torch.OutOfMemoryError) or (isinstance(error, OSError) and error.errno == ENOMEM)
    refused |= isinstance(error, RuntimeError) and "DefaultCPUAllocator: " in said
    return f"out of memory ({message})" if refused else message


def _with_numbers(model: nn.Module) -> nn.Module:
    """The model off the meta device, with small numbers in place of weights."""
    tensors = [*model.parameters(), *model.buffers()]
    if not any(tensor.is_meta for tensor in tensors):
        return model
    model = model.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02)
        for buffer in model.buffers():
            buffer.fill_(1) if buffer.is_floating_point() else buffer.zero_()
    return model


def _main() -> None:
    folder = Path(sys.argv[1])
    with Path(folder, "progress").open("a", buffering=1) as progress:

        def tell(phase: str) -> None:
            progress.write(f"{phase}\n")

        tell("loading the model")
        found: dict[str, object]
        try:
            found = {"measured": asdict(_measured_here(Path(folder, "order.pickle"), tell))}
        except Exception as error:
            found = {"failure": _failure(error)}
    Path(folder, "answer.json").write_text(json.dumps(found))


def _measured_here(order: Path, tell: Callable[[str], None]) -> Measured:
    model, inputs, settings, inference = pickle.loads(order.read_bytes())
    if isinstance(model, str):
        from ..models import load

        with contextlib.redirect_stdout(sys.stderr):
            model = load(model).module
    if has_lazy_parts(model):
        model = with_shapes(model, inputs, training=not inference)
    torch.set_num_threads(settings.threads)
    measure = measure_inference if inference else measure_training
    return measure(_with_numbers(model), inputs, settings, tell)


if __name__ == "__main__":
    _main()
