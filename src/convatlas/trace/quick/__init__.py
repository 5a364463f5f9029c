"""The quick way to a graph: proxies, and rules for functions and leaf modules. No kernel runs, nothing is allocated.

It knows only what it has rules for. Whatever else it meets, it says so (`Unsure`), and the trace begins anew in the exact way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ...errors import ConvatlasError
from ...graph import Graph, TensorSpec
from ...inputs import Inputs
from ..errors import ForwardError, Unsure
from ..network import Modules, is_scripted
from ..results import result_tensors
from ..state import left_as_found
from .dispatch import calls_of, tracing
from .proxy import Proxy, add_tensor_methods, proxy_of
from .tracer import Tracer

__all__ = ["traced"]

_HERE = str(Path(__file__).parent)

add_tensor_methods()


def traced(modules: Modules, given: Inputs, training: bool) -> Graph:
    """The graph of one forward pass, with these inputs, in training or evaluation mode.

    Raises:
        ForwardError: the inputs do not fit the network, and where.
        Unsure: something in it is not known here.
    """
    if any(map(is_scripted, set(modules.kinds))):
        raise Unsure("a scripted part")
    graph = Graph(name=type(modules.root).__name__, training=training)
    names = {kind: kind.__name__ for kind in set(modules.kinds)}
    graph.modules = dict(zip(modules.paths, map(names.__getitem__, modules.kinds), strict=True))
    tracer = Tracer(graph, modules)

    def given_as(spec: TensorSpec, tensor: object) -> Proxy:
        if "complex" in spec.dtype:
            raise tracer.unsure("a complex input")
        if isinstance(tensor, torch.Tensor) and tensor.layout != torch.strided:
            raise tracer.unsure("a sparse input")
        return proxy_of(tracer, graph.add_input(spec), spec)

    try:
        with left_as_found(modules, training, calls_of(tracer)):
            tracer.note_trainable()
            arguments: Any = given.mapped(given_as)
            with tracing(tracer):
                result = modules.root(*arguments.args, **arguments.kwargs)
                graph.outputs = list(map(tracer.number, result_tensors(result)))
    except Unsure:
        raise
    except Exception as error:
        if not tracer.why and _is_of_a_rule(error):
            raise ForwardError(error, tracer.place_of(error)) from error
        # else it is torch's own or the caller's, and what it is about may be a proxy
        tracer.unsure(f"forward raised {type(error).__name__}: {str(error).partition(chr(10))[0]}")
    if not tracer.entered:
        tracer.unsure("nn.Module.__call__ is replaced")
    if tracer.why:
        raise Unsure(tracer.why)
    return graph


def _is_of_a_rule(error: Exception) -> bool:
    """Whether a rule refused what it was given, as torch would have."""
    if not isinstance(error, IndexError):
        return isinstance(error, ConvatlasError)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_code.co_filename.startswith(_HERE)
