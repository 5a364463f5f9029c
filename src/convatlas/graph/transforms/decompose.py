"""Ops as the parts that torch runs them in: those that are composite anywhere, and those for which a device has no kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from ..graph import Graph, Node
from ..ops import (
    Activation,
    Attention,
    AvgPool,
    Binary,
    Cast,
    Copy,
    Dropout,
    Fill,
    Gru,
    LocalResponseNorm,
    Loss,
    Lstm,
    Matmul,
    Op,
    Pad,
    Permute,
    Reduce,
    RMSNorm,
    Rnn,
    Softmax,
    View,
)
from ..ops.base import Specs
from ..spec import TensorSpec
from ..strides import Strides, view_strides
from .recurrent import recurrent

# whether a device runs an op in parts, given its inputs, their strides, and whether each needs a gradient
Decomposes = Callable[[Op, Specs, Sequence[Strides], Sequence[bool]], bool]


def decomposed(graph: Graph, strides: list[Strides], decomposes: Decomposes) -> tuple[Graph, list[Strides], list[int]]:
    """The graph with ops in their parts, the strides of its values, and for each node the one that it is, or is a part of."""
    work = Decomposition(graph, strides)
    needs_grad = gradients_needed(graph)
    for place, node in enumerate(graph.nodes):
        work.begin(place, node)
        parts = PARTS.get(type(node.op))
        inputs = [graph.values[value] for value in node.inputs]
        if parts is None or not (
            is_composite(node.op)
            or decomposes(node.op, inputs, [strides[value] for value in node.inputs], [needs_grad[value] for value in node.inputs])
        ):
            work.keep()
        else:
            parts(work, node.op, *node.inputs)
    return work.finished()


def is_composite(op: Op) -> bool:
    """Whether torch has no kernel for it anywhere."""
    return isinstance(op, LocalResponseNorm) or (isinstance(op, Loss) and op.function == "cross_entropy")


def gradients_needed(graph: Graph) -> list[bool]:
    """For each value whether a gradient would flow to it."""
    needed = [False] * len(graph.values)
    for parameter in graph.parameters:
        needed[parameter.value] = parameter.trainable
    for node in graph.nodes:
        if node.op.differentiable and not node.no_grad and any(needed[value] for value in node.inputs):
            for value in node.outputs:
                needed[value] = graph.values[value].is_floating
    return needed


class Decomposition:
    """A graph while its ops are put down in their parts."""

    def __init__(self, graph: Graph, strides: list[Strides]) -> None:
        self.graph = graph
        self.values, self.strides = list(graph.values), list(strides)
        self.nodes: list[Node] = []
        self.origins: list[int] = []
        self.starts: list[int] = []  # position in the graph -> position among the parts
        self.released: dict[int, int] = {}  # of the tensors between the parts
        self.open: list[int] = []
        self.place, self.node = -1, Node(Fill(), (), ())

    def begin(self, place: int, node: Node) -> None:
        self._close()
        self.place, self.node = place, node
        self.starts.append(len(self.nodes))

    def _close(self) -> None:
        for value in self.open:
            self.released[value] = len(self.nodes)
        self.open.clear()

    def keep(self) -> None:
        self.nodes.append(self.node)
        self.origins.append(self.place)

    def add(self, op: Op, *inputs: int, last: bool = False) -> int:
        """A part; the ``last`` one makes what the whole op makes."""
        specs = [self.values[value] for value in inputs]
        result = op.output(*specs)
        assert isinstance(result, TensorSpec)
        lies = op.output_strides(specs, [self.strides[value] for value in inputs], [result])[0]
        if last:
            made = self.node.outputs[0]
            self.strides[made] = lies
        else:
            made = len(self.values)
            self.values.append(result)
            self.strides.append(lies)
            self.open.append(made)
        self.nodes.append(self.node._replace(op=op, inputs=inputs, outputs=(made,)))
        self.origins.append(self.place)
        return made

    def add_all(self, op: Op, *inputs: int) -> list[int]:
        """A part that makes several tensors."""
        specs = [self.values[value] for value in inputs]
        result = op.output(*specs)
        results = [result] if isinstance(result, TensorSpec) else list(result)
        lies = op.output_strides(specs, [self.strides[value] for value in inputs], results)
        made = list(range(len(self.values), len(self.values) + len(results)))
        self.values += results
        self.strides += lies
        self.open += made
        self.nodes.append(self.node._replace(op=op, inputs=inputs, outputs=tuple(made)))
        self.origins.append(self.place)
        return made

    def become(self, value: int, output: int) -> None:
        """What a part has made is that output of the whole op."""
        made = self.node.outputs[output]
        self.strides[made] = self.strides[value]
        self.open.remove(value)
        for place in range(self.starts[-1], len(self.nodes)):
            node = self.nodes[place]
            if value in node.inputs or value in node.outputs:
                inputs, outputs = (
                    tuple([made if each == value else each for each in some]) for some in (node.inputs, node.outputs)
                )
                self.nodes[place] = node._replace(inputs=inputs, outputs=outputs)

    def let_go_since(self, before: int, *kept: int) -> None:
        """The code of the op lets go of all that it has made since it held ``before`` tensors, but for what is kept."""
        for value in self.open[before:]:
            if value not in kept:
                self.released[value] = len(self.nodes)
        self.open[before:] = [value for value in self.open[before:] if value in kept]

    def let_go(self, value: int) -> None:
        """The code of the op lets go of a part's result here; of the others at its end."""
        if value in self.open:
            self.open.remove(value)
            self.released[value] = len(self.nodes)

    def shape(self, value: int) -> tuple[int, ...]:
        return self.values[value].shape

    def product(self, left: int, right: int, last: bool = False) -> int:
        """A product of stacks of matrices, each copied where it is no stack along one axis."""
        return self.add(Matmul(), self._stack(left), self._stack(right), last=last)

    def _stack(self, value: int) -> int:
        shape, lies = self.shape(value), self.strides[value]
        if lies is None or view_strides(shape, lies, (prod(shape[:-2]), *shape[-2:])) is not None:
            return value
        return self.add(Copy("contiguous"), value)

    def finished(self) -> tuple[Graph, list[Strides], list[int]]:
        self._close()
        if len(self.nodes) == len(self.graph.nodes):
            return self.graph, self.strides, self.origins
        self.starts.append(len(self.nodes))
        released = {}
        if self.graph.released:
            end = len(self.graph.nodes)
            released = {value: self.starts[min(place, end)] for value, place in self.graph.released.items()} | self.released
        return replace(self.graph, values=self.values, nodes=self.nodes, released=released), self.strides, self.origins


