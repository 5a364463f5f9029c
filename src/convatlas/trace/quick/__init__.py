"""The quick way to a graph: proxies and rules for functions and leaf modules. No kernel runs, nothing is allocated."""

from __future__ import annotations

from typing import Any

import torch

from ...graph import Graph, TensorSpec
from ...inputs import Inputs
from ..errors import ForwardError, Unsure
from ..network import Modules, is_scripted
from ..results import result_tensors
from ..state import SubmodulesChangedError, left_as_found
from .proxy import Proxy, add_tensor_methods, proxy_of
from .tracer import Tracer, tracing

__all__ = ["traced"]

add_tensor_methods()


def traced(modules: Modules, given: Inputs, training: bool) -> Graph:
    """The graph of one forward pass, with these inputs, in training or evaluation mode.

    Raises:
        ForwardError: what the forward pass raised, with the place.
        Unsure: something in it is not known here.

    """
    if any(map(is_scripted, set(modules.kinds))):
        raise Unsure("a scripted part")
    try:
        return _trace_once(modules, given, training)
    except SubmodulesChangedError:
        return _trace_once(modules, given, training, shown=False)


def _trace_once(modules: Modules, given: Inputs, training: bool, shown: bool = True) -> Graph:
    model = modules.root
    graph = Graph(name=type(model).__name__, training=training)
    names = {kind: kind.__name__ for kind in set(modules.kinds)}
    graph.modules = dict(zip(modules.paths, map(names.__getitem__, modules.kinds), strict=True))
    tracer = Tracer(graph, modules)
    with left_as_found(modules, training, tracer.calls, shown):
        tracer.number_all(modules)
        if modules.parameters.tensors and (device := modules.parameters.tensors[0].device).type != "meta":
            tracer.device = device

        def given_as(spec: TensorSpec, tensor: object) -> Proxy:
            return proxy_of(tracer, graph.add_input(spec), spec)

        arguments: Any = given.mapped(given_as)
        try:
            with torch.enable_grad(), tracing(tracer):
                leaves = result_tensors(model(*arguments.args, **arguments.kwargs))
        except Unsure:
            raise
        except Exception as error:
            path = tracer.failure[1] if tracer.failure and tracer.failure[0] is error else ""
            name = graph.modules.get(path, "")
            raise ForwardError(error, f"{path} ({name})" if path and name else path or name) from error
        graph.outputs = [tracer.number(leaf) for leaf in leaves]
    return graph
