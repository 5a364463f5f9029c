"""What a network costs: parameters, MACs, FLOPs, activations and memory traffic, by op, by module, by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from operator import attrgetter
from typing import TYPE_CHECKING

from ..devices.cpu import Cpu
from ..frames import frame
from ..graph.spec import bytes_of
from ..graph.training import BACKWARD, RECOMPUTE
from ..graph.transforms import with_loss
from ..html_table import html_table
from ..names import unknown_name
from .on_device import step_on
from .stages import Stages

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..graph import Graph

CONVENTION = "1 MAC = a multiply and its add, bias additions left out; FLOPs = 2 x MACs + element-wise operations"
UNUSED = "unused"
_SHAPE = attrgetter("shape")


class Measured:
    """What follows from the measures that every record of costs has."""

    __slots__ = ()
    macs: int
    elementwise: int
    bytes_read: int
    bytes_written: int

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 x MACs plus the element-wise operations."""
        return 2 * self.macs + self.elementwise

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written."""
        return self.bytes_read + self.bytes_written

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: FLOPs for each byte moved."""
        moved = self.bytes_read + self.bytes_written
        return self.flops / moved if moved else 0.0


@dataclass(slots=True)
class LayerCost(Measured):
    """One call of one op in a forward pass, for the batch that the graph was traced with.

    Attributes:
        name: dotted path of the module that makes the call.
        op: what is called (conv2d, batch_norm, relu, ...).
        input_shape, output_shape: of the first input and output.
        dtype: of the output.
        params: parameters that this call is the first to use, in elements.
        macs: multiply-accumulates of matrix products and convolutions.
        elementwise: element-wise operations (bias, activation, normalisation, pooling, arithmetic).
        activation_bytes: new memory that the outputs take; 0 for views and in-place ops.
        bytes_read, bytes_written: memory traffic of an unfused kernel: every input once, every output once.
        counted: whether a rule knows this op; if not, its MACs and element-wise operations are unknown, not zero.
        place: among the graph's nodes; None for parameters that no call uses.

    """

    name: str
    op: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    dtype: str
    params: int
    macs: int
    elementwise: int
    activation_bytes: int
    bytes_read: int
    bytes_written: int
    counted: bool
    place: int | None  # among the graph's nodes
    stages: Stages = field(repr=False, compare=False)

    @property
    def stage(self) -> str:
        """What part of the network it is of: "56x56" by the size of its map, or "head" (see `stages`); "unused" if of none."""
        return UNUSED if self.place is None else self.stages.names[self.place]


@dataclass(slots=True)
class GroupCost(Measured):
    """Sums over some calls: of one op, one module or one stage."""

    name: str
    calls: int
    params: int
    macs: int
    elementwise: int
    activation_bytes: int
    bytes_read: int
    bytes_written: int
    output_shape: tuple[int, ...]  # of the last call


@dataclass
class Cost:
    """The cost of one forward pass. All totals are for the whole batch.

    Attributes:
        params: every parameter of the network, used or not, shared ones once (as torch counts them).
        macs: multiply-accumulates. Nearly every published "FLOPs" of a CNN is this.
    """

    graph: Graph
    params: int
    macs: int

    @cached_property
    def layers(self) -> list[LayerCost]:
        """A record for each call, in order of execution; parameters that no call uses come last, as "unused"."""
        return _layers(self.graph)

    @property
    def elementwise(self) -> int:
        """Element-wise operations."""
        return sum(layer.elementwise for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Bytes of the outputs of all calls; views and in-place ops add nothing."""
        return sum(layer.activation_bytes for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 x MACs plus the element-wise operations."""
        return 2 * self.macs + self.elementwise

    @property
    def bytes_read(self) -> int:
        """Bytes that unfused kernels read."""
        return sum(layer.bytes_read for layer in self.layers)

    @property
    def bytes_written(self) -> int:
        """Bytes that unfused kernels write."""
        return sum(layer.bytes_written for layer in self.layers)

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written."""
        return self.bytes_read + self.bytes_written

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: FLOPs for each byte moved."""
        return self.flops / self.bytes_moved if self.bytes_moved else 0.0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the first input, batch axis included."""
        return self.graph.values[self.graph.inputs[0]].shape

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters in the dtype that they were traced in."""
        return sum(self.graph.values[number].nbytes for number in self.graph.parameters.values)

    @cached_property
    def backward_macs(self) -> int:
        """Multiply-accumulates of the backward pass from all outputs to all trainable parameters (not to the input).

        They are those of the calls that a CPU runs; what checkpoints compute again is among them. Where a step was recorded they
        are that one's.
        """
        step = self.graph.step or step_on(with_loss(self.graph), Cpu(threads=1))
        return step.macs(BACKWARD) + step.macs(RECOMPUTE)

    @property
    def uncounted(self) -> dict[str, int]:
        """Ops that no rule knows, with how often each is called. Their cost is missing from the totals."""
        return dict(Counter(layer.op for layer in self.layers if not layer.counted))

    def by_op(self) -> list[GroupCost]:
        """Sums for each kind of op, the most MACs first."""
        groups = _grouped(self.layers, lambda layer: layer.op)
        return sorted(groups, key=lambda group: (group.macs, group.elementwise, group.params), reverse=True)

    def by_stage(self) -> list[GroupCost]:
        """Sums for each stage (see `stages`), in order of first appearance."""
        return _grouped(self.layers, lambda layer: layer.stage)

    def by_module(self, depth: int | None = None) -> list[GroupCost]:
        """Sums for each module in order of execution, its children included; ``depth`` 1 is the network's children."""
        if depth is None:
            return _grouped(self.layers, lambda layer: layer.name)
        return _grouped(self.layers, lambda layer: ".".join(layer.name.split(".")[:depth]))

    def to_frame(self, by: str = "layer", depth: int | None = None) -> DataFrame:
        """The cost as a pandas frame, one row a call, or a sum by stage, op or module; shapes are tuples, sizes bytes.

        Args:
            by: "layer", "stage", "op" or "module".
            depth: of the modules, 1 for the network's children.

        Raises:
            ConvatlasError: pandas is not installed, or there is no such view.

        """
        views: dict[str, Callable[[], Sequence[LayerCost | GroupCost]]] = {
            "layer": lambda: self.layers,
            "stage": self.by_stage,
            "op": self.by_op,
            "module": lambda: self.by_module(depth),
        }
        if by not in views:
            raise unknown_name("view", by, views, f"there are {', '.join(views)}")
        columns = _LAYER_COLUMNS if by == "layer" else _GROUP_COLUMNS
        rows = [{key: getattr(record, key) for key in columns} for record in views[by]()]
        return frame(rows, columns, f"{self.graph.name}: {self.graph.conditions}. {CONVENTION}.")

    def __iter__(self) -> Iterator[LayerCost]:
        return iter(self.layers)

    def _repr_html_(self) -> str:
        """A table of the stages, for notebooks."""
        rows = [
            (g.name, g.calls, "x".join(map(str, g.output_shape[1:])), g.params, g.macs, g.flops, g.activation_bytes, g.bytes_moved)
            for g in self.by_stage()
        ]
        total = ("total", len(self.layers), "", self.params, self.macs, self.flops, self.activation_bytes, self.bytes_moved)
        missing = f" Not counted: {', '.join(self.uncounted)}." if self.uncounted else ""
        heads = ("stage", "calls", "output", "parameters", "MACs", "FLOPs", "activations (B)", "moved (B)")
        return html_table(f"{self.graph.name}: {self.graph.conditions}. {CONVENTION}.{missing}", heads, rows, total)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.input_shape))
        missing = f", {len(self.uncounted)} ops uncounted" if self.uncounted else ""
        return f"<Cost of {self.graph.name} at {shape}: {self.params:,} params, {self.macs:,} MACs{missing}>"


