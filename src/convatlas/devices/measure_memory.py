"""Measure a real training step's memory on this machine, to hold the simulation to.

CPU: the allocations and releases that torch's profiler reports, on top of what lives through the step. CUDA:
``torch.cuda.max_memory_allocated`` and ``max_memory_reserved``. `measured_apart` does it in a process of its own, so that
running out of memory ends that process only.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..analysis.memory import Settings


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured step, in bytes.

    Attributes:
        peak_bytes: the most in use at once, with everything that lives through the step.
        resident_bytes: parameters, buffers, optimizer state, input and targets.
        reserved_bytes: on CUDA, what the caching allocator held; else None.
        device: where it ran.

    """

    peak_bytes: int
    resident_bytes: int
    reserved_bytes: int | None
    device: str


class MeasurementError(RuntimeError):
    """The step could not be measured; the message tells how far it came."""


def make_optimizer(settings: Settings, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that the settings name, at a learning rate of 0.01.

    Raises:
        ValueError: torch.optim has no such optimizer.

    """
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD,
        "momentum": torch.optim.SGD,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "adagrad": torch.optim.Adagrad,
    }
    if settings.optimizer not in makers:
        raise ValueError(f"torch.optim has no {settings.optimizer!r}, so it cannot be measured; choose {', '.join(makers)}")
    options: dict[str, Any] = {"lr": 0.01}
    if settings.optimizer == "momentum":
        options["momentum"] = 0.9
    if settings.implementation is not None:
        options |= {"foreach": settings.implementation == "foreach"}
        options |= {"fused": True} if settings.implementation == "fused" else {}
    return makers[settings.optimizer](parameters, **options)


def loss_of(output: Any) -> Tensor:
    """The loss that the simulation assumes: cross-entropy for logits (N, classes), the mean of anything else; summed."""
    terms = [
        F.cross_entropy(leaf, torch.zeros(len(leaf), dtype=torch.int64, device=leaf.device)) if leaf.dim() == 2 else leaf.mean()
        for leaf in _tensors(output)
        if leaf.is_floating_point()
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from _tensors(item)


def _prepared(model: nn.Module, settings: Settings) -> nn.Module:
    from torch.utils.checkpoint import checkpoint

    model.train()
    for name, parameter in model.named_parameters():
        frozen = any(module in ("*", name) or name.startswith(f"{module}.") for module in settings.frozen)
        parameter.requires_grad_(parameter.requires_grad and not frozen)
    if settings.precision in ("bf16", "fp16"):
        model.to(torch.bfloat16 if settings.precision == "bf16" else torch.float16)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for path in settings.checkpoint:
        module = model.get_submodule(path)
        forward = module.forward

        def again(*args: Any, forward: Callable[..., Any] = forward, **kwargs: Any) -> Any:
            # a list that the caller appends to later must not grow under the recomputation
            copies = [list(arg) if isinstance(arg, list) else arg for arg in args]
            return checkpoint(forward, *copies, use_reentrant=False, **kwargs)

        module.forward = again
    return model


def measure_training(model: nn.Module, shape: tuple[int, ...], settings: Settings) -> Measured:
    """Run two real steps in this process, and measure the second one.

    Args:
        model: a module on any real device; it is trained, moved and changed by this.
        shape: of the input, batch axis included.
        settings: how the step is done.

    """
    device = torch.device(settings.device)
    model = _prepared(model.to(device), settings)
    dtype = next(parameter.dtype for parameter in model.parameters())
    images = torch.randn(shape, device=device).to(dtype)
    if settings.channels_last:
        images = images.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(settings, [parameter for parameter in model.parameters() if parameter.requires_grad])
    autocast = torch.autocast(device.type, enabled=settings.precision == "amp")
    targets: dict[int, Tensor] = {}

    def step() -> None:
        for micro in range(settings.accumulate):
            with autocast:
                output = model(images)
            loss = sum(
                F.cross_entropy(leaf, targets.setdefault(index, torch.zeros(len(leaf), dtype=torch.int64, device=device)))
                if leaf.dim() == 2
                else leaf.mean()
                for index, leaf in enumerate(_tensors(output))
                if leaf.is_floating_point()
            )
            assert isinstance(loss, Tensor)
            loss.backward()  # type: ignore[no-untyped-call]
            if micro < settings.accumulate - 1:
                del output, loss
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    resident = _resident_bytes(model, optimizer, [images, *targets.values()])
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        peak, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return Measured(peak, resident, reserved, torch.cuda.get_device_name())
    return Measured(resident + _peak_of_allocations(step), resident, None, "cpu")


def _resident_bytes(model: nn.Module, optimizer: torch.optim.Optimizer, others: list[Tensor]) -> int:
    state = [value for entry in optimizer.state.values() for value in entry.values() if isinstance(value, Tensor)]
    tensors = [*model.parameters(), *model.buffers(), *state, *others]
    return sum({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}.values())


def _peak_of_allocations(run: Callable[[], None]) -> int:
    """The highest sum of the CPU allocations minus releases that the profiler reports while ``run`` runs, in bytes."""
    from torch._C._profiler import _EventType
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events: list[tuple[int, int]] = []
    pending = list(profiler.profiler.kineto_results.experimental_event_tree())  # type: ignore[union-attr]
    while pending:
        event = pending.pop()
        if event.tag == _EventType.Allocation:
            events.append((event.start_time_ns, event.extra_fields.alloc_size))
        pending.extend(event.children)
    current = peak = 0
    for _, num_bytes in sorted(events, key=lambda event: event[0]):
        current += num_bytes
        peak = max(peak, current)
    return peak


def measured_apart(model: nn.Module, shape: tuple[int, ...], settings: Settings) -> Measured:
    """Measure in a process of its own.

    Raises:
        MeasurementError: the process ended without a figure, as when it ran out of memory; says how far it came.

    """
    with tempfile.TemporaryDirectory(prefix="convatlas-") as folder:
        order, answer = Path(folder, "order.pickle"), Path(folder, "answer.json")
        order.write_bytes(pickle.dumps((model, shape, settings)))  # our own file, in a folder of our own
        process = subprocess.run(
            [sys.executable, "-m", "convatlas.devices.measure_memory", str(order), str(answer)],
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode == 0 and answer.exists():
            return Measured(**json.loads(answer.read_text()))
    reason = (process.stderr.strip().splitlines() or ["no message"])[-1]
    if process.returncode < 0:
        reason = f"ended by signal {-process.returncode}, as when memory runs out"
    raise MeasurementError(f"a step at {'x'.join(map(str, shape))} could not be measured: {reason}")


def _main() -> None:
    order, answer = map(Path, sys.argv[1:])
    model, shape, settings = pickle.loads(order.read_bytes())
    answer.write_text(json.dumps(asdict(measure_training(model, shape, settings))))


if __name__ == "__main__":
    _main()
