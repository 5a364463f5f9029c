"""The exact way from a module to a Graph: its forward, unchanged, through torch's own dispatcher, on fake tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from ...graph import Graph, TensorSpec
from ...inputs import Inputs
from ..errors import ForwardError
from ..network import TORCH_DTYPES, Modules
from ..results import result_tensors
from .clones import remove_unread_clones
from .names import Family, Name
from .network import Fakes, number_all, with_fakes
from .paths import Paths, followed
from .recorder import Recorder
from .values import Values

__all__ = ["traced"]


def traced(modules: Modules, given: Inputs, training: bool) -> Graph:
    """The graph of one forward pass.

    Raises:
        ForwardError: what the forward pass raised, and where.

    """
    root = modules.root
    graph = Graph(name=type(root).__name__, training=training)
    graph.modules = {path: kind.__name__ for path, kind in zip(modules.paths, modules.kinds, strict=True)}
    device = next((tensor.device for tensor in modules.parameters.tensors if not tensor.is_meta), torch.device("cpu"))
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    values = Values(mode)
    recorder = Recorder(graph, values)
    fakes = Fakes(mode, recorder.names, values, device)
    numbers = number_all(graph, modules)
    for tensor in (*modules.parameters.tensors, *modules.buffers.tensors):
        if id(tensor) not in fakes.of:
            fakes.make(tensor, numbers[id(tensor)])

    def argument(spec: TensorSpec, tensor: Any) -> torch.Tensor:
        empty = torch.empty(spec.shape, dtype=TORCH_DTYPES[spec.dtype], device="meta")
        fake = FakeTensor(mode, empty, device)
        first = not graph.inputs
        recorder.names.hold(fake, Name(graph.add_input(spec), Family()))
        if isinstance(tensor, torch.Tensor) and not (first and tensor.is_floating_point()):
            values.stands_for(fake, tensor)
        return fake

    arguments: Any = given.mapped(argument)
    paths = Paths(modules, recorder)
    with with_fakes(modules, fakes), _in_mode(modules, training):
        try:
            with torch.enable_grad(), followed(paths), mode, recorder:
                result = root(*arguments.args, **arguments.kwargs)
        except Exception as error:
            path = paths.failure[1] if paths.failure and paths.failure[0] is error else ""
            name = graph.modules.get(path, "")
            raise ForwardError(error, f"{path} ({name})" if path and name else path or name) from error
        graph.outputs = [recorder.names.value(leaf) for leaf in result_tensors(result)]
    remove_unread_clones(graph)
    return graph


@contextmanager
def _in_mode(modules: Modules, training: bool) -> Iterator[None]:
    """While inside, the network is in training or evaluation mode."""
    root = modules.root
    before = [(module, module.training) for module in modules.by_id.values()]
    try:
        root.train(training)
        yield
    finally:
        for module, mode in before:
            module.training = mode
