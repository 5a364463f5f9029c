"""The backward pass, as autograd's engine runs it: from the last call of the forward pass to the first, by each op's own gradients."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph, Node
from ..ops import Binary, Copy, Fill, Kept
from ..ops.base import NOTHING
from ..strides import Strides, is_dense, same_layout
from ..training import BACKWARD, FORWARD, LOSS, RECOMPUTE, TrainingGraph
from .call import BackwardCall, Saved
from .decompose import gradients_needed
from .loss import LOSS as LOSS_MODULE
from .writer import Writer


def training_step(
    graph: Graph,
    strides: Sequence[Strides],
    origins: Sequence[int] | None = None,
    *,
    accumulating: bool = False,
    backward: bool = True,
) -> TrainingGraph:
    """A training step: the forward pass, and the backward pass of the last output, which is the loss.

    Args:
        graph: the network with its loss (`with_loss`), in the parts that the device runs (`decomposed`).
        strides: how each of its values lies (`laid_out`).
        origins: for each node its number in the step; None: its position.
        accumulating: gradients of earlier batches are there, and these are added to them.
        backward: False for the forward pass alone, under ``torch.no_grad``.

    """
    step = _Step(graph, strides, origins or range(len(graph.nodes)), accumulating, backward)
    step.forward()
    if backward:
        step.backward()
    return step.result


class _Step(Writer):
    def __init__(
        self, graph: Graph, strides: Sequence[Strides], origins: Sequence[int], accumulating: bool, training: bool
    ) -> None:
        super().__init__(graph, strides)
        self.graph, self.origins, self.accumulating = graph, origins, accumulating
        self.needed = gradients_needed(graph) if training else [False] * len(graph.values)
        self.now = list(range(len(graph.values)))  # value of the graph -> the one that stands for it, anew after a recomputation
        self.saved: dict[int, Saved] = {}  # position -> what is kept of it
        self.gradients: dict[int, int] = {}  # value of the graph -> its gradient as far as it is summed up
        self.parameters = set(graph.parameters.values)
        self.dying = _dying(graph)
        self.regions: dict[int, list[int]] = {}
        for position, node in enumerate(graph.nodes):
            if node.region:
                self.regions.setdefault(node.region, []).append(position)
        self.waiting = set(self.regions)  # that are still to be computed again
        self.first_use = self._first_uses() if training else {}

    def _first_uses(self) -> dict[int, int]:
        """For each parameter that the loss depends on, the first node that reads it: the last one that its gradient comes from."""
        reached, found = {self.graph.outputs[-1]}, {}
        for position in range(len(self.graph.nodes) - 1, -1, -1):
            node = self.graph.nodes[position]
            if reached.isdisjoint(node.outputs) or not self._differentiable(node):
                continue
            for value in node.inputs:
                if self.needed[value]:
                    reached.add(value)
                    if value in self.parameters:
                        found[value] = position
        return found

    # forward

    def forward(self) -> None:
        """Run every node once; a checkpointed region keeps its inputs only."""
        for position, node in enumerate(self.graph.nodes):
            self.phase = LOSS if node.module == LOSS_MODULE else FORWARD
            if node.region and position == self.regions[node.region][0]:
                for value in self._inputs_of(node.region):
                    self.hold(self.now[value])
                    self.result.saved.add(self.result.storage[self.now[value]])
            self._forward(position, node, keeping=not node.region)
            for value in self.dying[position + 1]:
                self.drop(self.now[value])

    def _inputs_of(self, region: int) -> list[int]:
        """Values that a region reads and does not make."""
        nodes = [self.graph.nodes[position] for position in self.regions[region]]
        made = {value for node in nodes for value in node.outputs}
        resident, storage = self.result.resident, self.result.storage
        return sorted(value for value in {v for node in nodes for v in node.inputs} - made if storage[value] not in resident)

    def _forward(self, position: int, node: Node, keeping: bool) -> None:
        """Run a node: its code holds what it makes, autograd what it keeps."""
        result, op = self.result, node.op
        inputs = tuple([self.now[value] for value in node.inputs])
        outputs = tuple([self.now[value] for value in node.outputs])
        if op.is_view and inputs:
            for value in outputs:
                result.storage[value] = result.storage[inputs[0]]
        else:
            for value in outputs:
                self.place(value)
        keeps = keeping and self._differentiable(node)
        kept = self._kept(node) if keeps else NOTHING
        extra = tuple([self.new(spec, None) for spec in kept.extra])
        self.origin, self.module = self.origins[position], node.module
        self.run(op, inputs, outputs + extra)
        for value in outputs:
            self.hold(value)
        if keeps:
            self._keep(position, kept, inputs, outputs, extra)

    def _keep(self, position: int, kept: Kept, inputs: tuple[int, ...], outputs: tuple[int, ...], extra: tuple[int, ...]) -> None:
        """Autograd takes hold of what a node's gradients read."""
        held = [inputs[i] for i in kept.inputs] + [outputs[i] for i in kept.outputs] + list(extra)
        for value in held:
            self.hold(value)
            self.result.saved.add(self.result.storage[value])
        self.saved[position] = Saved(inputs, outputs, extra, held)

    def _kept(self, node: Node) -> Kept:
        values = self.graph.values
        specs = [values[value] for value in node.inputs], [values[value] for value in node.outputs]
        return node.op.kept(*specs, [self.needed[value] for value in node.inputs])

    def _differentiable(self, node: Node) -> bool:
        """Whether autograd has a node for it: a gradient may come to what it makes."""
        return any(self.needed[value] for value in node.outputs)

    def _compute_again(self, region: int) -> None:
        """Run a checkpointed region forward once more, and keep what is kept; it stops as soon as all of that is there.

        A call's inputs are kept before it runs: the last one that keeps nothing else does not run again.
        """
        self.waiting.discard(region)
        nodes, result = self.graph.nodes, self.result
        positions, phase = self.regions[region], self.phase
        keeping = [position for position in positions if self._keeps(nodes[position])]
        held: set[int] = set()
        self.phase = RECOMPUTE
        for position in positions[: positions.index(keeping[-1]) + 1] if keeping else []:
            node = nodes[position]
            kept = self._kept(node)
            if position == keeping[-1] and not (kept.outputs or kept.extra):
                inputs, outputs = (tuple([self.now[value] for value in values]) for values in (node.inputs, node.outputs))
                self._keep(position, kept, inputs, outputs, ())
                break
            for value in node.outputs:
                before = self.now[value]
                self.now[value] = self.new(result.values[before], result.strides[before], before)  # placed when it runs
            self._forward(position, node, keeping=True)
            held.update(node.outputs)
            for value in self.dying[position + 1]:
                if value in held:
                    held.discard(value)
                    self.drop(self.now[value])
        for value in held:
            self.drop(self.now[value])
        self.phase = phase

    def _keeps(self, node: Node) -> bool:
        return self._differentiable(node) and self._kept(node) != NOTHING

    # backward

    def backward(self) -> None:
        """Run every node that leads to the loss, from the last to the first."""
        self.phase = BACKWARD
        loss = self.graph.outputs[-1]
        self.gradients[loss] = self.new(self.graph.values[loss], None)
        seed = self.gradients[loss]
        self.hold(seed)
        self.hold(seed)  # whoever called backward has it to the end
        self.origin, self.module = -1, LOSS_MODULE
        self.run(Fill((), self.graph.values[loss].dtype, "ones"), (), (seed,))
        for position in reversed(range(len(self.graph.nodes))):
            node = self.graph.nodes[position]
            self._backward(position, node)
            if node.region and position == self.regions[node.region][0]:
                for value in self._inputs_of(node.region):
                    self.drop(self.now[value])
        self.drop(seed)
        self.result.gradients = {value: self.gradients[value] for value in self.graph.parameters.values if value in self.gradients}

    def _backward(self, position: int, node: Node) -> None:
        """Run one node backward, if a gradient has reached it."""
        if not self._differentiable(node):
            return
        grads = [self.gradients.pop(value, None) for value in node.outputs]
        reached = any(grad is not None for grad in grads)
        if node.region in self.waiting:
            if not reached and not self._keeps(node):
                return
            self._compute_again(node.region)
        saved = self.saved.pop(position, None)
        if saved is None:  # not computed again, since it keeps nothing
            inputs, outputs = (tuple([self.now[value] for value in values]) for values in (node.inputs, node.outputs))
            saved = Saved(inputs, outputs, (), [])
        made: list[int | None] = []
        if reached:
            self.origin, self.module = self.origins[position], node.module
            made = BackwardCall(self, node, saved, [self.needed[value] for value in node.inputs]).run(grads)
        else:
            for value in saved.held:
                self.drop(value)
        for value, grad in zip(node.inputs, made, strict=False):
            if grad is not None:
                self._accumulate(position, value, grad)

    def _accumulate(self, position: int, value: int, grad: int) -> None:
        """Add to the gradient that is waiting for a value, in place where nothing else holds it; ``grad`` is held already."""
        waiting = self.gradients.pop(value, None)
        if waiting is None and value in self.parameters and self.accumulating:
            waiting = self.new(self.result.values[value], self.result.strides[value])  # what earlier batches have left
            self.result.resident.add(self.result.storage[waiting])
            self.hold(waiting)
        if waiting is not None:
            grad = self._sum(waiting, grad)
        if position == self.first_use.get(value) and not self._fit_to_stay(value, grad):
            grad = self._copied(value, grad)
        self.gradients[value] = grad

    def _sum(self, waiting: int, grad: int) -> int:
        result = self.result
        spec, lies = result.values[waiting], result.strides[waiting]
        alone = self.holders[waiting] == 1 and self.users[result.storage[waiting]] == 1 and waiting not in self.views
        in_place = alone and is_dense(spec.shape, lies)
        add = Binary("add", in_place)
        strides = add.output_strides([spec, result.values[grad]], [lies, result.strides[grad]], [spec])[0]
        total = self.new(spec, strides, waiting if in_place else None)
        self.run(add, (waiting, grad), (total,))
        self.hold(total)
        self.drop(waiting)
        self.drop(grad)
        return total

    def _copied(self, parameter: int, grad: int) -> int:
        """A gradient copied to lie as its parameter does."""
        result = self.result
        lies = result.strides[parameter] if is_dense(result.values[parameter].shape, result.strides[parameter]) else None
        copy = self.new(result.values[grad], lies)
        self.run(Copy("clone"), (grad,), (copy,))
        self.hold(copy)
        self.drop(grad)
        return copy

    def _fit_to_stay(self, parameter: int, grad: int) -> bool:
        """Whether a gradient becomes the parameter's as it is: nothing else has it, and it lies as the parameter does."""
        shape = self.result.values[parameter].shape
        own, lies = self.result.strides[parameter], self.result.strides[grad]
        wanted = own if own is not None and is_dense(shape, own) else None
        alike = lies == wanted or (lies is not None and wanted is not None and same_layout(shape, lies, wanted))
        return alike and self.holders[grad] == 1


def _dying(graph: Graph) -> list[list[int]]:
    """For each count of nodes run, the values that the code has let go of; untold ones at their last use."""
    end = len(graph.nodes)
    dying: list[list[int]] = [[] for _ in range(end + 1)]
    held = set(graph.outputs)
    if graph.released:
        for node in graph.nodes:
            for value in node.outputs:
                if value not in held:
                    dying[min(graph.released.get(value, end), end)].append(value)
        return dying
    last = {value: position for position, node in enumerate(graph.nodes) for value in (*node.outputs, *node.inputs)}
    for node in graph.nodes:
        for value in node.outputs:
            if value not in held:
                dying[last[value] + 1].append(value)
    return dying
