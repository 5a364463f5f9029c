"""The recorded training step: after the forward pass its loss, and the backward pass as autograd's engine runs it."""

from __future__ import annotations

import torch

from ...graph.training import BACKWARD, LOSS
from ..results import training_loss
from .names import Family, Name, spec_of
from .recorder import Recorder


def record_step(recorder: Recorder, outputs: list[torch.Tensor], parameters: dict[int, torch.Tensor]) -> None:
    """Run the loss and backward on a forward pass's outputs, under the recorder.

    Args:
        recorder: has recorded the forward pass.
        outputs: the tensors that it returned.
        parameters: the graph's number of each parameter -> its fake.

    """
    sheet, names, step = recorder.sheet, recorder.names, recorder.sheet.step
    assert step is not None
    sheet.begin(LOSS)
    recorder.write_sides()
    recorder.module = "loss"
    total = training_loss(outputs, lambda place, output: _target(recorder, output))
    if total is None or not total.requires_grad:
        sheet.step = None
        return
    sheet.begin(BACKWARD)
    recorder.module = ""
    with torch.autograd.set_multithreading_enabled(False):
        total.backward()  # type: ignore[no-untyped-call]
    for number, parameter in parameters.items():
        if parameter.grad is not None:
            step.gradients[number] = names.value(parameter.grad)


def _target(recorder: Recorder, output: torch.Tensor) -> torch.Tensor:
    """The classes to predict: a tensor that is there before the step."""
    with recorder.pause():
        target = torch.zeros(output.shape[0], dtype=torch.int64, device=output.device)
    sheet = recorder.sheet
    recorder.names.hold(target, Name(sheet.add_resident(sheet.result(target, spec_of(target))), Family()))
    return target
