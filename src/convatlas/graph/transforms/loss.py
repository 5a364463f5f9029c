"""The loss that a training step is counted with."""

from __future__ import annotations

from dataclasses import replace

from ...errors import ConvatlasError
from ..graph import Graph
from ..ops import Binary, Loss, Reduce
from ..spec import TensorSpec

LOSS = "loss"  # the module that its calls belong to


def with_loss(graph: Graph) -> Graph:
    """The graph with a loss on its outputs: cross-entropy for logits (N, classes), the mean of anything else; summed.

    Raises:
        ConvatlasError: no output is of floating-point numbers.

    """
    result = replace(graph, values=list(graph.values), nodes=list(graph.nodes), inputs=list(graph.inputs))
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
