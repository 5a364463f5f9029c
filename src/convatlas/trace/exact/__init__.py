"""The exact way from a module to a Graph: its forward, unchanged, through torch's own dispatcher, on fake tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from logging import LogRecord, getLogger
from threading import get_ident
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from ...graph import Graph, TensorSpec
from ...inputs import Inputs
from ..errors import ForwardError
from ..network import TORCH_DTYPES, Modules
from ..results import result_tensors
from .clones import remove_unread_clones
from .functions import Functions
from .names import Family, Name
from .network import Fakes, with_fakes
from .own import own_functions
from .paths import Paths, raised_in
from .recorder import Recorder
from .sheet import Sheet
from .step import record_step
from .values import Values

__all__ = ["traced"]


def traced(modules: Modules, given: Inputs, training: bool) -> Graph:
    """The graph of one forward pass; in training with a whole recorded step (`Graph.step`).

    Raises:
        ForwardError: what the forward pass raised, and where.

    """
    try:
        return _traced(modules, given, training, lets_go=True)
    except ForwardError as failure:
        if "saved tensor" not in str(failure.error):
            raise
        # torch.func takes no hooks on what autograd saves; without them a tensor is let go when autograd lets it go
        return _traced(modules, given, training, lets_go=False)


def _traced(modules: Modules, given: Inputs, training: bool, *, lets_go: bool) -> Graph:
    root = modules.root
    graph = Graph(name=type(root).__name__, training=training)
    graph.modules = {path: kind.__name__ for path, kind in zip(modules.paths, modules.kinds, strict=True)}
    device = next((tensor.device for tensor in modules.parameters.tensors if not tensor.is_meta), torch.device("cpu"))
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    sheet, values = Sheet(graph, with_step=training), Values(mode)
    recorder = Recorder(sheet, values)
    fakes = Fakes(modules, mode, recorder.names, values, device)

    def argument(spec: TensorSpec, tensor: Any) -> torch.Tensor:
        sparse = isinstance(tensor, torch.Tensor) and tensor.layout is not torch.strided
        shape = (
            torch.empty_like(tensor, device="meta")
            if sparse
            else torch.empty(spec.shape, dtype=TORCH_DTYPES[spec.dtype], device="meta")
        )
        fake = FakeTensor(mode, shape, device)
        first = not graph.inputs
        graph.inputs.append(sheet.add_resident(sheet.result(fake, spec)))
        recorder.names.hold(fake, Name(graph.inputs[-1], Family()))
        if isinstance(tensor, torch.Tensor) and not (first and tensor.is_floating_point()):
            values.stands_for(fake, tensor)
        return fake

    arguments: Any = given.mapped(argument)
    paths = Paths(modules, recorder)
    with _without_log(), with_fakes(modules, training, paths.calls(), fakes):
        try:
            hooks = saved_tensors_hooks(recorder.keep, recorder.kept) if lets_go else nullcontext()
            own = own_functions(recorder)
            with torch.enable_grad(), mode, recorder, Functions(values), own, hooks:
                outputs = result_tensors(root(*arguments.args, **arguments.kwargs))
                graph.outputs = [recorder.names.value(output) for output in outputs]
                if training:
                    record_step(recorder, outputs, fakes.parameters)
        except Exception as error:
            path = raised_in(error)
            name = graph.modules.get(path, "")
            raise ForwardError(error, f"{path} ({name})" if path and name else path or name) from error
        finally:
            sheet.close()
    fakes.leave_out_unread_constants()
    graph.step = sheet.step
    remove_unread_clones(graph)
    return graph


@contextmanager
def _without_log() -> Iterator[None]:
    """While inside, torch does not write what goes wrong in this thread into its log: it is told as an error."""
    thread, log = get_ident(), getLogger("torch._subclasses.fake_tensor")

    def elsewhere(record: LogRecord) -> bool:
        return record.thread != thread

    log.addFilter(elsewhere)
    try:
        yield
    finally:
        log.removeFilter(elsewhere)