_MEASURES = ("params", "macs", "flops", "elementwise", "activation_bytes", "bytes_read", "bytes_written")
_LAYER_COLUMNS = ("name", "op", "stage", "input_shape", "output_shape", "dtype", *_MEASURES, "counted")
_GROUP_COLUMNS = ("name", "calls", "output_shape", *_MEASURES)


def _grouped(layers: Iterable[LayerCost], key: Callable[[LayerCost], str]) -> list[GroupCost]:
    groups: dict[str, GroupCost] = {}
    for layer in layers:
        name = key(layer)
        group = groups.get(name)
        if group is None:
            group = groups[name] = GroupCost(name, 0, 0, 0, 0, 0, 0, 0, ())
        group.calls += layer.op != UNUSED
        group.params += layer.params
        group.macs += layer.macs
        group.elementwise += layer.elementwise
        group.activation_bytes += layer.activation_bytes
        group.bytes_read += layer.bytes_read
        group.bytes_written += layer.bytes_written
        group.output_shape = layer.output_shape
    return list(groups.values())


def cost(graph: Graph) -> Cost:
    """Count one forward pass, every op by its own rule. The records of its layers are made when they are asked for."""
    spec = graph.values.__getitem__
    params = sum(map(prod, map(_SHAPE, map(spec, graph.parameters.values))))
    macs = 0
    for node in graph.nodes:
        op = node.op
        if op.multiplies:
            macs += op.macs(list(map(spec, node.inputs)), list(map(spec, node.outputs)))
    return Cost(graph, params, macs)


def _layers(graph: Graph) -> list[LayerCost]:
    values, spec = graph.values, graph.values.__getitem__
    unseen = {number: prod(values[number].shape) for number in graph.parameters.values}
    layers: list[LayerCost] = []
    stages = Stages(graph)
    for place, node in enumerate(graph.nodes):
        op = node.op
        inputs, outputs = list(map(spec, node.inputs)), list(map(spec, node.outputs))
        input_shape = inputs[0].shape if inputs else ()
        output_shape, dtype = outputs[0]
        params = sum([unseen.pop(i) for i in node.inputs if i in unseen])
        macs = op.macs(inputs, outputs) if op.multiplies else 0
        elementwise = op.elementwise(inputs, outputs)
        activation_bytes = 0 if op.is_view else bytes_of(outputs)
        read, written = op.bytes_read(inputs, outputs), op.bytes_written(inputs, outputs)
        layers.append(
            # in the order of the fields: names would cost a tenth of all
            LayerCost(node.module, op.name, input_shape, output_shape, dtype, params, macs, elementwise, activation_bytes,
                      read, written, op.counted, place, stages)
        )  # fmt: skip
    for parameter in graph.parameters:
        if parameter.value in unseen:
            shape, dtype = values[parameter.value]
            params = unseen[parameter.value]
            layers.append(LayerCost(parameter.name, UNUSED, shape, shape, dtype, params, 0, 0, 0, 0, 0, True, None, stages))
    return layers
