"""TrainingGraph: a whole training step as calls on tensors, in the order in which torch runs them. No data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .ops import Op
from .spec import TensorSpec
from .strides import Strides

FORWARD, LOSS, BACKWARD, OPTIMIZER = "forward", "loss", "backward", "optimizer"
RECOMPUTE = "recompute"  # what a checkpoint runs again, in the middle of backward
PHASES = (FORWARD, LOSS, BACKWARD, RECOMPUTE, OPTIMIZER)


class StepNode(NamedTuple):
    """One call of a step. ``inputs`` and ``outputs`` are positions in `TrainingGraph.values`."""

    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    phase: str  # one of PHASES
    origin: int = -1  # the node of the network's Graph that it is, or is the gradient of, by position; -1 is none
    module: str = ""  # that node's module


@dataclass(slots=True)
class TrainingGraph:
    """A training step: forward, loss, backward as autograd's engine orders it, the optimizer's step.

    Values are numbered; the first ones are those of the network's Graph where that has them, with the same numbers. Which values
    share memory is told by storages, as torch tells it: a view's, or what an op writes in place, is its base's.

    Attributes:
        values: the spec of each value.
        strides: how each value lies in its storage, in elements; None is contiguous.
        storage: value -> its storage.
        storage_bytes: storage -> its size.
        nodes: the calls, in order. The gradient of a call is made by a `Gradient` where torch has a kernel for it
            (convolution_backward), else by the ops that torch runs for it.
        released: storage -> how many nodes had run when nothing held it any longer. One that is not named lives on.
        saved: storages that autograd keeps from the forward pass for the backward pass.
        resident: storages that are there before the step: parameters, buffers, inputs, targets, the optimizer's state.
        gradients: parameter's value -> value of its whole gradient, all of its uses added up.

    """

    values: list[TensorSpec] = field(default_factory=list)
    strides: list[Strides] = field(default_factory=list)
    storage: list[int] = field(default_factory=list)
    storage_bytes: list[int] = field(default_factory=list)
    nodes: list[StepNode] = field(default_factory=list)
    released: dict[int, int] = field(default_factory=dict)
    saved: set[int] = field(default_factory=set)
    resident: set[int] = field(default_factory=set)
    gradients: dict[int, int] = field(default_factory=dict)

    def add_value(self, spec: TensorSpec, storage: int | None = None, strides: Strides = None) -> int:
        """A new value, in a storage of its own or in one that there is; returns its number."""
        if storage is None:
            storage = len(self.storage_bytes)
            self.storage_bytes.append(spec.nbytes)
        self.values.append(spec)
        self.strides.append(strides)
        self.storage.append(storage)
        return len(self.values) - 1

    def macs(self, phase: str) -> int:
        """Multiply-accumulates of one of `PHASES`."""
        return sum(
            node.op.macs([self.values[i] for i in node.inputs], [self.values[i] for i in node.outputs])
            for node in self.nodes
            if node.phase == phase
        )
