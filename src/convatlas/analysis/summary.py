"""What a network comes to: its totals, and sums by stage and by op, as plain data that the catalogue can keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..graph.words import conditions_in_words, sample_in_words, setting_in_words
from .cost import UNUSED, Cost, GroupCost, Measured, cost

if TYPE_CHECKING:
    from ..graph import Graph, TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalField:
    """What one position of the last feature map sees, in input pixels along (height, width)."""

    size: tuple[float, ...]
    stride: tuple[float, ...]
    sees_all: bool  # the whole image has an influence, beside the extent that ``size`` tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Measured):
    """One forward pass in short. All totals are for the whole batch; `Cost` says what each one means."""

    name: str
    inputs: tuple[TensorSpec, ...]
    batch_axis: bool  # whether axis 0 of the inputs counts samples
    training: bool
    params: int
    macs: int
    elementwise: int
    activation_bytes: int
    bytes_read: int
    bytes_written: int
    receptive_field: FinalField | None  # None where the network has no feature map
    stages: tuple[GroupCost, ...]
    ops: tuple[GroupCost, ...]
    uncounted: dict[str, int]
    way: str = "quick"  # how it was traced: "quick" or "exact"
    why: str = ""  # the reason why the exact way was taken

    @property
    def params_unused(self) -> int:
        """Those of ``params`` that no call of this pass uses: in evaluation, what only training runs (auxiliary heads)."""
        return sum(stage.params for stage in self.stages if stage.name == UNUSED)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the first input, batch axis included."""
        return self.inputs[0].shape

    @property
    def dtype(self) -> str:
        """Of the first input."""
        return self.inputs[0].dtype

    @property
    def batch(self) -> int | None:
        """Samples in the first input; None where it has no batch axis."""
        return self.input_shape[0] if self.batch_axis and self.input_shape else None

    @property
    def sample(self) -> str:
        """One sample of the inputs in words, as "3x224x224"."""
        return sample_in_words(self.inputs, self.batch_axis)

    @property
    def setting(self) -> str:
        """How the pass is done, but for the size of its input: "batch 1, float32, evaluation"."""
        return setting_in_words(self.inputs, self.batch_axis, self.training)

    @property
    def conditions(self) -> str:
        """What the figures hold for: "input 3x224x224, batch 1, float32, evaluation"."""
        return conditions_in_words(self.inputs, self.batch_axis, self.training)


def summarise(graph: Graph, counted: Cost | None = None) -> Summary:
    """The summary of a graph, by its cost if that is known already."""
    counted = counted or cost(graph)
    return Summary(
        name=graph.name,
        inputs=tuple(graph.specs(graph.inputs)),
        batch_axis=graph.batch_axis,
        training=graph.training,
        params=counted.params,
        macs=counted.macs,
        elementwise=counted.elementwise,
        activation_bytes=counted.activation_bytes,
        bytes_read=counted.bytes_read,
        bytes_written=counted.bytes_written,
        receptive_field=_final_field(graph),
        stages=tuple(counted.by_stage()),
        ops=tuple(counted.by_op()),
        uncounted=counted.uncounted,
        way=graph.way,
        why=graph.why,
    )


def _final_field(graph: Graph) -> FinalField | None:
    from .receptive_field import receptive_field  # reading the catalogue must not pay for it

    try:
        final = receptive_field(graph).final
    except ValueError:  # no image, or no map of it
        return None
    return FinalField(size=final.size, stride=final.stride, sees_all=final.sees_all)
