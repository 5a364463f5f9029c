"""Measure a real training step's memory on this machine, to hold the simulation to.

CPU: the allocations and releases that torch's profiler reports, on top of what lives through the step. CUDA:
``torch.cuda.max_memory_allocated`` and ``max_memory_reserved``. See `apart` for a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..analysis.memory import Settings
from ..errors import ConvatlasError
from ..graph import TensorSpec
from ..inputs import Inputs, InputsLike
from ..trace.results import training_loss


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


def make_optimizer(settings: Settings, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that the settings name, at a learning rate of 0.01.

    Raises:
        ConvatlasError: torch.optim has no such optimizer.

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
        raise ConvatlasError(f"torch.optim has no {settings.optimizer!r}, so it cannot be measured; choose {', '.join(makers)}")
    options: dict[str, Any] = {"lr": 0.01}
    if settings.optimizer == "momentum":
        options["momentum"] = 0.9
    if settings.implementation is not None:
        options |= {"foreach": settings.implementation == "foreach"}
        options |= {"fused": True} if settings.implementation == "fused" else {}
    return makers[settings.optimizer](parameters, **options)


def loss_of(output: Any, targets: dict[int, Tensor]) -> Tensor:
    """The loss that the simulation assumes; ``targets`` keeps the class numbers of each output from call to call."""
    loss = training_loss(
        output,
        lambda place, leaf: targets.setdefault(place, torch.zeros(len(leaf), dtype=torch.int64, device=leaf.device)),
    )
    assert loss is not None, "a simulated step has a loss"
    return loss


def _prepared(model: nn.Module, settings: Settings) -> nn.Module:
    from torch.utils.checkpoint import checkpoint

    model.train()
    for name, parameter in model.named_parameters():
        frozen = any(module in ("*", name) or name.startswith(f"{module}.") for module in settings.frozen)
        parameter.requires_grad_(parameter.requires_grad and not frozen)
    if settings.precision in ("bf16", "fp16"):
        model.to(torch.bfloat16 if settings.precision == "bf16" else torch.float16)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)
    for path in settings.checkpoint:
        module = model.get_submodule(path)
        forward = module.forward

        def again(*args: Any, forward: Callable[..., Any] = forward, **kwargs: Any) -> Any:
            # a list that the caller appends to later must not grow under the recomputation
            copies = [list(arg) if isinstance(arg, list) else arg for arg in args]
            return checkpoint(forward, *copies, use_reentrant=False, **kwargs)

        module.forward = again
    return model


def measure_training(
    model: nn.Module, inputs: InputsLike, settings: Settings, tell: Callable[[str], None] = lambda phase: None
) -> Measured:
    """Run two real steps in this process, and measure the second one.

    Args:
        model: a module on any real device; it is trained, moved and changed by this.
        inputs: shape with the batch axis, or `Inputs`; tensors of whole numbers are zeros, which every table of vectors has.
        settings: how the step is done.
        tell: is told each phase as it begins.

    Raises:
        ConvatlasError: one process on its own cannot do what the settings ask for.

    """
    if settings.ddp:
        raise ConvatlasError("gradient buckets of distributed training cannot be measured in one process; leave `ddp` out")
    device = torch.device(settings.device)
    tell("making the model's and the optimizer's tensors")
    model = _prepared(model.to(device), settings)
    average = deepcopy(model) if settings.ema else None
    given, tensors = _given(model, inputs, settings)
    optimizer = make_optimizer(settings, [parameter for parameter in model.parameters() if parameter.requires_grad])
    autocast = torch.autocast(device.type, enabled=settings.precision == "amp")
    targets: dict[int, Tensor] = {}

    def step(which: str) -> None:
        for micro in range(settings.accumulate):
            tell(f"the {which} step's forward pass")
            with autocast:
                output = model(*given.args, **given.kwargs)
            loss = loss_of(output, targets)
            tell(f"the {which} step's backward pass")
            loss.backward()  # type: ignore[no-untyped-call]
            if micro < settings.accumulate - 1:
                del output, loss
        tell(f"the {which} step's update of the parameters")
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step("first")
    state = [value for entry in optimizer.state.values() for value in entry.values() if isinstance(value, Tensor)]
    kept = [*model.parameters(), *model.buffers(), *state, *tensors, *targets.values()]
    if average is not None:
        kept += [*average.parameters(), *average.buffers()]
    return _measured(lambda: step("measured"), kept, device)


def measure_inference(
    model: nn.Module, inputs: InputsLike, settings: Settings, tell: Callable[[str], None] = lambda phase: None
) -> Measured:
    """Run the network twice in this process without gradients, and measure the second time; else as `measure_training`."""
    device = torch.device(settings.device)
    tell("making the model's tensors")
    model = _prepared(model.to(device), settings).eval()
    given, tensors = _given(model, inputs, settings)

    def run(which: str) -> None:
        tell(f"the {which} forward pass")
        with torch.no_grad(), torch.autocast(device.type, enabled=settings.precision == "amp"):
            model(*given.args, **given.kwargs)

    run("first")
    return _measured(lambda: run("measured"), [*model.parameters(), *model.buffers(), *tensors], device)


def _given(model: nn.Module, inputs: InputsLike, settings: Settings) -> tuple[Inputs, list[Tensor]]:
    """What forward gets, and the tensors in it."""
    first = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), torch.empty(0))
    tensors: list[Tensor] = []

    def made(spec: TensorSpec, given: Any) -> Tensor:
        if given is not None:
            tensor = torch.as_tensor(given, device=first.device)
        elif "complex" in spec.dtype:
            tensor = torch.randn(spec.shape, dtype=getattr(torch, spec.dtype), device=first.device)
        elif spec.is_floating:
            tensor = torch.randn(spec.shape, device=first.device).to(first.dtype)
        else:
            tensor = torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype), device=first.device)
        if settings.channels_last and tensor.dim() == 4:
            tensor = tensor.to(memory_format=torch.channels_last)
        tensors.append(tensor)
        return tensor

    return Inputs.of(inputs).mapped(made), tensors


def _measured(run: Callable[[], None], kept: list[Tensor], device: torch.device) -> Measured:
    resident = sum({x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in kept}.values())
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        peak, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return Measured(peak, resident, reserved, torch.cuda.get_device_name())
    return Measured(resident + peak_of_allocations(run), resident, None, "cpu")


def peak_of_allocations(run: Callable[[], None]) -> int:
    """The highest sum of the CPU allocations minus releases that the profiler reports while ``run`` runs, in bytes."""
    from torch._C._profiler import _EventType
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events: list[tuple[int, int]] = []
    pending = list(profiler.profiler.kineto_results.experimental_event_tree())
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
