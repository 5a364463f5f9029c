"""What a step does with memory, before any byte is counted: storages, who needs a gradient, what autograd keeps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

from ...errors import ConvatlasError
from ...graph import Graph, Node, TensorSpec
from ...graph.layout import channels_last as in_channels_last
from ...graph.layout import laid_out
from ...graph.ops import Binary, Kept, Loss, Reduce
from ...graph.ops.base import NOTHING
from .layouts import PACKED, layout_of
from .parts import MAYBE_IN_PARTS, comes_in_parts, kept_by_parts

LOSS = "loss"


class Step(NamedTuple):
    """One node with all that the simulation asks of it."""

    node: Node
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    needs: list[bool]  # which inputs need a gradient
    kept: Kept
    differentiable: bool
    is_view: bool
    layout: int  # of the first input: PACKED, CHANNELS_LAST, SPARSE or PART
    second_layout: int  # of the second input, as a convolution's weight
    in_parts: bool  # made of simpler ops, for want of a kernel that fits


@dataclass(slots=True)
class Plan:
    """A graph prepared for simulation.

    Attributes:
        steps: the nodes in order of execution, the loss included.
        storage: value -> storage; views and in-place outputs share their input's.
        size: storage -> bytes.
        needs_grad: value -> whether a gradient flows to it.
        saved: storage -> how many kept references the forward pass makes to it.
        dying: position -> values that Python lets go of after that many nodes.
        persistent: storages that live through the step (parameters, buffers, inputs, constants).

    """

    graph: Graph
    steps: list[Step]
    storage: list[int]
    size: list[int]
    needs_grad: list[bool]
    saved: list[int]
    dying: list[list[int]]
    persistent: set[int]


def with_loss(graph: Graph) -> Graph:
    """The graph with a loss on its outputs: cross-entropy for logits (N, classes), the mean of anything else; summed."""
    result = Graph(
        graph.name, graph.training, list(graph.values), list(graph.nodes), list(graph.inputs), [], graph.parameters,
        graph.buffers, list(graph.constants), graph.modules, dict(graph.released), graph.batch_axis,
    )  # fmt: skip
    total: int | None = None
    for output in graph.outputs:
        spec = graph.values[output]
        if not spec.is_floating:
            continue
        if len(spec.shape) == 2:
            target = result.add_input(TensorSpec(spec.shape[:1], "int64"))
            term = result.add_node(Loss("cross_entropy"), output, target, module=LOSS)
        else:
            term = result.add_node(Reduce("mean", tuple(range(len(spec.shape)))), output, module=LOSS)
        total = term if total is None else result.add_node(Binary("add"), total, term, module=LOSS)
    if total is None:
        raise ConvatlasError(f"{graph.name} has no floating-point output, so nothing to train on")
    result.outputs = [*graph.outputs, total]
    return result


def plan(graph: Graph, channels_last: bool = False, *, inference: bool = False, device: str = "cpu") -> Plan:
    """Prepare a graph.

    Args:
        graph: the network, its loss included if it is trained.
        channels_last: images come, and weights lie, in that memory format.
        inference: nothing takes a gradient.
        device: what kernels keep for backward differs: CUDA's dropout keeps its mask as bool, the CPU's in the input's dtype.

    """
    graph, strides = laid_out(graph, in_channels_last(graph) if channels_last else {})
    values, nodes = graph.values, graph.nodes
    count = len(values)
    storage = [-1] * count
    size: list[int] = []

    def fresh(value: int) -> int:
        storage[value] = len(size)
        size.append(values[value].nbytes)
        return storage[value]

    needs_grad = [False] * count
    persistent = set()
    for parameter in graph.parameters:
        persistent.add(fresh(parameter.value))
        needs_grad[parameter.value] = parameter.trainable and not inference
    for value in [*(buffer.value for buffer in graph.buffers), *graph.inputs, *graph.constants]:
        persistent.add(fresh(value))
    steps: list[Step] = []
    references: list[int] = []
    for node in nodes:
        op = node.op
        inputs = [values[i] for i in node.inputs]
        outputs = [values[i] for i in node.outputs]
        is_view = op.is_view
        if is_view and node.inputs:
            shared = storage[node.inputs[0]]
            for value in node.outputs:
                storage[value] = shared
        else:
            for value in node.outputs:
                fresh(value)
        needs = [needs_grad[i] for i in node.inputs]
        differentiable = op.differentiable and not node.no_grad and True in needs
        kept = NOTHING
        lying = [strides[i] for i in node.inputs]
        in_parts = device == "cpu" and op.kind in MAYBE_IN_PARTS and comes_in_parts(op, inputs, needs, lying)
        if differentiable:
            for value, spec in zip(node.outputs, outputs, strict=True):
                needs_grad[value] = spec.is_floating
            kept = op.kept(inputs, outputs, needs)
            if device == "cuda" and op.kind == "dropout" and kept.extra and kept.extra[0].shape == inputs[0].shape:
                kept = Kept(extra=(TensorSpec(inputs[0].shape, "bool"),))
            if in_parts:
                kept = kept_by_parts(op, inputs, lying, kept)
            references.extend(storage[node.inputs[i]] for i in kept.inputs)
            references.extend(storage[node.outputs[i]] for i in kept.outputs)
        before = lying[0] if lying else None
        layout = layout_of(inputs[0].shape, before) if before else PACKED
        second = layout_of(inputs[1].shape, lying[1]) if len(lying) > 1 and lying[1] else PACKED
        steps.append(Step(node, inputs, outputs, needs, kept, differentiable, is_view, layout, second, in_parts))
    saved = [0] * len(size)
    for reference in references:
        saved[reference] += 1
    return Plan(graph, steps, storage, size, needs_grad, saved, _dying(graph), persistent)


def trained(plan: Plan) -> list[int]:
    """The parameters that a gradient reaches: an optimizer keeps nothing for the others."""
    reached = set(plan.graph.outputs[-1:])
    for step in reversed(plan.steps):
        if step.differentiable and not reached.isdisjoint(step.node.outputs):
            reached.update(compress(step.node.inputs, step.needs))
    return [parameter.value for parameter in plan.graph.parameters if parameter.trainable and parameter.value in reached]


def _dying(graph: Graph) -> list[list[int]]:
    """For each count of nodes run, the values that the code has let go of; untold ones at their last use."""
    end = len(graph.nodes)
    dying: list[list[int]] = [[] for _ in range(end + 1)]
    if graph.released:
        held = set(graph.outputs)
        for node in graph.nodes:
            for value in node.outputs:
                position = graph.released.get(value, end)
                if value not in held:
                    dying[min(position, end)].append(value)
        return dying
    last = {value: position for position, node in enumerate(graph.nodes) for value in (*node.outputs, *node.inputs)}
    for node in graph.nodes:
        for value in node.outputs:
            if value not in graph.outputs:
                dying[last[value] + 1].append(value)
    return dying
