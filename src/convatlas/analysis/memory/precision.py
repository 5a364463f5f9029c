"""The same network in other precisions: all in half, or by autocast's rules, as torch's documentation lists them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ...devices.device import Device
from ...graph import Graph, Node, TensorSpec
from ...graph.ops import Cast, Op

HALF = {"bf16": "bfloat16", "fp16": "float16"}
# what autocast runs in half precision; what in float32 is the device's; everything else takes its inputs as they come
_IN_HALF = frozenset({"conv", "conv_transpose", "linear", "matmul", "einsum", "attention"})
_NORMALISATIONS = frozenset({"layer_norm", "group_norm"})


def converted(graph: Graph, precision: str, device: Device, *, half_norms: Collection[str] = ()) -> Graph:
    """The graph as it runs in ``precision``: "fp32" as it is; "bf16", "fp16" wholly; "amp" with autocast's casts.

    A weight is cast once and its copy kept to the end of the forward pass, as autocast's cache does.

    Args:
        graph: the network.
        precision: one of "fp32", "bf16", "fp16", "amp".
        device: whose autocast it is; its dtype and lists differ.
        half_norms: modules that normalise in half precision under autocast, by code of their own (timm's fast norms).

    """
    if precision == "fp32":
        return graph
    half = device.autocast_dtype if precision == "amp" else HALF[precision]
    return _Conversion(graph, half, device, autocast=precision == "amp", half_norms=frozenset(half_norms)).run()


def _in_half(op: Op) -> bool:
    return op.kind in _IN_HALF or op.name == "prelu"


class _Conversion:
    def __init__(self, graph: Graph, half: str, device: Device, *, autocast: bool, half_norms: frozenset[str]) -> None:
        self.half_norms = half_norms
        self.source, self.half, self.device, self.autocast = graph, half, device, autocast
        self.result = Graph(graph.name, graph.training, modules=graph.modules)
        self.value: dict[int, int] = {}  # number in the source -> number in the result
        self.weights: dict[int, int] = {}  # parameter's value -> value of its half copy
        self.parameters = {parameter.value for parameter in graph.parameters}
        self.starts: list[int] = []  # position in the source -> position in the result

    def run(self) -> Graph:
        source, result = self.source, self.result
        made = {value for node in source.nodes for value in node.outputs}
        for number, spec in enumerate(source.values):
            if number not in made:
                change = not self.autocast and spec.dtype == "float32"
                self.value[number] = result.add_value(TensorSpec(spec.shape, self.half) if change else spec)
        result.inputs = [self.value[number] for number in source.inputs]
        result.constants = [self.value[number] for number in source.constants]
        result.parameters, result.buffers = [
            replace(old, values=[self.value[value] for value in old.values]) for old in (source.parameters, source.buffers)
        ]
        for node in source.nodes:
            self.starts.append(len(result.nodes))
            self._node(node)
        self.starts.append(len(result.nodes))
        result.outputs = [self.value[number] for number in source.outputs]
        for number, position in source.released.items():
            if number in made:
                result.released[self.value[number]] = self.starts[min(position, len(source.nodes))]
        return result

    def _node(self, node: Node) -> None:
        op, result = node.op, self.result
        inputs = [self.value[number] for number in node.inputs]
        in_half = _in_half(op) or (op.kind in _NORMALISATIONS and node.module in self.half_norms)
        if self.autocast and (in_half or self.device.in_float(op)):
            wanted = self.half if in_half else "float32"
            inputs = [self._cast(source, number, wanted, node) for source, number in zip(node.inputs, inputs, strict=True)]
        if not self.autocast and self._makes_floats(op, inputs):
            op = op.replace(dtype=self.half)
        specs = op.output(*[result.values[number] for number in inputs])
        outputs = tuple(result.add_value(spec) for spec in ([specs] if isinstance(specs, TensorSpec) else specs))
        for before, after in zip(node.outputs, outputs, strict=True):
            self.value[before] = after
        result.nodes.append(Node(op, tuple(inputs), outputs, node.module, node.no_grad, node.region))
        for number in inputs:
            if result.released.get(number) == -1:  # a cast for this call only
                result.released[number] = len(result.nodes)

    def _makes_floats(self, op: Op, inputs: Sequence[int]) -> bool:
        """Whether it makes float32 of integers or nothing, as for a table of positions; a view makes nothing.

        Code casts such a table to the network's dtype before it adds it, which in float32 leaves no trace.
        """
        made = getattr(op, "dtype", None) == "float32" and not op.is_view
        return made and self.half not in {self.result.values[number].dtype for number in inputs}

    def _cast(self, source: int, number: int, dtype: str, node: Node) -> int:
        spec = self.result.values[number]
        if spec.dtype == dtype or spec.dtype not in ("float32", self.half):
            return number
        if source in self.parameters and source in self.weights:
            return self.weights[source]
        cast = self.result.add_value(TensorSpec(spec.shape, dtype))
        self.result.nodes.append(Node(Cast(dtype), (number,), (cast,), node.module, node.no_grad, node.region))
        if source in self.parameters:
            self.weights[source] = cast
        else:
            self.result.released[cast] = -1
        return cast
