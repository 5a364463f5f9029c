"""The lecture notes' estimate of training memory, a sum of two products, and what the simulation knows that it does not."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Graph
from .changes import ACTIVATIONS, GRADIENTS_OF_ACTIVATIONS, GRADIENTS_OF_PARAMETERS, SAVED, TEMPORARIES
from .report import TrainingMemory
from .settings import OPTIMIZERS, Settings

_FLOAT_BYTES = 4
_WITHIN_A_LAYER = ("activation", "dropout", "loss")  # the notes' tables have no line for them


@dataclass(frozen=True, slots=True)
class NotesEstimate:
    """Parameters x copies + outputs x 2, all in four bytes.

    Attributes:
        parameter_bytes: of the parameters, once.
        copies: how often they are held: themselves, their gradient, and each tensor that the optimizer keeps.
        output_bytes: of the images and of every layer's output, once.
        num_bytes: the estimate.

    """

    parameter_bytes: int
    copies: int
    output_bytes: int

    @property
    def num_bytes(self) -> int:
        """Parameters times their copies, and every output twice: once for itself and once for its gradient."""
        return self.parameter_bytes * self.copies + 2 * self.output_bytes


def notes_estimate(graph: Graph, settings: Settings) -> NotesEstimate:
    """The estimate for a graph at its batch."""
    parameters = sum(graph.values[parameter.value].numel for parameter in graph.parameters)
    layers = [node for node in graph.nodes if not node.op.is_view and node.op.kind not in _WITHIN_A_LAYER]
    outputs = sum(graph.values[value].numel for value in (*graph.inputs, *(value for node in layers for value in node.outputs)))
    copies = 2 + OPTIMIZERS[settings.optimizer].state
    return NotesEstimate(_FLOAT_BYTES * parameters, copies, _FLOAT_BYTES * outputs)


def why_it_is_off(estimate: NotesEstimate, memory: TrainingMemory) -> list[str]:
    """What makes the difference between the estimate and a simulated step, each with its bytes (estimate - simulation)."""
    held = memory.breakdown

    def of(*kinds: str) -> int:
        return sum(held.get(kind, 0) for kind in kinds)

    gradients = estimate.parameter_bytes - of(GRADIENTS_OF_PARAMETERS)
    outputs = estimate.output_bytes - of(SAVED, ACTIVATIONS)
    output_gradients = estimate.output_bytes - of(GRADIENTS_OF_ACTIVATIONS)
    counted = GRADIENTS_OF_PARAMETERS, SAVED, ACTIVATIONS, GRADIENTS_OF_ACTIVATIONS, TEMPORARIES
    standing = estimate.parameter_bytes * (estimate.copies - 1) - (memory.peak_bytes - of(*counted))
    reasons = [
        (output_gradients, "the gradient of an output lives only until the layer before it is done, never all of them at once"),
        (outputs, "what is kept for backward is not every output: in-place layers and views add none, some keep more or masks"),
        (gradients, "the gradients of the parameters come one after another, and at the peak not all of them are there"),
        (-of(TEMPORARIES), "kernels take temporary memory, which it leaves out"),
        (standing, "input, targets, buffers, and what is frozen, of another precision or kept beside (average, buckets)"),
    ]
    return [f"{'+' if num_bytes > 0 else '-'}{abs(num_bytes) / 2**20:,.1f} MiB: {why}" for num_bytes, why in reasons if num_bytes]