def _attention(work: Decomposition, op: Attention, query: int, key: int, value: int, mask: int | None = None) -> None:
    if op.grouped:
        heads = work.shape(query)[-3]
        key, value = (work.add(Copy("repeat", (*work.shape(x)[:-3], heads, *work.shape(x)[-2:])), x) for x in (key, value))
    dtype = work.values[query].dtype
    half = dtype in ("bfloat16", "float16")  # computed in float32
    if half:
        query, key, value = (work.add(Cast("float32"), x) for x in (query, key, value))
    rank = len(work.shape(key))
    turned = work.add(Permute((*range(rank - 2), rank - 1, rank - 2)), key)
    scaled, other = work.add(Activation("mul"), query), work.add(Activation("mul"), turned)
    scores = work.product(scaled, other)
    if mask is not None:
        scores = work.add(Binary("add", in_place=True), scores, mask)
    weights = work.add(Softmax(-1, safe=True), scores)
    work.let_go(scores)
    if op.dropout:
        kept = work.add(Fill(work.shape(weights), work.values[weights].dtype, "dropout mask"))
        weights = work.add(Binary("mul"), weights, kept)
    made = work.product(weights, value, last=not half)
    if half:
        work.add(Cast(dtype), made, last=True)


def _rms_norm(work: Decomposition, op: RMSNorm, x: int, weight: int | None = None) -> None:
    rank = len(work.shape(x))
    square = work.add(Activation("square"), x)
    mean = work.add(Reduce("mean", tuple(range(rank - op.axes, rank)), keep_axes=True), square)
    scale = work.add(Activation("rsqrt"), work.add(Activation("add", in_place=True), mean))
    work.let_go(square)
    packed = work.strides[x] is None
    result = work.add(Binary("mul"), x, scale, last=packed and weight is None)
    if weight is not None:
        result = work.add(Binary("mul"), result, weight, last=packed)
    if not packed:
        work.add(Copy("contiguous"), result, last=True)


def _local_response_norm(work: Decomposition, op: LocalResponseNorm, x: int) -> None:
    batch, channels, *size = work.shape(x)
    volume = (batch, 1, channels, size[0], prod(size[1:]))
    square = work.add(View(volume), work.add(Binary("mul"), x, x))
    padded = work.add(Pad((0, 0, 0, 0, op.size // 2, (op.size - 1) // 2)), square)
    for value in list(work.open)[:-1]:
        work.let_go(value)
    kernel = (op.size, 1, 1)
    mean = work.add(View((batch, channels, *size)), work.add(AvgPool(kernel, (1, 1, 1), (0, 0, 0), (1, 1, 1)), padded))
    scaled = work.add(Activation("mul"), mean)
    shifted = work.add(Activation("add"), scaled)
    work.let_go(scaled)
    work.add(Binary("div"), x, work.add(Activation("pow"), shifted), last=True)


def _cross_entropy(work: Decomposition, op: Loss, prediction: int, target: int, *weight: int) -> None:
    logarithms = work.add(Softmax(min(1, len(work.shape(prediction)) - 1), log=True), prediction)
    work.add(op.replace(function="nll_loss"), logarithms, target, *weight, last=True)


def _dropout(work: Decomposition, op: Dropout, x: int) -> None:
    shape = work.shape(x)
    drawn = shape[:2] + (1,) * (len(shape) - 2) if op.channels else shape
    mask = work.add(Fill(drawn, work.values[x].dtype, "dropout mask"))
    work.strides[mask] = None if op.channels else work.strides[x]
    work.add(Binary("mul", op.in_place), x, mask, last=True)


PARTS: dict[type[Op], Callable[..., None]] = {
    Attention: _attention,
    RMSNorm: _rms_norm,
    LocalResponseNorm: _local_response_norm,
    Loss: _cross_entropy,
    Dropout: _dropout,
    Rnn: recurrent,
    Gru: recurrent,
    Lstm: recurrent,
}
